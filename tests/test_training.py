"""The step as maths and the loop around it: to the bit what a loop by hand gives."""

from __future__ import annotations

import dataclasses
import math
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from conftest import same_bits, small_config, small_images

from gan_course import checkpoint
from gan_course.acceleration import update_ema
from gan_course.config import RECIPES
from gan_course.errors import ConfigError
from gan_course.history import COLUMNS
from gan_course.losses import ADVERSARIAL_LOSSES, norm_loss, pair, repulsion
from gan_course.measuring import all_pairs_pull, gradient_norm
from gan_course.models import DCGANGenerator, ResidualGenerator
from gan_course.sampling import is_moment
from gan_course.state import CONTROLS, GANState
from gan_course.training import batch, sample, train, train_step

ROOT = Path(__file__).resolve().parents[1]


def without_time(state: GANState) -> dict:
    """All that a state consists of, except how long it took."""
    return {name: part for name, part in state.state_dict().items() if name != "seconds"}


def ordinary_step(state: GANState, real, z, loss, lambda1: float, lambda2: float) -> None:
    """The same game with textbook backward passes: D, then G, each with one .backward()."""
    fake = state.generator(z)
    loss_d = loss.discriminator(state.discriminator(real), state.discriminator(fake.detach()))
    state.optimizer_d.zero_grad()
    loss_d.backward()
    state.optimizer_d.step()

    difference = (fake - real).flatten(1)
    l1 = difference.abs().sum(dim=1).mean()
    l2 = torch.linalg.vector_norm(difference, dim=1).mean()
    loss_g = loss.generator(state.discriminator(fake)) + (lambda1 * l1 + lambda2 * l2)
    state.optimizer_g.zero_grad()
    loss_g.backward()
    state.optimizer_g.step()


def whole_gradient(network: torch.nn.Module) -> torch.Tensor:
    return torch.cat([parameter.grad.flatten() for parameter in network.parameters()])


def player_bits(state: GANState) -> dict:
    return {
        name: part.state_dict()
        for name, part in (
            ("G", state.generator),
            ("D", state.discriminator),
            ("optimizer G", state.optimizer_g),
            ("optimizer D", state.optimizer_d),
        )
    }


@pytest.mark.parametrize("generator", ["dcgan", "residual", "mlp"])
@pytest.mark.parametrize("name", ADVERSARIAL_LOSSES)
def test_train_step_equals_an_ordinary_loop_to_the_bit(name, generator, images):
    config = small_config(
        "gan", loss=name, generator=generator, lambda1=0.01, lambda2=0.1, image_size=16
    )
    loss = ADVERSARIAL_LOSSES[name]
    ours, by_hand = GANState.create(config), GANState.create(config)
    for step in range(4):
        real, z = batch(config, images.pixels, step)
        train_step(ours, real, z, loss=loss)
        ordinary_step(by_hand, real, z, loss, 0.01, 0.1)
        for mine, theirs in zip(
            ours.generator.parameters(), by_hand.generator.parameters(), strict=True
        ):
            assert same_bits(mine.grad, theirs.grad)
    for name, part in player_bits(ours).items():
        assert same_bits(part, player_bits(by_hand)[name]), name


@pytest.mark.parametrize("lambdas", [(0.05, 0.0), (0.0, 2.0), (0.05, 2.0)])
@pytest.mark.parametrize("pairing", ["independent", "assignment", "nearest_fake"])
def test_generators_gradient_holds_the_norm_loss_as_defined(lambdas, pairing, images):
    """A dropped, squared or mean-reduced norm term changes G's gradient, not just a number."""
    config = small_config("gan", lambda1=lambdas[0], lambda2=lambdas[1], pairing=pairing)
    loss = ADVERSARIAL_LOSSES["non_saturating"]
    ours, by_hand = GANState.create(config), GANState.create(config)
    real, z = batch(config, images.pixels, 0)
    train_step(ours, real, z, loss=loss, pairing=pairing)
    fake = by_hand.generator(z)
    by_hand.optimizer_d.zero_grad()
    loss.discriminator(by_hand.discriminator(real), by_hand.discriminator(fake.detach())).backward()
    by_hand.optimizer_d.step()
    total = loss.generator(by_hand.discriminator(fake))
    left, right = pair(fake, real, pairing)
    rows = (left - right).flatten(1)
    total = total + lambdas[0] * rows.abs().sum(1).mean()
    total = total + lambdas[1] * rows.square().sum(1).sqrt().mean()
    total.backward()
    for mine, theirs in zip(
        ours.generator.parameters(), by_hand.generator.parameters(), strict=True
    ):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-4, atol=1e-7)


