"""Watching a live model while it runs: every layer's result, and the logits of outputs."""

from collections import Counter
from concurrent.futures import Executor, Future
from typing import Any

import numpy as np

from fpcheck.backends import backend_named
from fpcheck.backends.backend import Backend
from fpcheck.codec import Array
from fpcheck.fingerprint import sketch
from fpcheck.fingerprint.outputs import Activation, real
from fpcheck.fingerprint.probes import PASSIVE

# Functions that squash their input: large changes of it hardly show in their result.
SQUASHING = frozenset({"softmax", "sigmoid"})
SQUASHING_CLASSES = frozenset({"Softmax", "Sigmoid"})
# How many results of layers may wait until they are reduced.
_AHEAD = 2


class LayerWatch:
    """Watches every layer of a model while it runs.

    The pool reduces each layer's result while the next layers run; None if results are not wanted.
    """

    def __init__(self, pool: Executor | None = None) -> None:
        self._pool = pool
        self._kept: list[Future[Activation]] = []
        self._calls: Counter[str] = Counter()
        # By the identity of a tensor, the tensor that it was computed from, and whether it was
        # squashed. Both tensors are held, so that Python does not use an identity again.
        self._before: dict[int, tuple[Any, bool, Any]] = {}

    def called(self, path: str, layer: Any, inputs: Any, result: Any) -> None:
        """A layer has returned a result."""
        import keras

        kind = type(layer).__name__
        if kind in PASSIVE or kind in SQUASHING_CLASSES:
            self.passed(inputs, result, squashed=kind in SQUASHING_CLASSES)
        if self._pool is not None:
            for tensor in filter(_is_concrete, keras.tree.flatten(result)):
                self._keep(self._pool, path, to_numpy(tensor))

    def passed(self, given: Any, result: Any, squashed: bool) -> None:
        """`result` is `given`, squashed or passed on."""
        if result is not given:
            self._before[id(result)] = (given, squashed, result)

    def logits(self, output: Any) -> tuple[Any, bool]:
        """The input of the last softmax or sigmoid before an output, and whether there is one."""
        current = output
        while (step := self._before.get(id(current))) is not None:
            current, squashed, _ = step
            if squashed:
                return current, True
        return output, False

    def activations(self) -> tuple[Activation, ...]:
        """The reduced result of every call of a layer, in the order of the calls."""
        return tuple(kept.result() for kept in self._kept)

    def _keep(self, pool: Executor, path: str, values: Array) -> None:
        if is_text(values):
            return
        if len(self._kept) >= _AHEAD:  # otherwise, a fast model would fill the memory
            self._kept[-_AHEAD].result()
        # A copy, since later layers may overwrite the result.
        copy = real(values).astype(np.float32)
        self._kept.append(pool.submit(_reduced, path, self._calls[path], copy))
        self._calls[path] += 1


def _reduced(path: str, call: int, values: Array) -> Activation:
    norm = float(np.sqrt(np.sum(np.square(values, dtype=np.float64))))
    return Activation(path, call, values.shape, norm, sketch.of_array(values))


def _is_concrete(tensor: Any) -> bool:
    """Whether it is a tensor that has values. It has none inside a traced function."""
    import keras

    if isinstance(tensor, keras.KerasTensor) or not hasattr(tensor, "shape"):
        return False
    return hasattr(tensor, "__array__") and not running_backend().is_traced(tensor)


def running_backend() -> Backend:
    """The backend that Keras uses in this process."""
    import keras

    return backend_named(keras.config.backend())


def to_numpy(tensor: Any) -> Array:
    """The values of a tensor of any backend."""
    import keras

    return np.asarray(keras.ops.convert_to_numpy(tensor))


def is_text(array: Any) -> bool:
    """Whether it is an array of text."""
    return isinstance(array, np.ndarray) and array.dtype.kind in "OSU"
