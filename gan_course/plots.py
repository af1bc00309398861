"""Pictures: every function takes numbers and returns a matplotlib Figure; ``show`` displays one.

One colour code through the whole course, readable with any colour vision (Okabe and Ito):
real is blue, generated is orange, D is green, G is orange, the norm loss is purple, floors grey.
"""

import io
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from .data import to_images
from .errors import ConfigError
from .history import LABELS, History
from .metrics import NormFloors

COLOURS = {
    "real": "#0072B2",
    "fake": "#E69F00",
    "D": "#009E73",
    "G": "#E69F00",
    "norm": "#CC79A7",
    "floor": "#666666",
    "gan": "#0072B2",
    "progan": "#CC79A7",
    "residual_gan": "#009E73",
    "snovengan": "#D55E00",
}
CYCLE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#000000", "#F0E442")


def show(figure: Figure, *, alt: str, source: str) -> None:
    """Display a figure in a notebook with its alternative text and its caption, and close it.

    Args:
        alt: one sentence that tells someone who cannot see the picture what it shows.
        source: where the numbers come from: "trained here", "recorded, seed 0", "computed here".
    """
    from IPython.display import display  # a notebook has it; the package does not need it

    if not alt.strip():
        raise ConfigError("alt must say in a sentence what the figure shows.")
    figure.text(0.995, -0.004, source, ha="right", va="top", fontsize=7, color="#555555")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100, bbox_inches="tight", facecolor="white")
    plt.close(figure)
    display(
        {"image/png": buffer.getvalue(), "text/plain": f"[figure: {alt}]"},
        raw=True,
        metadata={"image/png": {"alt": alt}},
    )


def _as_array(images: Tensor) -> np.ndarray:
    """(N, C, H, W) uint8 or floats in [-1, 1] → (N, H, W) or (N, H, W, 3) in [0, 1]."""
    if images.dim() != 4:
        raise ConfigError(f"images must be (N, C, H, W); got {tuple(images.shape)}.")
    floats = images if images.is_floating_point() else to_images(images)
    array = ((floats.detach().float().cpu() + 1) / 2).clamp(0, 1).permute(0, 2, 3, 1).numpy()
    return array[..., 0] if array.shape[-1] == 1 else array