def test_repulsion_enters_the_step(images):
    config = small_config("gan", lambda2=1.0, repulsion=True)
    state = GANState.create(config)
    real, z = batch(config, images.pixels, 0)
    report = train_step(state, real, z, loss=ADVERSARIAL_LOSSES["hinge"], repel=True)
    fake = report["fake"].clone().requires_grad_()
    (expected,) = torch.autograd.grad(
        norm_loss(fake, real, 0.0, 1.0) + repulsion(fake, 0.0, 1.0), fake
    )
    torch.testing.assert_close(report["pull_norm"], expected)


def test_the_discriminators_step_leaves_every_gradient_of_g_unchanged(images):
    """Without detach() D's loss would write into G's .grad, which no sample and no loss shows."""
    config = small_config()
    state = GANState.create(config)
    for parameter in state.generator.parameters():
        parameter.grad = torch.full_like(parameter, 7.0)
    seen = []
    step_of_d = state.optimizer_d.step

    def step_and_look():
        seen.append(all(bool((p.grad == 7).all()) for p in state.generator.parameters()))
        assert seen[-1], "D's step changed a gradient of G: is detach() missing?"
        step_of_d()

    state.optimizer_d.step = step_and_look
    real, z = batch(config, images.pixels, 0)
    train_step(state, real, z, loss=ADVERSARIAL_LOSSES[config.loss])
    assert seen == [True]


def test_the_generators_turn_leaves_every_gradient_of_d_unchanged(images):
    config = small_config()
    state = GANState.create(config)
    after_d = []
    step_of_d = state.optimizer_d.step

    def step_and_keep():
        step_of_d()
        after_d.extend(p.grad.clone() for p in state.discriminator.parameters())

    state.optimizer_d.step = step_and_keep
    real, z = batch(config, images.pixels, 0)
    train_step(state, real, z, loss=ADVERSARIAL_LOSSES[config.loss])
    assert same_bits(after_d, [p.grad for p in state.discriminator.parameters()])


def test_the_norm_loss_is_not_in_ds_gradient(images):
    """Claim C2 for D cannot hold directly: with and without the norm loss D's first step is one."""
    steps = []
    for recipe_name in ("gan", "progan"):
        config = small_config(recipe_name)
        state = GANState.create(config)
        real, z = batch(config, images.pixels, 0)
        train_step(state, real, z, loss=ADVERSARIAL_LOSSES[config.loss])
        steps.append([p.grad.clone() for p in state.discriminator.parameters()])
    assert same_bits(*steps)


def test_the_report_is_detached(images):
    config = small_config()
    state = GANState.create(config)
    report = train_step(
        state, *batch(config, images.pixels, 0), loss=ADVERSARIAL_LOSSES[config.loss]
    )
    assert not any(value.requires_grad for value in report.values())


@pytest.mark.parametrize("recipe_name", RECIPES)
def test_the_same_seed_gives_the_same_bits(recipe_name, images):
    config = small_config(recipe_name, steps=6)
    torch.manual_seed(1)
    first = train(config, images=images, progress=False)
    torch.manual_seed(2)
    second = train(config, images=images, progress=False)
    bits, again = without_time(first), without_time(second)
    bits.pop("torch_rng"), again.pop("torch_rng")
    assert same_bits(bits, again)
    other = train(dataclasses.replace(config, seed=1), images=images, progress=False)
    assert not same_bits(dict(first.generator.state_dict()), dict(other.generator.state_dict()))


def test_arms_share_data_latents_and_initial_weights(images):
    arms = {name: small_config(name) for name in RECIPES}
    for step in (0, 5, 11):
        seen = [batch(config, images.pixels, step) for config in arms.values()]
        assert all(same_bits(seen[0], other) for other in seen)
    states = {name: GANState.create(config) for name, config in arms.items()}
    start = {name: dict(state.generator.state_dict()) for name, state in states.items()}
    assert same_bits(start["gan"], start["progan"])
    assert same_bits(start["residual_gan"], start["snovengan"])
    critics = [dict(state.discriminator.state_dict()) for state in states.values()]
    assert all(same_bits(critics[0], other) for other in critics)


