"""Exercises of lesson 02: the two losses on logits, detach, and the best D(x)."""

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, softplus

from ..data import generator_for
from ..losses import non_saturating
from ..measuring import gradient_norm
from .exercise import Exercise


def _logits(*, extremes: bool) -> Tensor:
    """(8,) logits; with extremes, two that a sigmoid in float32 cannot tell from 0 and 1."""
    logits = 3 * torch.randn(8, generator=generator_for(0, "exercise 02"))
    if extremes:
        logits[0], logits[1] = -200.0, 200.0
    return logits


generator_loss = Exercise(
    name="G's loss",
    reference=non_saturating.generator,
    cases=lambda: [(_logits(extremes=False),), (_logits(extremes=True),)],
    mistakes={
        "That is the minimax loss: right in theory, but its slope vanishes where D wins. G wants "
        "−log D(G(z)).": lambda fake_logits: -softplus(fake_logits).mean(),
        "The sign is flipped: G would help D. −log D(G(z)) is large where a fake is recognised.": (
            lambda fake_logits: -softplus(-fake_logits).mean()
        ),
        "That is D's half, −log(1 − D(G(z))): G wants its fakes to be called real.": (
            lambda fake_logits: softplus(fake_logits).mean()
        ),
        "You summed over the batch: take the mean, or the step grows with the batch.": (
            lambda fake_logits: softplus(-fake_logits).sum()
        ),
        "One loss an image: take the mean over the batch.": (
            lambda fake_logits: softplus(-fake_logits)
        ),
        "Right on paper, infinite at logit −200: sigmoid gives 0 there, and log 0 = −∞. Use "
        "softplus(−logits).": lambda fake_logits: -torch.sigmoid(fake_logits).log().mean(),
        "A sigmoid too many: softplus wants the logits as they are.": (
            lambda fake_logits: softplus(-torch.sigmoid(fake_logits)).mean()
        ),
    },
    hint="−log D = −log sigmoid(logits) = softplus(−logits); then the mean over the batch.",
)


def _real_and_fake() -> list[tuple]:
    return [
        (_logits(extremes=False) + 1, _logits(extremes=False)[:6]),
        (_logits(extremes=True), _logits(extremes=True).flip(0)),
    ]


discriminator_loss = Exercise(
    name="D's loss",
    reference=non_saturating.discriminator,
    cases=_real_and_fake,
    mistakes={
        "Real and fake are swapped: D would learn to call fakes real.": (
            lambda real, fake: softplus(real).mean() + softplus(-fake).mean()
        ),
        "Both halves push towards 'real': the fake half is softplus(+logits).": (
            lambda real, fake: softplus(-real).mean() + softplus(-fake).mean()
        ),
        "The formula is what D maximises: minimise its negative.": (
            lambda real, fake: logsigmoid(real).mean() + logsigmoid(-fake).mean()
        ),
        "You took the mean of the two halves; the formula adds them.": (
            lambda real, fake: (softplus(-real).mean() + softplus(fake).mean()) / 2
        ),
        "You averaged real and fake in one pot: each half has its own expectation.": (
            lambda real, fake: torch.cat([softplus(-real), softplus(fake)]).mean()
        ),
        "You summed over the batch: each half is a mean.": (
            lambda real, fake: softplus(-real).sum() + softplus(fake).sum()
        ),
        "The real half is missing: D would call everything fake.": (
            lambda real, fake: softplus(fake).mean()
        ),
        "The fake half is missing: D would call everything real.": (
            lambda real, fake: softplus(-real).mean()
        ),
        "Right on paper, infinite at logit ±200: log of a sigmoid that was rounded to 0. Use "
        "softplus.": lambda real, fake: (
            -(torch.sigmoid(real).log().mean() + (1 - torch.sigmoid(fake)).log().mean())
        ),
    },
    hint="−log D(x) = softplus(−logit) for real; −log(1 − D(G(z))) = softplus(+logit) for fake.",
)


def _tiny_players() -> list[tuple]:
    """A G and a D of one hidden layer, a real batch (4, 6) and z (4, 3), made anew."""
    random = generator_for(0, "exercise 02 players")
    G = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 6), nn.Tanh())
    D = nn.Sequential(nn.Linear(6, 5), nn.LeakyReLU(0.2), nn.Linear(5, 1), nn.Flatten(0))
    with torch.no_grad():
        for parameter in [*G.parameters(), *D.parameters()]:
            parameter.normal_(0, 0.5, generator=random)
    real = torch.randn(4, 6, generator=random)
    return [(G, D, real, torch.randn(4, 3, generator=random))]


def _turn(see_real=lambda D, x: D(x), see_fake=lambda D, x: D(x.detach())):
    """D's turn with one line exchanged: how D sees the real and the generated batch."""

    def turn(G: nn.Module, D: nn.Module, real: Tensor, z: Tensor):
        loss_d = non_saturating.discriminator(see_real(D, real), see_fake(D, G(z)))
        loss_d.backward()
        return loss_d, gradient_norm(D), gradient_norm(G)

    return turn


def _no_backward(G: nn.Module, D: nn.Module, real: Tensor, z: Tensor):
    loss_d = non_saturating.discriminator(D(real), D(G(z).detach()))
    return loss_d, gradient_norm(D), gradient_norm(G)


discriminator_turn = Exercise(
    name="D's turn",
    reference=_turn(),
    cases=_tiny_players,
    mistakes={
        "The detach is missing: D's loss has written gradients into G. Cut the graph with "
        "fake.detach() before D sees it.": _turn(see_fake=lambda D, x: D(x)),
        "You detached D's answer instead of what D is shown: G is safe, but D learns nothing "
        "from the fakes.": _turn(see_fake=lambda D, x: D(x).detach()),
        "You detached D's answer to the real images: D learns nothing from them. The batch to "
        "cut off is the generated one.": _turn(see_real=lambda D, x: D(x).detach()),
        "No gradient reached D: call loss_d.backward() before you look.": _no_backward,
    },
    hint="Only one word is missing, and it belongs between G's image and D.",
)


best_score = Exercise(
    name="the best D(x)",
    reference=lambda p_data, p_generated: p_data / (p_data + p_generated),
    cases=lambda: [
        (torch.tensor([0.1, 0.4, 2.0]), torch.tensor([0.1, 0.4, 2.0])),
        (torch.tensor([0.3, 0.5, 0.9]), torch.tensor([0.9, 0.5, 0.0])),
    ],
    mistakes={
        "That is the chance of 'generated': D(x) is the chance of 'real'.": (
            lambda p_data, p_generated: p_generated / (p_data + p_generated)
        ),
        "That is the odds p/q, which is e^logit: divide by the sum of both instead.": (
            lambda p_data, p_generated: p_data / p_generated
        ),
        "That is the best *logit*, log p/q. Its sigmoid is D(x).": (
            lambda p_data, p_generated: (p_data / p_generated).log()
        ),
        "½ is the answer where both densities are equal; here they need not be.": (
            lambda p_data, p_generated: torch.full_like(p_data, 0.5)
        ),
        "That is p_data itself: D also has to know how often G makes the same image.": (
            lambda p_data, p_generated: p_data
        ),
    },
    hint="Half of D's images are real. Of all images that look like x, which share is real?",
)
