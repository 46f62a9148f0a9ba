"""Watching a live model while it runs: every layer's result, and the logits of outputs."""

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


class Recorder:
    """Watches every layer of a model while it runs.

    `before` maps the identity of a tensor to the tensor that it was computed from, and whether it
    was squashed. It holds both tensors, so that Python does not use an identity again.

    Args:
        pool: reduces each layer's result while the next layers run; None if results are not wanted.
    """

    def __init__(self, pool: Executor | None = None) -> None:
        self._pool = pool
        self._kept: list[Future[Activation]] = []
        self.before: dict[int, tuple[Any, bool, Any]] = {}
        self._counts: dict[str, int] = {}

    def called(self, path: str, layer: Any, inputs: Any, result: Any) -> None:
        """A layer has returned a result."""
        import keras

        kind = type(layer).__name__
        if kind in PASSIVE:
            self.passed(inputs, result, squashed=False)
        elif kind in SQUASHING_CLASSES:
            self.passed(inputs, result, squashed=True)
        if self._pool is not None:
            for tensor in keras.tree.flatten(result):
                self._keep(self._pool, path, tensor)

    def passed(self, given: Any, result: Any, squashed: bool) -> None:
        """`result` is `given`, squashed or passed on."""
        if result is not given:
            self.before[id(result)] = (given, squashed, result)

    def logits(self, output: Any) -> tuple[Any, bool]:
        """The input of the last softmax or sigmoid before an output, and whether there is one."""
        current = output
        while (step := self.before.get(id(current))) is not None:
            current, squashed, _ = step
            if squashed:
                return current, True
        return output, False

    def activations(self) -> tuple[Activation, ...]:
        """The reduced result of every call of a layer, in the order of the calls."""
        return tuple(kept.result() for kept in self._kept)

    def _keep(self, pool: Executor, path: str, tensor: Any) -> None:
        if not hasattr(tensor, "shape") or not _is_concrete(tensor):
            return
        values = to_numpy(tensor)
        if values.dtype.kind in "OSU":
            return
        call = self._counts[path] = self._counts.get(path, -1) + 1
        if len(self._kept) >= _AHEAD:  # otherwise, a fast model would fill the memory
            self._kept[-_AHEAD].result()
        # A copy, since later layers may overwrite the result.
        self._kept.append(pool.submit(_reduced, path, call, real(values).astype(np.float32)))


def _reduced(path: str, call: int, values: Array) -> Activation:
    norm = float(np.sqrt(np.sum(np.square(values, dtype=np.float64))))
    return Activation(path, call, values.shape, norm, sketch.of_array(values))


def _is_concrete(tensor: Any) -> bool:
    """Whether a tensor has values. It has none inside a traced function."""
    import keras

    if isinstance(tensor, keras.KerasTensor) or not hasattr(tensor, "__array__"):
        return False
    return not running_backend().is_traced(tensor)


def running_backend() -> Backend:
    """The backend that Keras uses in this process."""
    import keras

    return backend_named(keras.config.backend())


def to_numpy(tensor: Any) -> Array:
    """The values of a tensor of any backend."""
    import keras

    array: Array = np.asarray(keras.ops.convert_to_numpy(tensor))
    return array
