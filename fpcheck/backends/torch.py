"""PyTorch."""

from contextlib import AbstractContextManager
from typing import Any, cast

from fpcheck.backends.backend import Backend, Gradients, Target


def _inference() -> AbstractContextManager[Any]:
    import torch

    return cast(AbstractContextManager[Any], torch.no_grad())


def _gradients(target: Target, variables: list[Any]) -> Gradients:
    import torch

    values = [v.value for v in variables]
    before = [value.requires_grad for value in values]
    try:
        for value in values:
            value.requires_grad_(True)
        scalar, logits = target()
        found = torch.autograd.grad(scalar, values, allow_unused=True)
    finally:
        for value, required in zip(values, before, strict=True):
            value.requires_grad_(required)
    return logits, list(found)


BACKEND = Backend(
    name="torch",
    title="PyTorch",
    install="pip install 'fpcheck[torch]'",
    packages={"torch": ("torch",)},
    variables=("KERAS_TORCH_DEVICE",),
    # Waiting threads of PyTorch use a core each: beside another process, recording took four times
    # as long.
    before_import={"OMP_WAIT_POLICY": "PASSIVE"},
    other_arithmetic={"OMP_NUM_THREADS": "1"},
    inference=_inference,
    gradients=_gradients,
)
