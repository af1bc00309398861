"""Every plotting function gives a Figure from small inputs and says what is wrong with bad ones."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from gan_course import metrics, panels, plots
from gan_course.config import recipe
from gan_course.errors import ConfigError
from gan_course.state import GANState
from gan_course.training import train
from gan_course.widgets import live


@pytest.fixture(scope="module")
def state(small_images):
    return train(
        recipe("progan", preset="quick", record_every=2),
        images=small_images,
        device="cpu",
        progress=False,
    )


@pytest.fixture(scope="module")
def small_images():
    from gan_course.data import load_images

    return load_images("fashion-mnist", count=256)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_a_tile_keeps_every_pixel_and_separates_pictures_by_a_line():
    images = torch.full((5, 1, 4, 4), -1.0)
    images[4] = 0.0
    canvas = plots.tile(images, 3)
    assert canvas.shape == (2 * 5 - 1, 3 * 5 - 1)
    assert np.all(canvas[:4, :4] == 0.0) and np.all(canvas[4] == 1.0)
    assert np.all(canvas[5:9, 5:9] == 0.5)
    colour = plots.tile(torch.zeros(2, 3, 4, 4), 2)
    assert colour.shape == (4, 9, 3)


def test_uint8_and_float_images_give_one_picture():
    pixels = torch.randint(0, 256, (3, 1, 4, 4), dtype=torch.uint8)
    from gan_course.data import to_images

    assert np.allclose(plots.tile(pixels, 3), plots.tile(to_images(pixels), 3), atol=1e-6)


def test_figures_are_drawn_and_labelled(state, small_images):
    floors = metrics.norm_floors(small_images.pixels)
    history = state.history
    figure = plots.curves({"a": history, "b": history}, ["norm_l1", "d_fake"], title="t",
                          floors=floors)  # fmt: skip
    left, right = figure.axes[:2]
    drawn = [line.get_ydata()[0] for line in left.lines if len(set(line.get_ydata())) == 1]
    assert {floors.perfect_l1, floors.blur_l1} <= set(drawn)
    assert "perfect generator" in left.get_xlabel() and right.get_xlabel() == "step"
    strip = plots.film_strip(history, title="t", pictures=3)
    labels = [text.get_text() for text in strip.axes[0].get_xticklabels()]
    assert labels[0] == "0" and labels[-1] == "20"
    grid = plots.image_grids({"one": small_images.pixels[:6], "two": small_images.pixels[:6]},
                             title="t")  # fmt: skip
    assert [axis.get_title() for axis in grid.axes] == ["one", "two"]
    table = plots.heatmap(np.array([[1.0, 2.0]]), rows=["r"], columns=["a", "b"], title="t",
                          x="x", y="y", unit="u")  # fmt: skip
    assert [text.get_text() for text in table.axes[0].texts] == ["1", "2"]
    rows = panels.line_panels({"p": {"a": ([1, 2], [3, 4])}}, title="t", x="x", y="y")
    for drawing in (figure, strip, grid, table, rows):
        assert isinstance(drawing, Figure)


def test_smoothing_is_a_running_mean_that_leaves_nan_out():
    assert plots.smooth([1, 3, 5, 7], 2).tolist() == [1, 2, 4, 6]
    assert plots.smooth([1, float("nan"), 5], 3).tolist() == [1, 1, 3]


def test_a_figure_needs_alternative_text_and_carries_it(monkeypatch):
    import IPython.display

    shown = {}
    monkeypatch.setattr(
        IPython.display, "display", lambda data, raw, metadata: shown.update(data=data, **metadata)
    )
    with pytest.raises(ConfigError, match="alt must say"):
        plots.show(plots.lines({"a": ([1], [1])}, title="t", x="x", y="y"), alt=" ", source="s")
    figure = plots.lines({"a": ([1, 2], [1, 2])}, title="t", x="x", y="y")
    plots.show(figure, alt="A rising line.", source="computed here")
    assert shown["image/png"] == {"alt": "A rising line."}
    assert shown["data"]["image/png"].startswith(b"\x89PNG")
    assert not plt.fignum_exists(figure.number)


def test_a_history_without_moments_says_so():
    empty = GANState.create(recipe("gan", preset="quick")).history
    with pytest.raises(ConfigError, match="no saved moments"):
        plots.film_strip(empty, title="t")


def test_the_live_view_redraws_one_picture_and_leaves_no_figure_open(state, monkeypatch):
    import IPython.display

    calls = []

    class Handle:
        def display(self, content, **arguments):
            calls.append(("display", content, arguments))

        def update(self, content, **arguments):
            calls.append(("update", content, arguments))

    monkeypatch.setattr(IPython.display, "DisplayHandle", Handle)
    view = live.LiveView(every_seconds=1e-9)
    view(state)
    view(state)
    assert [call[0] for call in calls] == ["display", "update"]
    assert calls[0][1]["image/png"].startswith(b"\x89PNG")
    assert "step 20" in calls[0][2]["metadata"]["image/png"]["alt"]
    assert not plt.get_fignums()
    with pytest.raises(ConfigError, match="every_seconds"):
        live.LiveView(every_seconds=0)
