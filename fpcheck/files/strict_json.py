"""JSON from untrusted files: limited in size and depth, without repeated keys."""

import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from fpcheck.errors import FpcheckError
from fpcheck.files import limits
from fpcheck.files.refusals import RESAVE, refused

_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_SURROGATES = re.compile(rb"\\u[dD][89a-fA-F]")
Hook = Callable[[dict[str, Any]], Any]


def load(data: bytes, where: str, hook: Hook | None = None) -> dict[str, Any]:
    """The object in a JSON text; arguments as for `document`."""
    value = document(data, where, hook)
    if not isinstance(value, dict):
        raise FpcheckError(f"{where}: contains a {type(value).__name__}, not an object", RESAVE)
    return value


def document(data: bytes, where: str, hook: Hook | None = None) -> Any:
    """The value in a JSON text, UTF-8; the hook is applied to every object, inner ones first."""
    if len(data) > limits.CONFIG_BYTES:
        long = f"{len(data):,} bytes long, of {limits.CONFIG_BYTES:,} allowed"
        raise refused(where, long, RESAVE)
    if _depth(data) > limits.CONFIG_DEPTH:
        raise refused(where, f"nested deeper than {limits.CONFIG_DEPTH} levels", RESAVE)

    def once(pairs: list[tuple[str, Any]]) -> Any:
        value = dict(pairs)
        if len(value) < len(pairs):
            raise ValueError("a key is repeated in one object")
        return hook(value) if hook else value

    try:
        value = json.loads(data.decode(), object_pairs_hook=once, parse_int=_integer)
        if _SURROGATES.search(data):
            json.dumps(value, ensure_ascii=False).encode()  # refuses lone surrogates
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise FpcheckError(f"{where}: not JSON ({str(error)[:120]})", RESAVE) from error
    return value


def _integer(digits: str) -> int:
    value = int(digits) if len(digits) < 20 else 2**64
    if not -(2**63) <= value < 2**63:
        raise ValueError("a number is beyond 64 bits")
    return value


def _depth(data: bytes) -> int:
    """How deep brackets outside of strings nest, determined before parsing."""
    if data.count(b"[") + data.count(b"{") <= limits.CONFIG_DEPTH:
        return 0
    codes = np.frombuffer(_STRINGS.sub(b"", data), np.uint8)
    opened = (codes == ord("[")) | (codes == ord("{"))
    closed = (codes == ord("]")) | (codes == ord("}"))
    steps = opened.astype(np.int8) - closed.astype(np.int8)
    return int(np.cumsum(steps, dtype=np.int64).max(initial=0))
