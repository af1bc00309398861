"""Several small charts in one figure, on one scale, so that they can be compared at a glance."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Circle
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


def ball_panels(
    panels: Mapping[str, tuple[str, Tensor, Tensor, Tensor]], *, title: str, reach: float = 3.0
) -> Figure:
    """Points of the plane and the balls of others: who lies in a ball, and who in none.

    Args:
        panels: name → (whose balls: "real" or "fake", centres (N, 2), radii (N,), points (M, 2) of
            the other kind). A point in no ball is drawn as a cross.
        title: the message of the figure.
        reach: each panel shows [-reach, reach]².
    """
    figure, axes = plt.subplots(
        1, len(panels), figsize=(4.2 * len(panels), 4.4), squeeze=False, layout="constrained"
    )
    for axis, (name, (whose, centres, radii, points)) in zip(
        axes.flat, panels.items(), strict=True
    ):
        other = "fake" if whose == "real" else "real"
        for centre, radius in zip(centres.tolist(), radii.tolist(), strict=True):
            axis.add_patch(Circle(centre, radius, color=COLOURS[whose], alpha=0.12, lw=0))
            axis.add_patch(Circle(centre, radius, color=COLOURS[whose], fill=False, lw=0.5))
        inside = ((points[:, None] - centres[None]).norm(dim=2) < radii).any(1)
        axis.scatter(*centres.T.numpy(), s=14, color=COLOURS[whose], label=f"{whose}, with balls")
        for chosen, marker, where in ((inside, "o", "in a ball"), (~inside, "x", "in none")):
            axis.scatter(
                *points[chosen].T.numpy(), s=30, color=COLOURS[other], marker=marker, lw=1.4,
                label=f"{other}, {where}",
            )  # fmt: skip
        axis.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=(), yticks=())
        axis.set_title(name, fontsize=9)
        axis.legend(fontsize=7, loc="upper left")
    figure.suptitle(title, fontsize=11)
    return figure


def bar_panels(
    panels: Mapping[str, Sequence[float]], *, labels: Sequence[str], title: str, y: str,
    line: float | None = None, per_row: int = 4,
) -> Figure:  # fmt: skip
    """Histograms side by side, name → one height a label; ``line`` is drawn across all of them."""
    across = min(per_row, len(panels))
    down = -(-len(panels) // across)
    figure, axes = plt.subplots(
        down, across, figsize=(10, 2.6 * down + 0.4), squeeze=False, sharey=True,
        layout="constrained",
    )  # fmt: skip
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, (name, heights) in zip(axes.flat, panels.items(), strict=False):
        axis.set_axis_on()
        axis.bar(range(len(labels)), heights, color=COLOURS.get(name, CYCLE[0]))
        if line is not None:
            axis.axhline(line, color=COLOURS["floor"], ls="--", lw=1)
        axis.set_xticks(range(len(labels)), labels, rotation=90, fontsize=7)
        axis.set_title(name, fontsize=9)
    for axis in axes[:, 0]:
        axis.set_ylabel(y, fontsize=9)
    figure.suptitle(title, fontsize=11)
    return figure


REACTION = LinearSegmentedColormap.from_list(
    "reaction", [COLOURS["real"], "#FFFFFF", COLOURS["snovengan"]]
)


def reaction_table(
    values: np.ndarray, reactions: np.ndarray, *, rows: Sequence[str], columns: Sequence[str],
    title: str,
) -> Figure:  # fmt: skip
    """Which number moves under which fault: each cell holds a value, its colour how far it moved.

    Args:
        values: (rows, columns), written into the cells.
        reactions: how many spreads of honest sets a value lies from their mean, > 0 for worse.
            Up to 3 the cell stays white; the strongest colours begin at 100.
    """
    tone = np.log(np.clip(np.abs(reactions), 3, 100) / 3) / np.log(100 / 3)
    figure, axis = plt.subplots(
        figsize=(0.95 * len(columns) + 2.4, 0.34 * len(rows) + 1.5), layout="constrained"
    )
    image = axis.imshow(
        np.sign(reactions) * tone, cmap=REACTION, vmin=-1.15, vmax=1.15, aspect="auto"
    )
    for (i, j), value in np.ndenumerate(values):
        text = f"{value:.3g}" if abs(value) >= 1e-3 else "0"
        axis.text(j, i, text, ha="center", va="center", fontsize=8)
    axis.set_xticks(range(len(columns)), columns, fontsize=9)
    axis.set_yticks(range(len(rows)), rows, fontsize=9)
    axis.xaxis.tick_top()
    axis.set_title(title, fontsize=11)
    marks = [np.log(mark / 3) / np.log(100 / 3) for mark in (3, 10, 30, 100)]
    bar = figure.colorbar(image, ticks=[*(-mark for mark in marks[:0:-1]), 0, *marks[1:]])
    bar.ax.set_yticklabels(["100 better", "30", "10", "within 3", "10", "30", "100 worse"])
    bar.ax.tick_params(labelsize=8)
    bar.set_label("spreads of honest sets away from them", fontsize=8)
    return figure
