"""What a recipe may add to the plain game: each addition against a loop by hand, to the bit."""

from __future__ import annotations

import dataclasses
import re

import pytest
import torch
from conftest import same_bits, small_config, small_images
from test_checkpoint import contents, quietly, stop_at
from test_training import ordinary_step, player_bits, without_time

from gan_course import checkpoint, training
from gan_course.acceleration import update_ema
from gan_course.data import batch_indices, generator_for, to_images
from gan_course.errors import CheckpointError
from gan_course.losses import ADVERSARIAL_LOSSES, PAIRINGS, non_saturating, r1_penalty
from gan_course.models import DCGANDiscriminator
from gan_course.state import GANState, build_discriminator, build_generator
from gan_course.training import batch, discriminator_step, train, train_step

ADDITIONS = {
    "initialisation": "orthogonal",
    "r1_weight": 0.3,
    "r1_every": 3,
    "discriminator_steps": 2,
    "cooldown": 0.5,
}
COMBINATIONS = [{}, *({k: v} for k, v in ADDITIONS.items() if k != "r1_every"), ADDITIONS]


def combination_name(settings: dict) -> str:
    return "all" if settings is ADDITIONS else "+".join(settings) or "none"


def played_by_hand(config, pixels: torch.Tensor) -> GANState:
    """A run without ``play_step``, ``train_step`` or ``discriminator_step``."""
    state = GANState.create(config)
    loss = ADVERSARIAL_LOSSES[config.loss]
    D, G = state.discriminator, state.generator
    for step in range(config.steps):
        factor = min(1.0, (config.steps - step) / config.steps / (config.cooldown or 1e-9))
        for optimizer, rate in ((state.optimizer_g, config.lr_g), (state.optimizer_d, config.lr_d)):
            optimizer.param_groups[0]["lr"].copy_(torch.tensor(rate) * factor)
        for turn in range(config.discriminator_steps):
            number = config.discriminator_steps * step + turn
            chosen = batch_indices(len(pixels), config.batch_size, config.seed, number)
            random = generator_for(config.seed, "z", number)
            z = torch.randn(config.batch_size, config.latent_dim, generator=random)
            real = to_images(pixels[chosen]).requires_grad_()
            fake = G(z)
            real_logits = D(real)
            loss_d = loss.discriminator(real_logits, D(fake.detach()))
            last = turn == config.discriminator_steps - 1
            if last and config.r1_weight and step % config.r1_every == 0:
                ones = torch.ones_like(real_logits)
                (slope,) = torch.autograd.grad(real_logits, real, ones, create_graph=True)
                length = slope.square().flatten(1).sum(1)
                loss_d = loss_d + config.r1_weight * config.r1_every * (0.5 * length.mean())
            state.optimizer_d.zero_grad()
            loss_d.backward()
            state.optimizer_d.step()
        state.optimizer_g.zero_grad()
        loss.generator(D(fake)).backward()
        state.optimizer_g.step()
        update_ema(state.average, G, min(config.ema_decay, (1 + step) / (10 + step)))
    return state


@pytest.mark.parametrize("settings", COMBINATIONS, ids=combination_name)
def test_a_run_equals_one_by_hand_to_the_bit(settings, images):
    config = small_config("gan", steps=8, **settings)
    ours, by_hand = quietly(config), played_by_hand(config, images.pixels)
    for name, part in player_bits(by_hand).items():
        assert same_bits(player_bits(ours)[name], part), name
    assert same_bits(dict(ours.average.state_dict()), dict(by_hand.average.state_dict()))
    if settings:
        plain = quietly(small_config("gan", steps=8))
        assert not same_bits(player_bits(ours)["D"], player_bits(plain)["D"])


def test_without_additions_a_run_is_the_textbooks(images):
    """The defaults of every addition change no bit of the plain loop, norm loss included."""
    config = small_config("progan", steps=6)
    state = GANState.create(config)
    for step in range(6):
        real, z = batch(config, images.pixels, step)
        ordinary_step(
            state, real, z, ADVERSARIAL_LOSSES[config.loss], config.lambda1, config.lambda2
        )
    assert same_bits(player_bits(quietly(config)), player_bits(state))


# Cooldown


