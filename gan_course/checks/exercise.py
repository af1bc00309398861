"""One exercise: the right answer, the cases it is tried on, and the mistakes that people make.

A wrong attempt is compared with every known mistake, so that the learner reads *what* went wrong.
The lesson always goes on: ``check`` returns the attempt if it is right, else the reference.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor


def agree(a: Any, b: Any, tolerance: float = 1e-4) -> bool:
    """Whether two answers (numbers, tensors, strings, or tuples and lists of them) are the same."""
    if isinstance(b, (tuple, list)):
        return (
            isinstance(a, (tuple, list))
            and len(a) == len(b)
            and all(agree(x, y, tolerance) for x, y in zip(a, b, strict=True))
        )
    if isinstance(b, (str, bool)) or b is None:
        return a == b
    try:
        left = torch.as_tensor(a).detach().double()
    except (TypeError, ValueError, RuntimeError):
        return False
    right = torch.as_tensor(b).detach().double()
    return left.shape == right.shape and torch.allclose(
        left, right, rtol=tolerance, atol=tolerance, equal_nan=True
    )


def describe(value: Any) -> str:
    """A short text for an answer: numbers to 4 digits, tensors by shape and mean."""
    if isinstance(value, (tuple, list)):
        return "(" + ", ".join(describe(v) for v in value) + ")"
    if isinstance(value, Tensor) and value.dim() > 0:
        mean = value.detach().double().mean()
        return f"tensor of shape {tuple(value.shape)}, mean {mean:.4g}"
    if isinstance(value, (Tensor, float)):
        return f"{value.item() if isinstance(value, Tensor) else value:.4g}"
    return repr(value)


@dataclass(frozen=True)
class Exercise:
    """A function to be written by the learner.

    name: what messages call it. reference: the right function. cases: () → a list of argument
    tuples, made anew at each call. mistakes: what to tell a learner → a function that makes this
    mistake. hint: for an attempt that matches nothing known.
    """

    name: str
    reference: Callable[..., Any]
    cases: Callable[[], Sequence[tuple]]
    mistakes: dict[str, Callable[..., Any]] = field(default_factory=dict)
    hint: str = "Write the formula down for a batch of one, then compare term by term."

    def _answers(self, function: Callable[..., Any]) -> list[Any]:
        return [function(*arguments) for arguments in self.cases()]

    def check(self, attempt: Callable[..., Any]) -> Callable[..., Any]:
        """Judge an attempt, print one verdict, and return the function to go on with."""
        expected = self._answers(self.reference)
        try:
            got = self._answers(attempt)
        except NotImplementedError:
            got = [None] * len(expected)
        except Exception as error:  # a learner's code may raise anything
            print(f"✗ {self.name}: it stopped with {type(error).__name__}: {error}.")
            print(f"  {self._cause(error)}")
            return self.reference
        if all(answer is None for answer in got) and expected[0] is not None:
            print(f"… {self.name}: not yet. The lesson goes on with the reference.")
            return self.reference
        if agree(got, expected):
            print(f"✓ {self.name}: right.")
            return attempt
        index = next(i for i, answer in enumerate(got) if not agree(answer, expected[i]))
        print(
            f"✗ {self.name}: yours gives {describe(got[index])}, "
            f"expected {describe(expected[index])}."
        )
        print(f"  {self._diagnosis(got)}")
        return self.reference

    def _diagnosis(self, got: list[Any]) -> str:
        for message, wrong in self.mistakes.items():
            try:
                same = agree(got, self._answers(wrong))
            except Exception:  # a mistake that stops is recognised by _cause
                continue
            if same:
                return message
        return self.hint

    def _cause(self, error: Exception) -> str:
        """The mistake that stops with the same words in any order: in a + b and b + a, say."""
        for message, wrong in self.mistakes.items():
            try:
                self._answers(wrong)
            except Exception as known:
                same_words = set(str(known).split()) == set(str(error).split())
                if type(known) is type(error) and same_words:
                    return message
        return self.hint
