"""Typed values to bytes and back, arrays included: what crosses a process or lies in a file."""

import os
import sys
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]
else:

    class _OfNumpy(type):
        """Knows an array without importing numpy, which takes longer than a small comparison."""

        def __instancecheck__(cls, value):
            numpy = sys.modules.get("numpy")
            return numpy is not None and isinstance(value, numpy.ndarray)

    class Array(metaclass=_OfNumpy):
        """A numpy array of any type and shape."""


T = TypeVar("T")


class Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of every value that crosses a module: frozen, typed, compared by content."""


class PathText(str):
    """A path, or what may be one, that is going to be opened.

    In the text of a path Python writes bytes that are not UTF-8 as lone surrogates. No encoder
    takes those, so a path crosses a process as its bytes. What people read is `errors.as_text`.
    """

    __slots__ = ()


def _to_builtin(value: Any) -> Any:
    if isinstance(value, PathText):
        return os.fsencode(value)
    import numpy as np

    if isinstance(value, np.ndarray):
        contiguous = np.ascontiguousarray(value)
        return [contiguous.dtype.str, list(value.shape), contiguous.tobytes()]
    if isinstance(value, np.generic):
        return value.item()
    raise NotImplementedError(f"cannot send a {type(value).__name__}")


def _from_builtin(kind: Any, value: Any) -> Any:
    if kind is PathText:
        return PathText(os.fsdecode(value))
    if kind is Array:
        import numpy as np

        dtype, shape, data = value
        return np.frombuffer(data, dtype=dtype).reshape(shape)
    raise NotImplementedError(f"cannot receive a {kind}")


def pack(value: Any) -> bytes:
    """A value as MessagePack; arrays travel as dtype, shape and C-order bytes."""
    return msgspec.msgpack.encode(value, enc_hook=_to_builtin)


def unpack(data: bytes, kind: type[T]) -> T:
    """The value of type `kind` that `pack` wrote; msgspec.ValidationError where it is not one."""
    return msgspec.msgpack.decode(data, type=kind, dec_hook=_from_builtin)


def canonical_json(value: Any) -> bytes:
    """JSON with sorted keys and no white space: equal values give equal bytes."""
    return msgspec.json.encode(value, order="deterministic")
