"""What a training run writes down about a step: gradients, norm terms, and their ratio."""

import math

import torch
from torch import Tensor, nn

from .losses import AdversarialLoss, norm_terms, pair
from .state import GANState

ALL_PAIRS_EVERY = 10  # records between two measurements of ratio_all_pairs, which costs a few ms


def gradient_norm(network: nn.Module) -> Tensor:
    """The 2-norm of a network's last gradient, over all its parameters; 0 before the first step."""
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    if not gradients:
        return torch.zeros(())
    return torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))


def all_pairs_pull(fake: Tensor, real: Tensor, lambda1: float, lambda2: float) -> Tensor:
    """∇ of the norm loss at each fake, with the mean over *every* real of the batch as partner.

    Args:
        fake, real: (N, C, H, W) and (M, C, H, W).

    Returns:
        (N, C, H, W), scaled like ``pull_norm``: the gradient of a mean over the batch.
    """
    points = fake.detach().flatten(1).requires_grad_()
    others = real.flatten(1)
    total = lambda1 * torch.cdist(points, others, p=1).mean()
    total = total + lambda2 * torch.cdist(points, others).mean()
    (pull,) = torch.autograd.grad(total, points)
    return pull.view_as(fake)


def measured_row(
    state: GANState, real: Tensor, report: dict[str, Tensor], loss: AdversarialLoss
) -> dict:
    """One record of the history; one transfer from the device."""
    l1, l2 = norm_terms(*pair(report["fake"], real, state.config.pairing))
    adversarial = report["pull_adversarial"].norm()
    values = {
        "loss_d": report["loss_d"],
        "loss_g": report["loss_g"],
        "d_real": loss.score(report["real_logits"]).mean(),
        "d_fake": loss.score(report["fake_logits"]).mean(),
        "norm_l1": l1,
        "norm_l2": l2,
        "grad_norm_d": gradient_norm(state.discriminator),
        "grad_norm_g": gradient_norm(state.generator),
        "ratio": report["pull_norm"].norm() / adversarial,
    }
    lambda1, lambda2 = state.control("lambda1"), state.control("lambda2")
    has_norm_loss = lambda1 > 0 or lambda2 > 0
    if has_norm_loss and len(state.history) % ALL_PAIRS_EVERY == 0:
        pull = all_pairs_pull(report["fake"], real, lambda1, lambda2)
        values["ratio_all_pairs"] = pull.norm() / adversarial
    numbers = torch.stack([value.detach().float().cpu() for value in values.values()]).tolist()
    not_measured = math.nan if has_norm_loss else 0.0
    row = {"step": state.step, "ratio_all_pairs": not_measured}
    return row | dict(zip(values, numbers, strict=True))
