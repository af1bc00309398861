"""Break the package on purpose and show that the tests named for each break turn red.

    make mutations                          all of them
    python tests/mutations.py detach EMA    those whose name contains one of these words

Each change is made in a temporary copy, never in the working tree. First every named test must be
green there. A mutation is caught only if *each* of its named tests fails where it asserts (an
import that breaks proves nothing). Exit code 1 if one survives.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported; see conftest.py
ROOT = Path(__file__).resolve().parents[1]


class Mutation(NamedTuple):
    """``old`` stands once in gan_course/``file``; ``new`` takes its place; ``tests`` must fail."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


def _generator_sign(loss: str, right: str, flipped: str) -> Mutation:
    line = "generator=lambda fake_logits: {},"
    return Mutation(
        f"flipped sign: {loss}, G",
        "losses.py",
        line.format(right),
        line.format(flipped),
        (
            f"test_losses.py::test_generator_loss_is_its_formula[{loss}]",
            f"test_losses.py::test_each_player_pulls_the_right_way[{loss}]",
        ),
    )


def _discriminator_sign(loss: str, right: str, flipped: str, *more: str) -> Mutation:
    return Mutation(
        f"flipped sign: {loss}, D",
        "losses.py",
        right,
        flipped,
        (
            f"test_losses.py::test_discriminator_loss_is_its_formula[{loss}]",
            f"test_losses.py::test_each_player_pulls_the_right_way[{loss}]",
            *more,
        ),
    )


STEP = "test_training.py::test_train_step_equals_an_ordinary_loop_to_the_bit[minimax-dcgan]"
GRADIENT = "test_training.py::test_generators_gradient_holds_the_norm_loss_as_defined[{}-lambdas{}]"
BOTH_TERMS = GRADIENT.format("independent", 2)
NORM = "test_losses.py::test_norm_loss_is_its_formula[shape0]"
UNITS = "test_losses.py::test_norms_are_summed_and_the_second_is_not_squared"
PRDC = "test_neighbours.py::test_the_four_shares_are_exactly_those_of_prdc[{}]"
BY_HAND = "test_training_options.py::test_a_run_equals_one_by_hand_to_the_bit[{}]"

