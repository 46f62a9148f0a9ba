"""Models of thousands of layers: what Keras and Python need for them."""

import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fpcheck.files.limits import LAYERS, MIB

# Keras follows a graph from its outputs with one nested call per layer.
CALLS = 1000 + 2 * LAYERS
# So many calls take at most 2 kB each where C code calls Python. Linux keeps 128 MiB free below the
# main thread's stack.
STACK_BYTES = 120 * MIB


def allow_depth() -> None:
    """Let this process follow the deepest graph that a file may hold."""
    sys.setrecursionlimit(max(sys.getrecursionlimit(), CALLS))
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    wanted = STACK_BYTES if hard == resource.RLIM_INFINITY else min(STACK_BYTES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_STACK, (wanted, hard))


@contextmanager
def built_once() -> Iterator[None]:
    """A context in which a Sequential read from a configuration is built once, at its end."""
    from keras import Sequential

    original = Sequential.__dict__["from_config"]

    # Keras 3 builds it again after each layer: 2,000 layers took half an hour.
    class Growing(Sequential):  # type: ignore[misc]
        def add(self, layer: Any, rebuild: bool = True) -> None:
            super().add(layer, rebuild=False)

    def from_config(cls: Any, config: Any, custom_objects: Any = None) -> Any:
        if cls is not Sequential:
            return original.__func__(cls, config, custom_objects)
        shape = config.get("build_input_shape")
        grown = {key: value for key, value in config.items() if key != "build_input_shape"}
        model = original.__func__(Growing, grown, custom_objects)
        object.__setattr__(model, "__class__", Sequential)
        if model._layers:
            model._maybe_rebuild()
        if not model._functional and isinstance(shape, tuple | list) and shape:
            model.build(shape)
        return model

    Sequential.from_config = classmethod(from_config)
    try:
        yield
    finally:
        Sequential.from_config = original
