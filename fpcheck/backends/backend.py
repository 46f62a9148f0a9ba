"""What fpcheck needs to know about a backend of Keras."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

# Runs the model. Gives the number to differentiate, and the logits that it was computed from.
Target = Callable[[], tuple[Any, list[Any]]]
# The logits, and for each variable the gradient, or None where there is none.
Gradients = tuple[list[Any], list[Any | None]]


@dataclass(frozen=True, kw_only=True)
class Backend:
    """A backend. The defaults are right for a backend that fpcheck does not know.

    Attributes:
        name: the name that `KERAS_BACKEND` uses, which is also that of the module to import.
        title: the name that people use.
        install: the command that installs it.
        packages: its modules, and for each the distributions that may contain it.
        always_used: whether Keras uses it for some layers whichever backend runs the model. Then
            every environment includes its version.
        variables: environment variables that change its arithmetic.
        before_import: environment variables of a process that imports it, where the user sets none.
        other_arithmetic: environment variables that make a second process round differently.
        inference: a context in which it keeps nothing for a backward pass.
        is_traced: whether a tensor is a placeholder without values, as in a compiled function.
        text: converts an array of text to a tensor; None if the backend has no text.
        gradients: one backward pass; None if fpcheck knows none. May raise any exception for an
            operation that has no gradient.
    """

    name: str
    title: str
    install: str
    packages: dict[str, tuple[str, ...]]
    always_used: bool = False
    variables: tuple[str, ...] = ()
    before_import: dict[str, str] = field(default_factory=dict)
    other_arithmetic: dict[str, str] = field(default_factory=dict)
    inference: Callable[[], AbstractContextManager[Any]] = nullcontext
    is_traced: Callable[[Any], bool] = lambda tensor: False
    text: Callable[[Any], Any] | None = None
    gradients: Callable[[Target, list[Any]], Gradients] | None = None