MUTATIONS = (
    _generator_sign("minimax", "-softplus(fake_logits).mean()", "softplus(fake_logits).mean()"),
    _generator_sign(
        "non_saturating", "softplus(-fake_logits).mean()", "-softplus(-fake_logits).mean()"
    ),
    _generator_sign(
        "least_squares", "(fake_logits - 1).square().mean()", "-(fake_logits - 1).square().mean()"
    ),
    _generator_sign("hinge", "-fake_logits.mean()", "fake_logits.mean()"),
    _discriminator_sign(
        "non_saturating",
        "return softplus(-real_logits).mean() + softplus(fake_logits).mean()",
        "return softplus(real_logits).mean() + softplus(-fake_logits).mean()",
        "test_losses.py::test_discriminator_loss_is_its_formula[minimax]",
        "test_quality.py::test_a_gan_learns[gan-0]",
    ),
    _discriminator_sign(
        "least_squares",
        "(real_logits - 1).square().mean() + fake_logits.square().mean()",
        "-(real_logits - 1).square().mean() - fake_logits.square().mean()",
    ),
    _discriminator_sign(
        "hinge",
        "relu(1 - real_logits).mean() + relu(1 + fake_logits).mean()",
        "relu(1 + real_logits).mean() + relu(1 - fake_logits).mean()",
    ),
    Mutation(
        "G's loss taken for its negative: the gate alone",
        "training.py",
        "fake.backward(pull_adversarial + pull_norm)",
        "fake.backward(-pull_adversarial + pull_norm)",
        tuple(f"test_quality.py::test_a_gan_learns[gan-{seed}]" for seed in range(3)),
    ),
    Mutation(
        "missing detach in the step of D",
        "training.py",
        "state, real, fake.detach(), loss=loss, r1_weight=r1_weight",
        "state, real, fake, loss=loss, r1_weight=r1_weight",
        ("test_training.py::test_the_discriminators_step_leaves_every_gradient_of_g_unchanged",),
    ),
    Mutation(
        "norm term dropped from the step",
        "training.py",
        "fake.backward(pull_adversarial + pull_norm)",
        "fake.backward(pull_adversarial)",
        (STEP, BOTH_TERMS, GRADIENT.format("independent", 0), GRADIENT.format("assignment", 1)),
    ),
    Mutation(
        "L1 dropped from the norm loss",
        "losses.py",
        "return lambda1 * l1 + lambda2 * l2",
        "return 0 * l1 + lambda2 * l2",
        (NORM, BOTH_TERMS, GRADIENT.format("independent", 0)),
    ),
    Mutation(
        "L2 dropped from the norm loss",
        "losses.py",
        "return lambda1 * l1 + lambda2 * l2",
        "return lambda1 * l1 + 0 * l2",
        (NORM, BOTH_TERMS, GRADIENT.format("independent", 1)),
    ),
    Mutation(
        "L1 as a mean over pixels",
        "losses.py",
        "l1 = torch.linalg.vector_norm(difference, ord=1, dim=1).mean()",
        "l1 = difference.abs().mean()",
        (NORM, UNITS, STEP, GRADIENT.format("independent", 0)),
    ),
    Mutation(
        "L2 as a root of a mean over pixels",
        "losses.py",
        "l2 = torch.linalg.vector_norm(difference, ord=2, dim=1).mean()",
        "l2 = difference.square().mean(dim=1).sqrt().mean()",
        (NORM, UNITS, STEP, GRADIENT.format("independent", 1)),
    ),
    Mutation(
        "L2 squared",
        "losses.py",
        "l2 = torch.linalg.vector_norm(difference, ord=2, dim=1).mean()",
        "l2 = torch.linalg.vector_norm(difference, ord=2, dim=1).square().mean()",
        (NORM, UNITS, "test_losses.py::test_a_longer_difference_costs_in_proportion"),
    ),
    Mutation(
        "L2 without a gradient at zero",
        "losses.py",
        "l2 = torch.linalg.vector_norm(difference, ord=2, dim=1).mean()",
        "l2 = difference.square().sum(dim=1).sqrt().mean()",
        ("test_losses.py::test_gradient_where_fake_equals_real_is_zero_and_finite[0.0-1.0]",),
    ),
    Mutation(
        "nearest_fake taken for nearest_real",
        "losses.py",
        "return fake[_distances(fake, real).argmin(dim=0)], real",
        "return fake, real[_distances(fake, real).argmin(dim=1)]",
        ("test_losses.py::test_nearest_pairings_are_those_of_brute_force[5]",),
    ),
    Mutation(
        "repulsion attracts",
        "losses.py",
        "return -0.5 * norm_loss(",
        "return 0.5 * norm_loss(",
        (
            "test_losses.py::test_repulsion_completes_half_an_energy_distance",
            "test_losses.py::test_repulsion_is_minus_half_the_norm_loss_among_fakes",
        ),
    ),
    Mutation(
        "EMA: buffers not moved",
        "acceleration.py",
        "    targets = [*average.parameters(), *average.buffers()]\n"
        "    sources = [*model.parameters(), *model.buffers()]\n",
        "    targets = [*average.parameters()]\n    sources = [*model.parameters()]\n",
        (
            "test_training.py::test_ema_is_its_formula_with_buffers[DCGANGenerator]",
            "test_training.py::test_the_average_is_evaluated_with_statistics_of_its_weights",
        ),
    ),
    Mutation(
        "EMA: direction swapped",
        "acceleration.py",
        "[sources[i] for i in moving], 1 - decay)",
        "[sources[i] for i in moving], decay)",
        (
            "test_training.py::test_ema_is_its_formula_with_buffers[ResidualGenerator]",
            "test_training.py::test_the_average_of_a_run_is_the_formula_over_its_steps",
        ),
    ),
    Mutation(
        "EMA: never updated",
        "training.py",
        "update_ema(state.average, state.generator, state.ema_decay())",
        "state.ema_decay()",
        (
            "test_training.py::test_the_average_of_a_run_is_the_formula_over_its_steps",
            "test_quality.py::test_a_gan_learns[gan-0]",
        ),
    ),
    Mutation(
        "samples drawn in training mode",
        "sampling.py",
        "generator.eval()",
        "generator.train()",
        ("test_training.py::test_sample_repeats_itself_and_leaves_the_mode_alone",),
    ),
    Mutation(
        "residual block without its shortcut",
        "models.py",
        "return h + self.resize(self.project(x))",
        "return h",
        ("test_models.py::test_a_block_whose_last_convolution_is_zero_is_its_shortcut[False-4-4]",),
    ),
    Mutation(
        "Fréchet distance: -2 becomes -1",
        "metrics.py",
        "- 2 * overlap",
        "- 1 * overlap",
        (
            "test_metrics.py::test_frechet_distance_of_equal_samples_is_zero",
            "test_metrics.py::test_frechet_distance_of_two_gaussians_in_closed_form",
            "test_metrics.py::test_frechet_distance_agrees_with_scipy[0-8]",
        ),
    ),
    Mutation(
        "Fréchet distance: means left out",
        "metrics.py",
        "(a.mean(0) - b.mean(0)).square().sum() + spread",
        "spread",
        (
            "test_metrics.py::test_frechet_distance_of_two_gaussians_in_closed_form",
            "test_metrics.py::test_frechet_distance_agrees_with_torchmetrics[16]",
            "test_metrics.py::test_frechet_distance_in_one_dimension",
        ),
    ),
    Mutation(
        "Fréchet distance: a trace left out",
        "metrics.py",
        "spread = covariance_a.trace() + covariance_b.trace() - 2 * overlap",
        "spread = 2 * covariance_a.trace() - 2 * overlap",
        (
            "test_metrics.py::test_frechet_distance_in_the_plane_in_closed_form[0]",
            "test_metrics.py::test_frechet_distance_agrees_with_torchmetrics[16]",
            "test_ruler.py::test_torchmetrics_says_the_same_with_our_features",
        ),
    ),
    Mutation(
        "kernel distance: no mean over subsets",
        "metrics.py",
        "return float(torch.stack(draws).mean())",
        "return float(torch.stack(draws).sum())",
        ("test_metrics.py::test_kernel_distance_is_its_formula[4]",),
    ),
    Mutation(
        "precision and recall swapped",
        "neighbours.py",
        "        precision=float((in_real_balls > 0).double().mean()),\n"
        "        recall=recalled / len(real),\n",
        "        recall=float((in_real_balls > 0).double().mean()),\n"
        "        precision=recalled / len(real),\n",
        (
            PRDC.format("0-300-200-2-3"),
            "test_neighbours.py::test_the_four_shares_by_hand",
            "test_ruler.py::test_each_metric_moves_the_way_it_should",
        ),
    ),
    Mutation(
        "a point is its own neighbour",
        "neighbours.py",
        "nearest(points, points, k + 1)",
        "nearest(points, points, k)",
        (
            PRDC.format("1-150-400-16-5"),
            "test_neighbours.py::test_the_four_shares_by_hand",
            "test_neighbours.py::test_a_ball_reaches_the_kth_other_point[3]",
        ),
    ),
    Mutation(
        "real balls are closed",
        "neighbours.py",
        "inside = distances < real_radii[rows, None]",
        "inside = distances <= real_radii[rows, None]",
        tuple(
            "test_neighbours.py::"
            f"test_the_four_shares_are_those_of_prdc_where_points_coincide[2-{k}]"
            for k in (2, 5)
        ),
    ),
    Mutation(
        "fake balls are closed",
        "neighbours.py",
        "(distances < fake_radii)",
        "(distances <= fake_radii)",
        ("test_neighbours.py::test_the_four_shares_by_hand",),
    ),
    Mutation(
        "density not over k",
        "neighbours.py",
        "density=float(in_real_balls.double().mean()) / k",
        "density=float(in_real_balls.double().mean())",
        (PRDC.format("0-80-80-64-5"),),
    ),
    Mutation(
        "chunks of two gigabytes",
        "neighbours.py",
        "CHUNK_BYTES = 2**27",
        "CHUNK_BYTES = 2**31",
        ("test_neighbours.py::test_ten_thousand_against_sixty_thousand_fit_into_two_gigabytes",),
    ),
    Mutation(
        "memorisation measured against unseen images",
        "neighbours.py",
        "return float((nearest(fake, train)[0] < line).double().mean())",
        "return float((nearest(fake, unseen)[0] < line).double().mean())",
        (
            "test_neighbours.py::"
            "test_memorisation_is_its_share_for_honest_samples_and_one_for_copies",
            "test_ruler.py::test_each_metric_moves_the_way_it_should",
        ),
    ),
    Mutation(
        "features after the ReLU",
        "classifier.py",
        "features = classifier.body(chunk.to(device))",
        "features = classifier.body(chunk.to(device)).relu()",
        ("test_classifier.py::test_features_are_what_the_head_reads",),
    ),
    Mutation(
        "features with dropout and batch statistics",
        "classifier.py",
        "    classifier.eval()\n",
        "    classifier.train()\n",
        (
            "test_classifier.py::test_the_other_images_of_a_pass_do_not_matter",
            "test_ruler.py::test_a_reading_holds_what_each_metric_says",
        ),
    ),
    Mutation(
        "the weights' hash forgets the weights",
        "ruler.py",
        "        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())\n",
        "",
        (
            "test_ruler.py::test_the_hash_sees_every_weight_and_buffer",
            "test_ruler.py::test_the_shipped_weights_are_those_that_were_recorded",
        ),
    ),
    Mutation(
        "R1 without its half",
        "losses.py",
        "return 0.5 * slope.square().flatten(1).sum(1).mean()",
        "return slope.square().flatten(1).sum(1).mean()",
        (
            "test_training_options.py::"
            "test_r1_of_a_linear_discriminator_is_half_its_squared_weight",
            BY_HAND.format("r1_weight"),
        ),
    ),
    Mutation(
        "R1 as a mean over pixels",
        "losses.py",
        "return 0.5 * slope.square().flatten(1).sum(1).mean()",
        "return 0.5 * slope.square().flatten(1).mean(1).mean()",
        (
            "test_training_options.py::test_r1_of_a_quadratic_discriminator_is_a_mean_over_images",
            "test_training_options.py::"
            "test_the_gradient_of_d_is_that_of_a_double_backward_by_hand[0.7]",
        ),
    ),
    Mutation(
        "R1 is no part of D's gradient",
        "losses.py",
        "(slope,) = torch.autograd.grad(real_logits.sum(), real, create_graph=True)",
        "slope = torch.autograd.grad(real_logits.sum(), real, create_graph=True)[0].detach()",
        (BY_HAND.format("all"),),
    ),
    Mutation(
        "R1 applied seldom without weighing more",
        "config.py",
        "return self.r1_weight * self.r1_every if",
        "return self.r1_weight if",
        (
            "test_training_options.py::test_r1_is_applied_seldom_and_weighs_as_much_more[1-3-8]",
            BY_HAND.format("all"),
        ),
    ),
    Mutation(
        "R1 at every step",
        "config.py",
        "self.r1_every if step % self.r1_every == 0 else 0.0",
        "self.r1_every",
        (
            "test_training_options.py::test_r1_is_applied_seldom_and_weighs_as_much_more[2-3-8]",
            BY_HAND.format("r1_weight"),
        ),
    ),
    Mutation(
        "the cooldown warms up",
        "config.py",
        "max(left, 0.0) / self.cooldown",
        "2 - max(left, 0.0) / self.cooldown",
        (
            "test_training_options.py::"
            "test_the_learning_rates_stay_and_then_fall_in_a_straight_line_to_zero[20-0.5]",
            "test_training_options.py::"
            "test_both_optimizers_see_the_cooldown_and_the_controls_do_not",
            BY_HAND.format("cooldown"),
        ),
    ),
    Mutation(
        "the cooldown reaches G alone",
        "state.py",
        '["lr"].copy_(self.lr_d).mul_(factor)',
        '["lr"].copy_(self.lr_d)',
        (
            "test_training_options.py::"
            "test_both_optimizers_see_the_cooldown_and_the_controls_do_not",
            BY_HAND.format("cooldown"),
        ),
    ),
    Mutation(
        "every turn of D sees the same batch",
        "training.py",
        "number = step * config.discriminator_steps + turn",
        "number = step * config.discriminator_steps",
        (
            "test_training_options.py::test_every_turn_of_d_sees_images_and_latents_of_its_own",
            BY_HAND.format("discriminator_steps"),
        ),
    ),
    Mutation(
        "a run's end is moved in its cooldown",
        "checkpoint.py",
        "if end.learning_rate_factor(state.step - 1) < 1:",
        "if False:",
        (
            "test_training_options.py::"
            "test_the_end_may_not_be_moved_once_the_cooldown_has_begun[later]",
            "test_training_options.py::"
            "test_the_end_may_not_be_moved_once_the_cooldown_has_begun[sooner]",
        ),
    ),
    Mutation(
        "resume forgets a slider's learning rate",
        "state.py",
        "        for name in CONTROLS:\n            getattr(self, name).copy_(saved[name])\n",
        "        for name in CONTROLS[:2]:\n            getattr(self, name).copy_(saved[name])\n",
        (
            "test_checkpoint.py::test_resume_keeps_slider_events_and_their_effect",
            "test_training_options.py::"
            "test_resume_gives_the_bits_of_an_unbroken_run_with_everything_on[6]",
        ),
    ),
    Mutation(
        "orthogonal weights drawn as DCGAN's",
        "models.py",
        'if scheme == "dcgan":',
        "if True:",
        ("test_training_options.py::test_orthogonal_weights_are_orthogonal[dcgan-spectral]",),
    ),
    Mutation(
        "every step sees the same z",
        "training.py",
        'generator_for(config.seed, "z", number)',
        'generator_for(config.seed, "z")',
        ("test_training.py::test_batches_change_with_the_step_and_the_seed",),
    ),
    Mutation(
        "resume does not restore the optimizers",
        "state.py",
        'in ("generator", "discriminator", "average", "optimizer_g", "optimizer_d"):',
        'in ("generator", "discriminator", "average"):',
        ("test_checkpoint.py::test_resume_gives_the_bits_of_an_unbroken_run[6-batch]",),
    ),
    Mutation(
        "resume does not restore the average",
        "state.py",
        'in ("generator", "discriminator", "average", "optimizer_g", "optimizer_d"):',
        'in ("generator", "discriminator", "optimizer_g", "optimizer_d"):',
        ("test_checkpoint.py::test_resume_gives_the_bits_of_an_unbroken_run[6-batch]",),
    ),
    Mutation(
        "resume under another configuration",
        "checkpoint.py",
        "    if changed:\n",
        "    if False:\n",
        (
            "test_checkpoint.py::"
            "test_another_configuration_is_refused_with_the_differences[lambda2]",
        ),
    ),
    Mutation(
        "digest of a checkpoint not checked",
        "checkpoint.py",
        "if hashlib.sha256(payload).hexdigest().encode() != trailer[len(_MARK) :]:",
        "if False:",
        ("test_checkpoint.py::test_every_flipped_bit_is_refused",),
    ),
    Mutation(
        "digest of shipped data not checked",
        "shipped.py",
        'if sha256_of(path) != entry["sha256"]:',
        "if False:",
        ("test_data.py::test_a_flipped_byte_is_named_with_its_remedy",),
    ),
    Mutation(
        "files that may run code are loaded",
        "checkpoint.py",
        "weights_only=True",
        "weights_only=False",
        (
            "test_checkpoint.py::test_torch_load_is_used_for_data_only",
            "test_checkpoint.py::test_a_file_that_wants_to_run_code_is_refused",
        ),
    ),
    Mutation(
        "a NaN does not stop the run",
        "guards.py",
        "    if bad_step < 0:\n",
        "    if True:\n",
        (
            "test_training.py::"
            "test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_good_file",
        ),
    ),
)