@pytest.mark.parametrize(("steps", "share"), [(20, 0.5), (12, 0.25), (7, 0.9), (1000, 0.001)])
def test_the_learning_rates_stay_and_then_fall_in_a_straight_line_to_zero(steps, share):
    config = small_config(steps=steps, cooldown=share)
    factors = [config.learning_rate_factor(step) for step in range(steps + 1)]
    begin = steps * (1 - share)
    for step, factor in enumerate(factors):
        expected = 1.0 if step <= begin else (steps - step) / (steps * share)
        assert factor == pytest.approx(expected, abs=1e-12)
    assert factors[0] == 1.0 and factors[-1] == 0.0 and min(factors[:-1]) > 0
    assert factors == sorted(factors, reverse=True)
    assert config.learning_rate_factor(steps + 5) == 0.0  # never negative, whoever plays on
    assert factors == [config.learning_rate_factor(step) for step in range(steps + 1)]


def test_without_a_cooldown_nothing_falls():
    config = small_config(steps=9, cooldown=0.0)
    assert [config.learning_rate_factor(step) for step in range(10)] == [1.0] * 10


def test_both_optimizers_see_the_cooldown_and_the_controls_do_not():
    config = small_config("gan", steps=8, cooldown=0.5, record_every=1, lr_g=1e-3, lr_d=2e-4)
    seen = []

    def look(state):
        rates = [o.param_groups[0]["lr"].item() for o in (state.optimizer_g, state.optimizer_d)]
        seen.append(rates)
        assert state.control("lr_g") == pytest.approx(1e-3)
        assert state.control("lr_d") == pytest.approx(2e-4)

    quietly(config, callbacks=[look])
    factors = [1, 1, 1, 1, 1, 0.75, 0.5, 0.25]
    assert [g for g, _ in seen] == pytest.approx([1e-3 * f for f in factors])
    assert [d for _, d in seen] == pytest.approx([2e-4 * f for f in factors])


def test_a_slider_moved_in_the_cooldown_is_cooled_too():
    config = small_config("gan", steps=8, cooldown=0.5, record_every=1)
    seen = {}

    def move(state):
        if state.step == 6:
            state.set_control("lr_d", 0.02)
        seen[state.step] = state.optimizer_d.param_groups[0]["lr"].item()

    state = quietly(config, callbacks=[move])
    assert seen[7] == pytest.approx(0.02 * 0.5) and seen[8] == pytest.approx(0.02 * 0.25)
    assert state.history.events == [(6, "lr_d", 0.02)]


# R1


def test_r1_of_a_linear_discriminator_is_half_its_squared_weight():
    weight = torch.tensor([3.0, -4.0], requires_grad=True)
    real = torch.randn(7, 2).requires_grad_()
    penalty = r1_penalty(real @ weight, real)
    assert penalty.item() == pytest.approx(25 / 2)
    (slope,) = torch.autograd.grad(penalty, weight)
    torch.testing.assert_close(slope, weight.detach())


def test_r1_of_a_quadratic_discriminator_is_a_mean_over_images():
    """D(x) = s·‖x‖²/2 has slope s·x: ½·s²·mean ‖x‖², whatever the number of images."""
    scale = torch.tensor(1.7, dtype=torch.float64, requires_grad=True)
    for count in (1, 9):
        real = torch.randn(count, 1, 4, 4, dtype=torch.float64).requires_grad_()
        penalty = r1_penalty(scale * real.square().flatten(1).sum(1) / 2, real)
        length = real.square().flatten(1).sum(1).mean().item()
        assert penalty.item() == pytest.approx(0.5 * 1.7**2 * length)
        assert float(torch.autograd.grad(penalty, scale)[0]) == pytest.approx(1.7 * length)


def test_r1_reaches_every_weight_as_finite_differences_say():
    torch.manual_seed(0)
    network = DCGANDiscriminator((1, 16, 16), 2, norm="none").double()
    real = torch.randn(5, 1, 16, 16, dtype=torch.float64).requires_grad_()

    def penalty() -> torch.Tensor:
        return r1_penalty(network(real), real)

    weights = [weight for name, weight in network.named_parameters() if name.endswith("weight")]
    slopes = torch.autograd.grad(penalty(), weights)
    for weight, slope in zip(weights, slopes, strict=True):
        place = int(slope.abs().argmax())
        values = []
        for move in (1e-5, -2e-5):
            weight.data.view(-1)[place] += move
            values.append(penalty().item())
        weight.data.view(-1)[place] += 1e-5
        assert (values[0] - values[1]) / 2e-5 == pytest.approx(
            float(slope.flatten()[place]), rel=1e-4
        )


