"""What a worker is asked: a method's name and its packed arguments.

A question to a model is a method of `Contents` or `Runner`. Its signature is all that the two sides
of a worker need to know of it.
"""

from inspect import signature
from typing import Any, Protocol

from fpcheck.codec import Value, pack
from fpcheck.model.runner import LiveModel
from fpcheck.model.source import Options, Source
from fpcheck.processes.packed_call import types_of


class Host(LiveModel, Protocol):
    """All that a worker answers."""

    def open(self, source: Source, options: Options, architecture_only: bool = False) -> str:
        """Load a source in place of the one that was open; returns the name of its format."""


class Question(Value, frozen=True):
    """A call of a method of `Host`; its arguments are packed as one tuple."""

    method: str
    arguments: bytes


def question(method: str, *arguments: Any, **named: Any) -> Question:
    """The question that calls a method of `Host`."""
    bound = signature(getattr(Host, method)).bind(None, *arguments, **named)
    bound.apply_defaults()
    return Question(method, pack(bound.args[1:]))


def result_type(method: str) -> Any:
    """The type of what a method of `Host` returns."""
    return types_of(getattr(Host, method))[1]
