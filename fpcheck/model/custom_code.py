"""The code and the attributes of custom layers, which also decide outputs."""

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
    """The digest of a layer's code that is not the framework's; empty if there is none."""
    code = [[name, _content(item)] for name, item in _own_code(layer)]
    return digest.text(digest.of_value(code)) if code else ""


def _own_code(layer: Any) -> Iterator[tuple[str, Any]]:
    """The functions that its classes and the layer itself contain, without the framework's."""
    # The first class of the framework is followed by its bases.
    own = takewhile(lambda kind: not is_builtin(kind), type(layer).__mro__)
    scopes = [*map(vars, own), vars(layer)]
    for name, value in ((n, v) for scope in scopes for n, v in sorted(scope.items())):
        function = getattr(value, "__func__", getattr(value, "fget", value))
        if inspect.isfunction(function) and not is_builtin(function):
            yield name, function


def _content(item: Any) -> Any:
    """Code without comments, layout and docstrings."""
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
    """Public scalar attributes of a custom layer that its configuration does not contain."""
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
    """The attributes that every layer has."""
    import keras

    return frozenset(vars(keras.layers.Layer()))