def test_batches_change_with_the_step_and_the_seed(images):
    config = small_config()
    here = batch(config, images.pixels, 0)
    for real, z in (
        batch(config, images.pixels, 1),
        batch(dataclasses.replace(config, seed=1), images.pixels, 0),
    ):
        assert not torch.equal(here[0], real) and not torch.equal(here[1], z)
    assert here[0].shape == (16, 1, 16, 16) and here[1].shape == (16, 8)
    assert here[0].min() >= -1 and here[0].max() <= 1


def test_history_holds_what_its_columns_say(images):
    """One step, every number of its row found again by hand."""
    config = small_config("progan", steps=1, record_every=1, lambda1=0.01, lambda2=0.3)
    history = train(config, images=images, progress=False).history
    assert set(history.columns) == set(COLUMNS)
    row = {name: values[0] for name, values in history.columns.items()}

    state = GANState.create(config)
    loss = ADVERSARIAL_LOSSES[config.loss]
    real, z = batch(config, images.pixels, 0)
    report = train_step(state, real, z, loss=loss)
    fake = report["fake"]
    rows = (fake - real).flatten(1)
    adversarial = report["pull_adversarial"].norm()
    pull = torch.zeros_like(fake)
    for other in real:  # each fake against every real, one real at a time
        points = fake.clone().requires_grad_()
        distance = norm_loss(points, other.expand_as(points), 0.01, 0.3)
        pull += torch.autograd.grad(distance, points)[0] / len(real)
    expected = {
        "step": 1,
        "loss_d": report["loss_d"],
        "loss_g": report["loss_g"],
        "d_real": report["real_logits"].sigmoid().mean(),
        "d_fake": report["fake_logits"].sigmoid().mean(),
        "norm_l1": rows.abs().sum(1).mean(),
        "norm_l2": rows.norm(dim=1).mean(),
        "grad_norm_d": whole_gradient(state.discriminator).norm(),
        "grad_norm_g": whole_gradient(state.generator).norm(),
        "ratio": report["pull_norm"].norm() / adversarial,
        "ratio_all_pairs": pull.norm() / adversarial,
    }
    assert {name: float(value) for name, value in expected.items()} == pytest.approx(row, rel=1e-4)


def test_the_norm_columns_follow_the_pairing(images):
    rows = {}
    for pairing in ("independent", "nearest_real"):
        config = small_config("progan", steps=1, record_every=1, pairing=pairing)
        rows[pairing] = train(config, images=images, progress=False).history["norm_l2"][0]
    assert rows["nearest_real"] < rows["independent"]


def test_without_a_norm_loss_the_ratios_are_zero(images):
    history = train(small_config("gan", steps=3), images=images, progress=False).history
    assert history["ratio"] == [0.0] and history["ratio_all_pairs"] == [0.0]
    assert history["norm_l1"][0] > 0  # shown all the same, to draw beside the other arms


def test_records_and_moments_come_when_they_should(images):
    history = train(small_config(steps=8), images=images, progress=False).history
    assert history["step"] == [3, 6, 8]
    assert [step for step, _ in history.moments] == [0, 8]
    for _, pixels in history.moments:
        assert pixels.dtype == torch.uint8 and pixels.shape == (64, 1, 16, 16)
    assert [s for s in range(2001) if is_moment(s)] == [
        0, 25, 50, 100, 200, 400, 800, 1000, 2000
    ]  # fmt: skip


def test_gradient_norm_before_the_first_step_is_zero():
    assert float(gradient_norm(GANState.create(small_config()).generator)) == 0


def test_all_pairs_pull_of_equal_batches_is_finite():
    images = torch.rand(5, 1, 4, 4)
    assert all_pairs_pull(images, images, 1.0, 1.0).isfinite().all()


