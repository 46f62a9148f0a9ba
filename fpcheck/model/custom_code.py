"""What decides a custom layer's outputs besides weights and configuration: its code, its state."""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from functools import cache
from itertools import takewhile
from typing import Any

from fpcheck.fingerprint import digest
from fpcheck.fingerprint.canonical import code_body
from fpcheck.model.layer_walk import is_builtin

_SCALARS = (bool, int, float, str)


def code_digest(layer: Any) -> str:
    """The digest of the code that is not the framework's own; empty where there is none."""
    told = [[name, _told(item)] for name, item in _own_code(layer)]
    return digest.text(digest.of_value(told)) if told else ""


def _own_code(layer: Any) -> Iterator[tuple[str, Any]]:
    """What its classes define, and functions that it holds, if they are not the framework's."""
    # Below the framework's class come its own bases.
    own = takewhile(lambda kind: not is_builtin(kind), type(layer).__mro__)
    held = [vars(kind) for kind in own]
    for name, value in ((n, v) for scope in (*held, vars(layer)) for n, v in sorted(scope.items())):
        function = getattr(value, "__func__", getattr(value, "fget", value))
        if inspect.isfunction(function) and not is_builtin(function):
            yield name, function


def _told(item: Any) -> Any:
    """Code by what it says: comments, layout and documentation set aside."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(item)))
    except (OSError, TypeError, SyntaxError):  # made at run time, or part of a larger expression
        code = getattr(item, "__code__", None)
        return code_body(code) if code is not None else getattr(item, "__qualname__", "")
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_text(body[0]) and len(body) > 1:
            del body[0]
    return ast.dump(tree)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def attributes(layer: Any, config: dict[str, Any] | None) -> dict[str, Any]:
    """Public numbers, texts and switches of a custom layer that its configuration leaves out."""
    found = {
        name: value
        for name, value in sorted(vars(layer).items())
        if isinstance(value, _SCALARS)
        and not name.startswith("_")
        and name not in _usual()
        and name not in (config or {})
    }
    return {**found, "supports_masking": bool(layer.supports_masking)}


@cache
def _usual() -> frozenset[str]:
    """What every layer has."""
    import keras

    return frozenset(vars(keras.layers.Layer()))
