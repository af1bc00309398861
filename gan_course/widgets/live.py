"""Watch a GAN learn: one picture in the notebook that is redrawn while ``train`` runs."""

import io
import time

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from ..errors import ConfigError
from ..plots import COLOURS, tile
from ..state import GANState
from ..training import sample


def draw(state: GANState, pictures: int = 32) -> Figure:
    """Samples of the averaged generator on the left, D(x) and D(G(z)) so far on the right."""
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(8, 3), layout="constrained", width_ratios=(2, 1.2)
    )
    left.imshow(tile(sample(state.average, pictures), 8), cmap="gray", vmin=0, vmax=1)
    left.set_axis_off()
    left.set_title(f"what G draws at step {state.step:,} of {state.config.steps:,}", fontsize=10)
    for column, colour, label in (
        ("d_real", COLOURS["real"], "D(x), real"),
        ("d_fake", COLOURS["fake"], "D(G(z)), generated"),
    ):
        right.plot(state.history["step"], state.history[column], color=colour, lw=1, label=label)
    right.set(xlabel="step", xlim=(0, state.config.steps))
    if state.config.loss in ("minimax", "non_saturating"):  # the others' scores are raw outputs
        right.axhline(0.5, color=COLOURS["floor"], lw=0.8, ls=":")
        right.set_ylim(0, 1)
    right.set_title("how real D finds them", fontsize=10)
    right.legend(fontsize=7, loc="upper right")
    return figure


class LiveView:
    """A callback for ``train(..., callbacks=[LiveView()])``; where no notebook is, it does nothing.

    Args:
        every_seconds: > 0, how often the picture is redrawn (one costs about 0.1 s).
        source: the caption below the picture.
    """

    def __init__(self, *, every_seconds: float = 3.0, source: str = "trained here, seed 0"):
        if not every_seconds > 0:
            raise ConfigError(f"every_seconds must be greater than 0; got {every_seconds!r}.")
        self.every_seconds, self.source = every_seconds, source
        self._handle, self._next = None, 0.0

    def __call__(self, state: GANState) -> None:
        if time.perf_counter() < self._next and state.step < state.config.steps:
            return
        try:
            from IPython.display import DisplayHandle
        except ImportError:
            return
        figure = draw(state)
        figure.text(0.995, 0.002, self.source, ha="right", fontsize=7, color="#555555")
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=90, facecolor="white")
        plt.close(figure)
        alt = f"Samples of G and the scores of D at step {state.step}."
        content = {"image/png": buffer.getvalue(), "text/plain": f"[figure: {alt}]"}
        arguments = {"raw": True, "metadata": {"image/png": {"alt": alt}}}
        if self._handle is None:
            self._handle = DisplayHandle()
            self._handle.display(content, **arguments)
        else:
            self._handle.update(content, **arguments)
        self._next = time.perf_counter() + self.every_seconds