@pytest.mark.parametrize("name", CONTROLS)
def test_a_control_acts_on_the_next_step_and_is_written_down(name, images):
    """A slider moved after step 3 gives the bits of a run by hand that changed it there."""
    value = 0.02

    def move(state):
        if state.step == 3:
            state.set_control(name, value)
            assert state.control(name) == pytest.approx(value)

    config = small_config("gan", steps=6, lambda2=0.1)
    moved = train(config, images=images, progress=False, callbacks=[move])
    assert moved.history.events == [(3, name, value)]

    by_hand = GANState.create(config)
    loss = ADVERSARIAL_LOSSES[config.loss]
    for step in range(6):
        if step == 3:
            if name.startswith("lambda"):
                getattr(by_hand, name).fill_(value)
            else:
                optimizer = by_hand.optimizer_g if name == "lr_g" else by_hand.optimizer_d
                optimizer.param_groups[0]["lr"].fill_(value)
        train_step(by_hand, *batch(config, images.pixels, step), loss=loss)
    assert same_bits(player_bits(moved)["G"], player_bits(by_hand)["G"])
    still = train(config, images=images, progress=False)
    assert not same_bits(player_bits(moved)["G"], player_bits(still)["G"])


@pytest.mark.parametrize("build", [DCGANGenerator, ResidualGenerator])
def test_ema_is_its_formula_with_buffers(build):
    torch.manual_seed(0)
    average, model = (build(4, (1, 16, 16), 2) for _ in range(2))
    for network in (average, model):
        for _ in range(3):
            network(torch.randn(8, 4))
    model(torch.randn(8, 4))  # so that the integer buffers differ too
    before = {name: value.clone() for name, value in average.state_dict().items()}
    update_ema(average, model, 0.9)
    names = set()
    for name, value in average.state_dict().items():
        target = model.state_dict()[name]
        if value.is_floating_point():
            torch.testing.assert_close(value, 0.9 * before[name] + 0.1 * target)
            if "running" in name:
                assert not torch.equal(value, before[name])
        else:
            assert torch.equal(value, target)
        names.add(name.rsplit(".", 1)[1])
    assert {"running_mean", "running_var", "num_batches_tracked"} <= names


def test_the_average_of_a_run_is_the_formula_over_its_steps(images):
    config = small_config("gan", steps=7, ema_decay=0.5, record_every=1)
    weights = []

    def keep(state):
        weights.append({k: v.double().clone() for k, v in state.generator.state_dict().items()})

    start = GANState.create(config).generator.state_dict()
    average = {name: value.double() for name, value in start.items()}
    state = train(config, images=images, progress=False, callbacks=[keep])
    for step, now in enumerate(weights):
        decay = min(0.5, (1 + step) / (10 + step))
        average = {k: decay * average[k] + (1 - decay) * now[k] for k in average}
    for name, value in state.average.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value.double(), average[name], rtol=1e-5, atol=1e-6)


def test_the_average_is_evaluated_with_statistics_of_its_weights(images):
    """In evaluation mode the averaged net must look like the net: its buffers have moved along."""
    config = small_config("gan", steps=60, ema_decay=0.9, record_every=60, lr_g=1e-3, lr_d=2e-4)
    state = train(config, images=images, progress=False)
    close = (sample(state.average, 32) - sample(state.generator, 32)).abs().mean()
    stale = state.average
    for name, buffer in stale.named_buffers():
        if "running_mean" in name:
            buffer.zero_()
        elif "running_var" in name:
            buffer.fill_(1)
    far = (sample(stale, 32) - sample(state.generator, 32)).abs().mean()
    assert close < far / 2


def test_sample_repeats_itself_and_leaves_the_mode_alone(images):
    state = train(small_config("gan", steps=30), images=images, progress=False)
    assert state.generator.training and not state.average.training
    before = {k: v.clone() for k, v in state.generator.state_dict().items()}
    first = sample(state.generator, 600, seed=3)
    assert state.generator.training
    assert same_bits(before, dict(state.generator.state_dict()))
    assert first.shape == (600, 1, 16, 16) and not first.requires_grad
    torch.testing.assert_close(first[:8], sample(state.generator, 600, seed=3)[:8], rtol=0, atol=0)
    assert not torch.equal(first[:8], sample(state.generator, 8, seed=4))