@pytest.mark.parametrize("weight", [0.0, 0.7])
def test_the_gradient_of_d_is_that_of_a_double_backward_by_hand(weight, images):
    config = small_config("gan")
    loss = ADVERSARIAL_LOSSES[config.loss]
    ours, by_hand = GANState.create(config), GANState.create(config)
    real, z = batch(config, images.pixels, 0)
    fake = ours.generator(z).detach()
    told, logits = discriminator_step(ours, real, fake, loss=loss, r1_weight=weight)
    assert not (told.requires_grad or logits.requires_grad or real.requires_grad)

    x = real.clone().requires_grad_()
    real_logits = by_hand.discriminator(x)
    adversarial = loss.discriminator(real_logits, by_hand.discriminator(fake))
    (slope,) = torch.autograd.grad(real_logits.sum(), x, create_graph=True)
    penalty = sum(row.pow(2).sum() / 2 for row in slope) / len(slope)
    expected = torch.autograd.grad(
        adversarial + weight * penalty, list(by_hand.discriminator.parameters())
    )
    for parameter, gradient in zip(ours.discriminator.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-4, atol=1e-7)
    assert float(told) == pytest.approx(adversarial.item())  # the penalty is not in the curve
    torch.testing.assert_close(logits, real_logits.detach())


def test_the_penalty_flattens_d_at_real_images(images):
    def slope(weight: float) -> float:
        config = small_config("gan", steps=40, r1_weight=weight, r1_every=4, lr_d=2e-3)
        state = quietly(config)
        real = batch(config, images.pixels, 0)[0].requires_grad_()
        return float(r1_penalty(state.discriminator.eval()(real), real).detach())

    assert slope(10.0) < 0.5 * slope(0.0)


@pytest.mark.parametrize(("every", "steps"), [(1, 3), (3, 8)])
@pytest.mark.parametrize("turns", [1, 2])
def test_r1_is_applied_seldom_and_weighs_as_much_more(every, steps, turns, monkeypatch):
    weights = []
    original = training.discriminator_step

    def spy(*arguments, r1_weight=0.0, **others):
        weights.append(r1_weight)
        return original(*arguments, r1_weight=r1_weight, **others)

    monkeypatch.setattr(training, "discriminator_step", spy)
    quietly(
        small_config("gan", steps=steps, r1_weight=0.25, r1_every=every, discriminator_steps=turns)
    )
    last_turns = weights[turns - 1 :: turns]
    assert last_turns == [0.25 * every if step % every == 0 else 0.0 for step in range(steps)]
    assert len(weights) == turns * steps and sum(weights) == sum(last_turns)


# Several updates of D


def test_every_turn_of_d_sees_images_and_latents_of_its_own():
    pixels = torch.arange(96, dtype=torch.uint8).view(96, 1, 1, 1).expand(96, 1, 16, 16)
    config = small_config("gan", discriminator_steps=2)
    seen, latents = [], []
    for step in range(3):  # an epoch: 3 steps of 2 turns of 16 images
        for turn in range(2):
            real, z = batch(config, pixels, step, turn)
            seen += ((real[:, 0, 0, 0] + 1) * 127.5).round().int().tolist()
            latents.append(z)
    assert sorted(seen) == list(range(96))
    for i, z in enumerate(latents):
        assert not any(torch.equal(z, other) for other in latents[:i])


def test_the_turns_of_d_leave_g_alone(images, monkeypatch):
    """Before its own turn G's weights and gradients stand still, however often D is trained."""
    config = small_config("gan", discriminator_steps=3)
    state = GANState.create(config)
    start = [p.detach().clone() for p in state.generator.parameters()]
    turns = []
    step_of_d = state.optimizer_d.step

    def step_and_look():
        turns.append(all(p.grad is None for p in state.generator.parameters()))
        assert same_bits(start, [p.detach() for p in state.generator.parameters()])
        step_of_d()

    state.optimizer_d.step = step_and_look
    training.play_step(state, images.pixels, ADVERSARIAL_LOSSES[config.loss])
    assert turns == [True] * 3 and state.step == 1
    assert not same_bits(start, [p.detach() for p in state.generator.parameters()])


# Initialisation


@pytest.mark.parametrize("norm", ["batch", "spectral"])
@pytest.mark.parametrize("generator", ["mlp", "dcgan", "residual"])
def test_orthogonal_weights_are_orthogonal(generator, norm):
    config = small_config(
        "gan", generator=generator, discriminator_norm=norm, initialisation="orthogonal"
    )
    looked = 0
    for network in (build_generator(config), build_discriminator(config)):
        for name, parameter in network.named_parameters():
            if parameter.dim() < 2:
                continue
            matrix = parameter.detach().flatten(1)
            matrix = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
            torch.testing.assert_close(matrix @ matrix.T, torch.eye(len(matrix)), msg=name)
            looked += 1
    assert looked >= 5


