"""Watching a live model while it runs: what every layer gives, and what outputs were made from."""

from concurrent.futures import Executor, Future
from typing import Any

import numpy as np

from fpcheck.backends import backend_named
from fpcheck.backends.backend import Backend
from fpcheck.codec import Array
from fpcheck.fingerprint import sketch
from fpcheck.fingerprint.outputs import Activation, real
from fpcheck.fingerprint.probes import PASSIVE

# Functions that flatten what precedes them, so that changes no longer show.
SQUASHING = frozenset({"softmax", "sigmoid"})
SQUASHING_CLASSES = frozenset({"Softmax", "Sigmoid"})
# Results of layers that wait to be reduced.
_AHEAD = 2


class Recorder:
    """Watches every layer of a model while it runs.

    `before` maps the identity of a squashed or passed-on tensor to (what it was made from, whether
    by squashing). It holds both tensors, so that an identity is not used again meanwhile.

    Args:
        pool: reduces what every layer gives while the next layers run; None if nobody asks for it.
    """

    def __init__(self, pool: Executor | None = None) -> None:
        self._pool = pool
        self._kept: list[Future[Activation]] = []
        self.before: dict[int, tuple[Any, bool, Any]] = {}
        self._counts: dict[str, int] = {}

    def called(self, path: str, layer: Any, inputs: Any, result: Any) -> None:
        """A layer gave a result."""
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
        """`result` was made from `given` by squashing it or by handing it on."""
        if result is not given:
            self.before[id(result)] = (given, squashed, result)

    def logits(self, output: Any) -> tuple[Any, bool]:
        """What an output was before the last softmax or sigmoid, and whether there was one."""
        current = output
        while (step := self.before.get(id(current))) is not None:
            current, squashed, _ = step
            if squashed:
                return current, True
        return output, False

    def activations(self) -> tuple[Activation, ...]:
        """What every layer gave, reduced, in the order of the calls."""
        return tuple(kept.result() for kept in self._kept)

    def _keep(self, pool: Executor, path: str, tensor: Any) -> None:
        if not hasattr(tensor, "shape") or not _is_concrete(tensor):
            return
        values = to_numpy(tensor)
        if values.dtype.kind in "OSU":
            return
        call = self._counts[path] = self._counts.get(path, -1) + 1
        if len(self._kept) >= _AHEAD:  # else a fast model would fill the memory
            self._kept[-_AHEAD].result()
        # A copy: what follows may overwrite a result in its place.
        self._kept.append(pool.submit(_reduced, path, call, real(values).astype(np.float32)))


def _reduced(path: str, call: int, values: Array) -> Activation:
    norm = float(np.sqrt(np.sum(np.square(values, dtype=np.float64))))
    return Activation(path, call, values.shape, norm, sketch.of_array(values))


def _is_concrete(tensor: Any) -> bool:
    """Whether a tensor has values: inside a traced function it has none."""
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
