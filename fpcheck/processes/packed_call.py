"""Calls that cross a process: arguments and result are packed by the function's own type hints."""

from collections.abc import Callable
from importlib import import_module
from typing import Any, cast, get_type_hints

from fpcheck.codec import pack, unpack


def named(name: str) -> Callable[..., Any]:
    """The function that `package.module:function` names."""
    module, _, function = name.partition(":")
    return cast(Callable[..., Any], getattr(import_module(module), function))


def types_of(function: Callable[..., Any]) -> tuple[Any, Any]:
    """The types of the arguments, as one tuple, and of the result."""
    hints = get_type_hints(function)
    result = hints.pop("return")
    return tuple.__class_getitem__(tuple(hints.values())), result


def call(
    function: Callable[..., Any], arguments: bytes, declared: Callable[..., Any] | None = None
) -> bytes:
    """The packed result of a function; `declared` has its type hints, if it has none itself."""
    kinds, _ = types_of(declared or function)
    return pack(function(*unpack(arguments, kinds)))
