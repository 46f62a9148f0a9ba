"""JAX."""

from typing import Any

from fpcheck.backends.backend import Backend, Gradients, Target


def _is_traced(tensor: Any) -> bool:
    import jax

    return isinstance(tensor, jax.core.Tracer)


def _gradients(target: Target, variables: list[Any]) -> Gradients:
    import jax
    import keras

    def at(values: list[Any]) -> tuple[Any, list[Any]]:
        with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
            return target()

    values = [v.value for v in variables]
    (_, logits), found = jax.value_and_grad(at, has_aux=True)(values)
    # JAX gives zeros also where there is no gradient.
    return logits, [g if bool(g.any()) else None for g in found]


BACKEND = Backend(
    name="jax",
    title="JAX",
    install="pip install 'fpcheck[jax]'",
    packages={"jax": ("jax",), "jaxlib": ("jaxlib",)},
    variables=("XLA_FLAGS", "JAX_PLATFORMS", "JAX_DEFAULT_MATMUL_PRECISION", "JAX_ENABLE_X64"),
    other_arithmetic={"NPROC": "1"},
    is_traced=_is_traced,
    gradients=_gradients,
)