def mutated(copy: Path, mutation: Mutation) -> str:
    """The changed text of the mutation's file; an error if the table no longer fits the code."""
    text = (copy / "gan_course" / mutation.file).read_text(encoding="utf-8")
    if text.count(mutation.old) != 1:
        raise SystemExit(
            f"{mutation.name}: {mutation.old!r} stands {text.count(mutation.old)} times in "
            f"gan_course/{mutation.file}. Mend the table in tests/mutations.py."
        )
    return text.replace(mutation.old, mutation.new)


class Outcomes:
    """A pytest plugin: test id → "passed", "failed" (where it asserts) or "broken"."""

    def __init__(self) -> None:
        self.seen: dict[str, str] = {}

    def pytest_runtest_logreport(self, report) -> None:
        name = report.nodeid.rsplit("/", 1)[-1]
        if report.when == "call":
            self.seen[name] = report.outcome
        elif not report.passed:
            self.seen[name] = "broken"


def _child(copy: str, tests: Sequence[str], queue) -> None:
    import pytest

    # Bytecode of a file changed twice in a second could be that of the other text.
    sys.dont_write_bytecode = True
    os.chdir(copy)
    devnull = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(devnull, stream)
    outcomes = Outcomes()
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # with plain asserts a second each is saved
    arguments = ["-q", "--assert=plain", "-p", "no:cacheprovider", "-c", "pyproject.toml"]
    pytest.main([*arguments, *(f"tests/{test}" for test in tests)], plugins=[outcomes])
    import gan_course

    assert Path(gan_course.__file__).parent.parent == Path(copy).resolve(), gan_course.__file__
    queue.put(outcomes.seen)


