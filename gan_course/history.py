"""What a training run wrote down: curves, events and pictures, ready to plot or to save."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

# One number a record. Norm terms are summed norms without λ; see losses.norm_terms.
COLUMNS = (
    "step",
    "loss_d",  # what D minimised
    "loss_g",  # the adversarial half of what G minimised
    "d_real",  # mean score of real images: D(x)
    "d_fake",  # mean score of generated images: D(G(z))
    "norm_l1",  # mean ‖fake − partner‖₁
    "norm_l2",  # mean ‖fake − partner‖₂
    "grad_norm_d",  # 2-norm of D's gradient over all its parameters
    "grad_norm_g",  # 2-norm of G's gradient over all its parameters
    "ratio",  # ‖∇ norm loss‖ / ‖∇ adversarial loss‖ at G's output, each fake against one partner
    "ratio_all_pairs",  # the same with each fake against every real of the batch
)

# How figures call them.
LABELS = {
    "loss_d": "loss of D",
    "loss_g": "adversarial loss of G",
    "d_real": "D(x): mean on real images",
    "d_fake": "D(G(z)): mean on generated images",
    "norm_l1": "E‖G(z) − x‖₁, summed",
    "norm_l2": "E‖G(z) − x‖₂",
    "grad_norm_d": "gradient norm of D",
    "grad_norm_g": "gradient norm of G",
    "ratio": "|∇ norm loss| / |∇ adversarial|, one pair",
    "ratio_all_pairs": "|∇ norm loss| / |∇ adversarial|, all pairs",
}


@dataclass
class History:
    """Columns of equal length, slider events and saved pictures of one run.

    ``history["loss_d"]`` is a list of floats, one a record. ``events`` are (step, name, value) for
    each change of a control in mid-run. ``moments`` are (step, uint8 (N, C, H, W)) samples of the
    averaged generator for the same latents at every moment.
    """

    columns: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in COLUMNS})
    events: list[tuple[int, str, float]] = field(default_factory=list)
    moments: list[tuple[int, Tensor]] = field(default_factory=list)

    def __getitem__(self, name: str) -> list[float]:
        return self.columns[name]

    def __len__(self) -> int:
        return len(self.columns["step"])

    def append(self, row: dict[str, float]) -> None:
        """Add one record; it must have exactly the names in ``COLUMNS``."""
        for name in COLUMNS:
            self.columns[name].append(float(row[name]))

    def state_dict(self) -> dict:
        """Tensors and plain values only, so that torch.load(weights_only=True) can read them."""
        return {
            "columns": {
                name: torch.tensor(values, dtype=torch.float64)
                for name, values in self.columns.items()
            },
            "events": list(self.events),
            "moments": [(step, pixels.clone()) for step, pixels in self.moments],
        }

    @classmethod
    def from_state_dict(cls, state: dict) -> "History":
        """The inverse of ``state_dict``."""
        return cls(
            columns={name: values.tolist() for name, values in state["columns"].items()},
            events=[(int(step), str(name), float(value)) for step, name, value in state["events"]],
            moments=[(int(step), pixels) for step, pixels in state["moments"]],
        )