def tile(images: Tensor, columns: int) -> np.ndarray:
    """One large picture of N small ones, row by row, with a thin line between them."""
    array = _as_array(images)
    rows = -(-len(array) // columns)
    height, width = array.shape[1:3]
    canvas = np.ones((rows * (height + 1) - 1, columns * (width + 1) - 1, *array.shape[3:]))
    for i, picture in enumerate(array):
        top, left = (i // columns) * (height + 1), (i % columns) * (width + 1)
        canvas[top : top + height, left : left + width] = picture
    return canvas


def image_grids(
    grids: Mapping[str, Tensor], *, title: str, columns: int = 8, per_row: int = 4
) -> Figure:
    """Blocks of pictures side by side, each under its name.

    Args:
        grids: name → (N, C, H, W), uint8 or floats in [-1, 1].
        title: the message of the figure.
        columns: pictures in a row of a block.
        per_row: blocks in a row.
    """
    across = min(per_row, len(grids))
    down = -(-len(grids) // across)
    pictures = {name: tile(images, columns) for name, images in grids.items()}
    aspect = max(block.shape[0] / block.shape[1] for block in pictures.values())
    width = min(10.0, max(3.4, 0.425 * columns) * across + 0.4)
    figure, axes = plt.subplots(
        down,
        across,
        figsize=(width, down * (width / across * aspect + 0.35) + 0.4),
        squeeze=False,
        layout="constrained",
    )
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, (name, block) in zip(axes.flat, pictures.items(), strict=False):
        axis.imshow(block, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axis.set_title(name, fontsize=9)
    figure.suptitle(title, fontsize=11)
    return figure


def film_strip(history: History, *, title: str, pictures: int = 8, moments: int = 10) -> Figure:
    """What the same latents became: one row a latent, one column a saved moment."""
    if not history.moments:
        raise ConfigError("this history has no saved moments; train for at least one step.")
    picks = np.unique(np.linspace(0, len(history.moments) - 1, moments).round().astype(int))
    steps = [history.moments[i][0] for i in picks]
    columns = torch.stack([history.moments[i][1][:pictures] for i in picks], dim=1)
    canvas = tile(columns.flatten(0, 1), len(picks))
    side = columns.shape[-1] + 1
    figure, axis = plt.subplots(
        figsize=(0.9 * max(len(picks), 4), 0.9 * pictures + 0.7), layout="constrained"
    )
    axis.imshow(canvas, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axis.set_xticks([(i + 0.5) * side for i in range(len(picks))], [f"{step:,}" for step in steps])
    axis.set_yticks([])
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    axis.set_xlabel("step")
    axis.set_title(title, fontsize=11)
    return figure


def smooth(values: Sequence[float], window: int) -> np.ndarray:
    """A running mean over ``window`` values, shorter at the start; NaNs are left out."""
    array = np.asarray(values, dtype=float)
    good = np.isfinite(array)
    sums = np.cumsum(np.where(good, array, 0.0))
    counts = np.cumsum(good).astype(float)
    sums[window:], counts[window:] = (
        sums[window:] - sums[:-window],
        counts[window:] - counts[:-window],
    )
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)


def curves(
    histories: Mapping[str, History],
    columns: Sequence[str],
    *,
    title: str,
    floors: NormFloors | None = None,
    window: int = 10,
    log: Sequence[str] = (),
) -> Figure:
    """Training curves, one panel a column of the history, one line a run.

    Args:
        histories: label → history.
        columns: names from ``history.COLUMNS``.
        floors: draws what a perfect generator and the best constant blur pay on the norm panels.
        window: records in the running mean that is drawn (10 records are 200 steps by default).
        log: the columns with a logarithmic axis.
    """
    across = min(3, len(columns))
    down = -(-len(columns) // across)
    figure, axes = plt.subplots(
        down, across, figsize=(3.4 * across, 2.6 * down), squeeze=False, layout="constrained"
    )
    lines = {"norm_l1": ("perfect_l1", "blur_l1"), "norm_l2": ("perfect_l2", "blur_l2")}
    for axis, column in zip(axes.flat, columns, strict=False):
        for colour, (label, history) in zip(_cycle(histories), histories.items(), strict=False):
            axis.plot(
                history["step"], smooth(history[column], window), color=colour, lw=1.4, label=label
            )
        with_floors = floors is not None and column in lines
        if with_floors:
            perfect, blur = (getattr(floors, name) for name in lines[column])
            axis.axhline(perfect, color=COLOURS["floor"], ls="--", lw=1)
            axis.axhline(blur, color=COLOURS["floor"], ls=":", lw=1)
        if column in log:
            axis.set_yscale("log")
        axis.set_title(LABELS.get(column, column), fontsize=9)
        legend = "step\ndashed: perfect generator · dotted: best constant blur"
        axis.set_xlabel(legend if with_floors else "step", fontsize=7 if with_floors else None)
        axis.grid(alpha=0.25)
    for axis in list(axes.flat)[len(columns) :]:
        axis.set_axis_off()
    if len(histories) > 1:
        axes.flat[0].legend(fontsize=7)
    figure.suptitle(title, fontsize=11)
    return figure


def _cycle(names: Mapping[str, object]) -> list[str]:
    return [COLOURS.get(name, CYCLE[i % len(CYCLE)]) for i, name in enumerate(names)]


def lines(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    title: str,
    x: str,
    y: str,
    log_x: bool = False,
    log_y: bool = False,
    markers: bool = False,
) -> Figure:
    """Named lines in one panel: name → (xs, ys)."""
    figure, axis = plt.subplots(figsize=(6, 3.4), layout="constrained")
    for colour, (name, (xs, ys)) in zip(_cycle(series), series.items(), strict=False):
        axis.plot(xs, ys, color=colour, marker="o" if markers else None, lw=1.6, label=name)
    axis.set(title=title, xlabel=x, ylabel=y)
    axis.set_xscale("log" if log_x else "linear")
    axis.set_yscale("log" if log_y else "linear")
    axis.grid(alpha=0.25)
    if len(series) > 1:
        axis.legend(fontsize=8)
    return figure


def heatmap(
    values: np.ndarray, *, rows: Sequence, columns: Sequence, title: str, x: str, y: str, unit: str,
    log: bool = False,
) -> Figure:  # fmt: skip
    """A table of numbers as colours, with each number written in its cell; darker is larger.

    ``log`` colours by the logarithm, for positive numbers of very different size.
    """
    values = np.asarray(values, dtype=float)
    figure, axis = plt.subplots(figsize=(1.1 * len(columns) + 2, 0.7 * len(rows) + 1.4))
    image = axis.imshow(values, cmap="cividis_r", aspect="auto", norm="log" if log else "linear")
    middle = image.norm.inverse(0.5)
    for (i, j), value in np.ndenumerate(values):
        axis.text(j, i, f"{value:.3g}", ha="center", va="center", fontsize=9,
                  color="white" if value > middle else "black")  # fmt: skip
    axis.set_xticks(range(len(columns)), [str(c) for c in columns])
    axis.set_yticks(range(len(rows)), [str(r) for r in rows])
    axis.set(title=title, xlabel=x, ylabel=y)
    figure.colorbar(image, label=unit)
    figure.tight_layout()
    return figure
