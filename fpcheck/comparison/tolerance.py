"""The table of allowed differences, and where each row comes from."""

from typing import TYPE_CHECKING

from fpcheck.codec import Value
from fpcheck.errors import FpcheckError

if TYPE_CHECKING:  # these import numpy, which reading a tolerance does not need
    from fpcheck.fingerprint.outputs import Outputs
    from fpcheck.fingerprint.structure import Structure


class Row(Value, frozen=True):
    """Allowed differences for one class of arithmetic.

    Attributes:
        weights: relative L2 distance of a tensor; 0 means equal by digest.
        outputs: max |difference| / RMS of the golden output, before the last softmax or sigmoid.
        why: where the values come from.
    """

    weights: float
    outputs: float
    why: str


TOLERANCES: dict[str, Row] = {
    "exact": Row(0.0, 0.0, "every bit"),
    "float32": Row(1e-6, 1e-4, "measured 7e-7 (batch size) to 4.2e-6 (other backends)"),
    "tf32": Row(1e-6, 1e-3, "measured 3e-4 on matrix products with 10-bit mantissas"),
    "float16": Row(1e-3, 1e-2, "measured 3e-3; half a unit in the last place is 4.9e-4"),
    "bfloat16": Row(1e-2, 1e-1, "measured 4e-2; half a unit in the last place is 3.9e-3"),
    "int8": Row(2e-2, 1e-1, "measured 3e-2; half a step is 3.9e-3 of the largest value"),
}
# Weights are copied, not computed: by default they must be equal.
DEFAULT_WEIGHTS = "exact"
# Recorded noise may be larger than the arithmetic suggests; then this many times the noise counts.
NOISE_FACTOR = 10.0

Bound = float | str


class Tolerances(Value, frozen=True):
    """What a golden allows: the name of a row, or a number."""

    weights: Bound = DEFAULT_WEIGHTS
    outputs: Bound = "float32"

    def __post_init__(self) -> None:
        for bound in (self.weights, self.outputs):
            if isinstance(bound, str):
                row(bound)
            elif not 0 <= bound < float("inf"):
                raise FpcheckError(f"tolerance {bound}: not a finite number of 0 or more", _ALLOWED)

    @property
    def allowed_weights(self) -> float:
        """The relative L2 distance that a tensor may have."""
        return row(self.weights).weights if isinstance(self.weights, str) else self.weights

    @property
    def bound_of_outputs(self) -> float:
        """The relative difference that an output of a model without noise may have."""
        return row(self.outputs).outputs if isinstance(self.outputs, str) else self.outputs

    def allowed_outputs(self, golden: "Outputs") -> float:
        """The relative difference that an output may have."""
        if self.outputs == "exact":
            return self.bound_of_outputs
        return max(self.bound_of_outputs, NOISE_FACTOR * golden.noise.largest)


_ALLOWED = f"Allowed: {', '.join(TOLERANCES)}, or a number in the golden's tolerances."


def row(name: str) -> Row:
    """A row of the table; FpcheckError if there is none with that name."""
    if name not in TOLERANCES:
        raise FpcheckError(f"tolerance {name}: no such row", _ALLOWED)
    return TOLERANCES[name]


def tolerances_of(structure: "Structure") -> Tolerances:
    """The tolerances of a new golden, by the coarsest arithmetic that its layers use."""
    used = {"float32", *(_arithmetic(layer.dtype) for layer in structure.layers)}
    return Tolerances(outputs=max(used, key=[*TOLERANCES].index))


def is_quantized(policy: str) -> bool:
    """Whether a dtype policy stores weights as small integers or float8."""
    return _arithmetic(policy) == "int8"


def _arithmetic(policy: str) -> str:
    """The row of a dtype policy such as `mixed_float16`, `bfloat16`, `int8_from_float32`."""
    if policy.startswith(("int8", "int4", "float8")):
        return "int8"
    return next((name for name in ("bfloat16", "float16") if policy.endswith(name)), "float32")