def test_the_initial_weights_depend_on_the_seed_alone():
    config = small_config("gan", initialisation="orthogonal")
    states = []
    for disturbance in (1, 2):
        torch.manual_seed(disturbance)
        states.append(GANState.create(config))
    assert same_bits(player_bits(states[0]), player_bits(states[1]))
    other = GANState.create(dataclasses.replace(config, seed=1))
    assert not same_bits(player_bits(states[0])["G"], player_bits(other)["G"])
    for name, parameter in states[0].generator.named_parameters():
        if name.endswith("bias"):
            assert not parameter.any()


# Resuming


@pytest.mark.parametrize("stop", [3, 6, 9])
def test_resume_gives_the_bits_of_an_unbroken_run_with_everything_on(stop, tmp_path):
    """Sliders moved before and in the cooldown; stops before, at and in it."""
    config = small_config("snovengan", discriminator_norm="spectral", **ADDITIONS)

    def move(state):
        if state.step == 3:
            state.set_control("lambda2", 0.4)
            state.set_control("lr_g", 5e-4)
        if state.step == 9:
            state.set_control("lr_d", 3e-3)

    quietly(config, run_folder=tmp_path, callbacks=[move, stop_at(stop)])
    torch.manual_seed(stop)
    resumed = without_time(quietly(config, run_folder=tmp_path, resume=True, callbacks=[move]))
    whole = without_time(quietly(config, callbacks=[move]))
    resumed.pop("torch_rng"), whole.pop("torch_rng")
    assert [event[:2] for event in whole["history"]["events"]] == [
        (3, "lambda2"), (3, "lr_g"), (9, "lr_d")
    ]  # fmt: skip
    for name in whole:
        assert same_bits(resumed[name], whole[name]), name


@pytest.mark.parametrize("end", [8, 16])
def test_the_end_may_be_moved_before_the_cooldown_begins(end, tmp_path):
    """3 steps are done; a run of 8 would cool down from step 4 on, one of 12 from 6 on."""
    quietly(small_config(cooldown=0.5), run_folder=tmp_path, callbacks=[stop_at(3)])
    moved = small_config(cooldown=0.5, steps=end)
    resumed = quietly(moved, run_folder=tmp_path, resume=True)
    whole = quietly(moved)
    assert resumed.step == end
    assert same_bits(player_bits(resumed), player_bits(whole))


@pytest.mark.parametrize(
    ("stop", "end", "reason"),
    [
        (9, 20, "steps: 12 → 20, but in a run that ends at 12 the cooldown has begun by step 9"),
        (12, 20, "ends at 12 the cooldown has begun by step 12"),
        (6, 7, "steps: 12 → 7, but in a run that ends at 7 the cooldown has begun by step 6"),
    ],
    ids=["later", "after the end", "sooner"],
)
def test_the_end_may_not_be_moved_once_the_cooldown_has_begun(stop, end, reason, tmp_path):
    """Its learning rates have fallen for another end: the bits would be those of no one run."""
    quietly(small_config(cooldown=0.5), run_folder=tmp_path, callbacks=[stop_at(stop)])
    before = contents(tmp_path)
    with pytest.raises(CheckpointError, match=re.escape(reason)):
        quietly(small_config(cooldown=0.5, steps=end), run_folder=tmp_path, resume=True)
    assert contents(tmp_path) == before
    assert quietly(small_config(cooldown=0.5), run_folder=tmp_path, resume=True).step == 12


@pytest.mark.parametrize("name", ADDITIONS)
def test_a_run_does_not_go_on_with_another_addition(name, tmp_path):
    quietly(small_config(steps=2), run_folder=tmp_path)
    changed = small_config(steps=4, **{name: ADDITIONS[name]})
    with pytest.raises(CheckpointError, match=f"{name}: .* → {ADDITIONS[name]!r}"):
        train(changed, images=small_images(), run_folder=tmp_path, resume=True, progress=False)
    assert checkpoint.newest(tmp_path).step == 2


@pytest.mark.parametrize("pairing", PAIRINGS)
@pytest.mark.parametrize("repel", [False, True])
def test_gradients_kept_apart_or_added_first_give_the_same_bits(pairing, repel):
    ends = []
    for apart in (True, False):
        config = small_config("snovengan", lambda1=0.01, lambda2=0.3)
        state = GANState.create(config)
        random = torch.Generator().manual_seed(0)
        for _ in range(3):
            real = torch.rand(16, *config.image_shape, generator=random) * 2 - 1
            z = torch.randn(16, config.latent_dim, generator=random)
            options = {"pairing": pairing, "repel": repel, "apart": apart}
            report = train_step(state, real, z, loss=non_saturating, **options)
        assert ("pull_norm" in report) == (apart or repel)
        ends.append([*state.generator.state_dict().values(), *state.discriminator.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*ends, strict=True))
