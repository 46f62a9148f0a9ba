"""Calls that cross a process: arguments and result are packed by the function's own type hints."""

from collections.abc import Callable
from importlib import import_module
from typing import Any, get_type_hints

from fpcheck.codec import pack, unpack


def named(name: str) -> Callable[..., Any]:
    """The function that `package.module:function` names."""
    module, _, function = name.partition(":")
    found: Callable[..., Any] = getattr(import_module(module), function)
    return found


def types_of(function: Callable[..., Any]) -> tuple[Any, Any]:
    """The types of the arguments, as one tuple, and of the result."""
    hints = get_type_hints(function)
    result = hints.pop("return")
    return tuple.__class_getitem__(tuple(hints.values())), result


def call(
    function: Callable[..., Any], arguments: bytes, declared: Callable[..., Any] | None = None
) -> bytes:
    """The packed result of a function.

    Args:
        function: what is called.
        arguments: a packed tuple of all its arguments.
        declared: the function that has the type hints, where `function` itself has none.
    """
    kinds, _ = types_of(declared or function)
    return pack(function(*unpack(arguments, kinds)))