def run(copy: Path, tests: Sequence[str]) -> dict[str, str]:
    """Run tests in a fresh process on the copy; test id → outcome."""
    # A fork has torch loaded already; elsewhere forking a process with torch in it is not safe.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    queue = context.Queue()
    child = context.Process(target=_child, args=(str(copy), list(tests), queue))
    child.start()
    while child.is_alive() and queue.empty():
        time.sleep(0.02)
    seen = queue.get(timeout=5) if child.exitcode in (None, 0) else {}
    child.join()
    return {test: seen.get(test, "not run") for test in tests}


def main(words: Sequence[str] = ()) -> int:
    chosen = [m for m in MUTATIONS if not words or any(w in m.name for w in words)]
    if not chosen:
        print(f"No mutation has {' or '.join(words)} in its name.")
        return 1
    if sys.platform == "linux":  # what every child would import again
        import hypothesis.extra.numpy  # noqa: F401
        import matplotlib.pyplot  # noqa: F401
        import pytest  # noqa: F401
        import scipy.optimize  # noqa: F401
        import torchvision.transforms.v2  # noqa: F401
    started = time.perf_counter()
    survivors = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder).resolve()
        for part in ("gan_course", "tests", "data"):
            ignored = shutil.ignore_patterns("__pycache__", "recordings")
            shutil.copytree(ROOT / part, copy / part, ignore=ignored)
        shutil.copy(ROOT / "pyproject.toml", copy)
        named = list(dict.fromkeys(test for m in chosen for test in m.tests))
        not_green = {t: o for t, o in run(copy, named).items() if o != "passed"}
        for test, outcome in not_green.items():
            print(f"{outcome} without any mutation: {test}")
        if not_green:
            return 1
        print(f"{len(named)} named tests are green without a mutation.\n")
        print(f"{'mutation':50} {'red':>5}  {'seconds':>7}")
        for mutation in chosen:
            begun = time.perf_counter()
            path = copy / "gan_course" / mutation.file
            whole = path.read_text(encoding="utf-8")
            path.write_text(mutated(copy, mutation), encoding="utf-8")
            outcomes = run(copy, mutation.tests)
            path.write_text(whole, encoding="utf-8")
            red = [test for test, outcome in outcomes.items() if outcome == "failed"]
            caught = len(red) == len(mutation.tests)
            survivors += not caught
            share = f"{len(red)}/{len(mutation.tests)}"
            seconds = time.perf_counter() - begun
            note = "" if caught else "  SURVIVED"
            print(f"{mutation.name:50} {share:>5}  {seconds:7.1f}{note}", flush=True)
            for test, outcome in outcomes.items():
                if outcome != "failed":
                    print(f"    {outcome}: {test}")
    caught = len(chosen) - survivors
    print(f"\n{caught} of {len(chosen)} caught in {time.perf_counter() - started:.0f} s.")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