def test_a_callback_stops_a_run(images, tmp_path):
    def stop(state):
        state.stop_requested = state.step >= 6

    state = train(
        small_config(), images=images, progress=False, callbacks=[stop], run_folder=tmp_path
    )
    assert (state.step, state.interrupted) == (6, True)
    assert checkpoint.newest(tmp_path).step == 6


def test_training_in_another_thread(images):
    result = []
    worker = threading.Thread(
        target=lambda: result.append(train(small_config(), images=images, progress=False))
    )
    worker.start()
    worker.join()
    here = train(small_config(), images=images, progress=False)
    assert same_bits(player_bits(result[0]), player_bits(here))


def test_the_interrupt_handler_is_put_back(images):
    before = signal.getsignal(signal.SIGINT)
    train(small_config(steps=2), images=images, progress=False)
    assert signal.getsignal(signal.SIGINT) is before


SCRIPT = """
import sys, time
sys.path[:0] = [{root!r}, {root!r} + "/tests"]
from conftest import small_config, small_images
from gan_course.training import train

def slowly(state):
    print("step", state.step, flush=True)
    time.sleep(0.1)

state = train(small_config(steps=48), images=small_images(), run_folder={folder!r},
              progress=False, callbacks=[slowly])
print("returned", state.step, state.interrupted, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_run_resumes_to_the_bits_of_one_that_was_not(number, images, tmp_path):
    code = SCRIPT.format(root=str(ROOT), folder=str(tmp_path))
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    while "step 9" not in child.stdout.readline():
        assert child.poll() is None, "the training program ended by itself"
    time.sleep(0.02)
    child.send_signal(number)
    rest = child.communicate(timeout=60)[0]
    stopped = checkpoint.newest(tmp_path)
    if number == signal.SIGINT:
        assert child.returncode == 0 and f"returned {stopped.step} True" in rest
    assert 0 < stopped.step < 48
    config = small_config(steps=48)
    resumed = train(config, images=images, run_folder=tmp_path, resume=True, progress=False)
    whole = train(config, images=images, progress=False)
    bits, expected = without_time(resumed), without_time(whole)
    bits.pop("torch_rng"), expected.pop("torch_rng")  # another program, another start of it
    for name in expected:
        assert same_bits(bits[name], expected[name]), name


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_good_file(images, tmp_path):
    def spoil(state):
        if state.step == 6:
            next(state.generator.parameters()).data.fill_(math.nan)

    with pytest.raises(FloatingPointError) as caught:
        train(small_config(), images=images, progress=False, callbacks=[spoil], run_folder=tmp_path)
    message = str(caught.value)
    assert "step 7" in message and "smaller learning rate" in message and str(tmp_path) in message
    kept = checkpoint.newest(tmp_path)
    assert kept.step == 4
    assert all(p.isfinite().all() for p in kept.generator.parameters())


def test_weights_that_broke_in_the_last_step_are_not_saved(images, tmp_path):
    """Losses are measured before the weights move: a step can end broken and look healthy."""

    def spoil(state):
        if state.step == 8:
            next(state.discriminator.parameters()).data.fill_(math.inf)

    config = small_config(record_every=4, checkpoint_every=4)
    with pytest.raises(FloatingPointError, match="step 8"):
        train(config, images=images, progress=False, callbacks=[spoil], run_folder=tmp_path)
    assert checkpoint.newest(tmp_path).step == 4


def test_an_absurd_learning_rate_is_noticed(images):
    config = small_config("gan", lr_g=1e30, lr_d=1e30, steps=12)
    with pytest.raises(FloatingPointError, match="smaller learning rate"):
        train(config, images=images, progress=False)


def test_unknown_controls_and_values_are_refused():
    state = GANState.create(small_config())
    for name, value in (("lambda3", 1.0), ("lambda1", -1.0), ("lr_g", math.nan)):
        with pytest.raises(ConfigError):
            state.set_control(name, value)
    assert state.history.events == []


def test_the_progress_bar_tells_the_time_left(images, capsys):
    train(small_config(steps=3), images=images, progress=True)
    shown = capsys.readouterr().out
    assert "3/3" in shown and "step/s" in shown


def test_images_in_colour_train(tmp_path):
    config = small_config(channels=3, steps=2)
    state = train(config, images=small_images(channels=3), progress=False)
    assert sample(state.average, 2).shape == (2, 3, 16, 16)
