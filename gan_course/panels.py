"""Several small charts in one figure, on one scale, so that they can be compared at a glance."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from torch import Tensor

from .plots import COLOURS, CYCLE

Series = Mapping[str, tuple[Sequence[float], Sequence[float]]]


def line_panels(
    panels: Mapping[str, Series],
    *,
    title: str,
    x: str,
    y: str,
    per_row: int = 4,
    log_x: bool = False,
    log_y: bool = False,
    markers: bool = False,
    share_y: bool = True,
    height: float = 2.7,
) -> Figure:
    """Charts side by side: panel name → line name → (xs, ys).

    A line's name decides its colour, so it has the same one in every panel; names that
    ``plots.COLOURS`` knows keep the colour that they have in the whole course. On a logarithmic
    axis values of 0 or less leave a gap; with ``markers`` too, ``log_x`` names exactly the values
    that occur.

    Args:
        panels: at least one.
        title: the message of the figure.
        per_row: panels in a row.
        share_y: one y-axis for all panels.
        height: of a row, in inches.
    """
    across = min(per_row, len(panels))
    down = -(-len(panels) // across)
    figure, axes = plt.subplots(
        down,
        across,
        figsize=(max(4.5, 10 * across / max(across, 3)), height * down + 0.4),
        squeeze=False,
        sharey=share_y,
        layout="constrained",
    )
    names = list(dict.fromkeys(name for series in panels.values() for name in series))
    colours = {name: COLOURS.get(name, CYCLE[i % len(CYCLE)]) for i, name in enumerate(names)}
    for axis, (panel, series) in zip(axes.flat, panels.items(), strict=False):
        for name, (xs, ys) in series.items():
            axis.plot(
                xs, ys, color=colours[name], marker="o" if markers else None, ms=4, lw=1.6,
                label=name,
            )  # fmt: skip
        axis.set_xscale("log" if log_x else "linear")
        axis.set_yscale("log" if log_y else "linear")
        if log_x and markers:  # name the values that were tried, not powers of ten
            ticks = sorted({value for xs, _ in series.values() for value in xs})
            axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks], minor=False)
            axis.xaxis.set_minor_locator(NullLocator())
        axis.set_title(panel, fontsize=9)
        axis.set_xlabel(x, fontsize=9)
        axis.grid(alpha=0.25)
    for axis in list(axes.flat)[len(panels) :]:
        axis.set_axis_off()
    for axis in axes[:, 0]:
        axis.set_ylabel(y, fontsize=9)
    if len(names) > 1:
        axes.flat[0].legend(fontsize=7)
    figure.suptitle(title, fontsize=11)
    return figure


def point_panels(
    panels: Mapping[str, Tensor], *, real: Tensor, title: str, per_row: int = 5, reach: float = 1.5
) -> Figure:
    """Generated points of the plane over real ones, one square a name.

    Args:
        panels: name → (N, 2) generated points, drawn in orange.
        real: (M, 2) real points, drawn below them in blue, the same in each panel.
        title: the message of the figure.
        reach: each panel shows [-reach, reach]².
    """
    across = min(per_row, len(panels))
    down = -(-len(panels) // across)
    side = min(2.4, 10 / across)
    figure, axes = plt.subplots(
        down,
        across,
        figsize=(max(5.0, side * across), (side + 0.3) * down + 0.4),
        squeeze=False,
        layout="constrained",
    )
    for axis, (name, points) in zip(axes.flat, panels.items(), strict=False):
        axis.scatter(*real.T.numpy(), s=5, color=COLOURS["real"], alpha=0.35, lw=0, label="real")
        axis.scatter(
            *points.T.numpy(), s=5, color=COLOURS["fake"], alpha=0.6, lw=0, label="generated"
        )
        axis.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=(), yticks=())
        axis.set_title(name, fontsize=9)
    for axis in list(axes.flat)[len(panels) :]:
        axis.set_axis_off()
    axes.flat[0].legend(fontsize=7, markerscale=2.5, loc="upper right")
    figure.suptitle(title, fontsize=11)
    return figure
