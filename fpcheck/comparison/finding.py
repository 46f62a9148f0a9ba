"""One difference between golden and candidate, or one thing that could not be compared."""

from typing import Any, Literal

from fpcheck.codec import Value
from fpcheck.fingerprint.levels import Level

Severity = Literal["error", "note"]
# The code for state that exists and could not be compared; its level does not pass.
NOT_COMPARED = "not-compared"


class Finding(Value, frozen=True):
    """One finding.

    Attributes:
        level: the level that it belongs to.
        code: its kind; stable.
        layer: the layer's path in the golden, or in the candidate if the golden lacks the layer.
        tensor: its role.
        metric: what was measured, or the attribute that differs.
        expected: the golden's value.
        actual: the candidate's value, or the measured difference.
        tolerance: the difference that is allowed.
        severity: errors decide the verdict, notes do not.
    """

    level: Level
    code: str
    layer: str | None = None
    tensor: str | None = None
    metric: str | None = None
    expected: Any = None
    actual: Any = None
    tolerance: float | None = None
    severity: Severity = "error"

    @property
    def where(self) -> str:
        """The place as one word: `layer/tensor`, `layer`, or empty."""
        return "/".join(part for part in (self.layer, self.tensor) if part)


def not_compared(layer: str, role: str, side: str = "file", outside: str | None = None) -> Finding:
    """The finding that a layer has state which one side, `file` or `golden`, does not contain.

    `outside` is the file outside the model file that contains it, if the model names one.
    """
    return Finding("weights", NOT_COMPARED, layer, role, side, actual=outside, severity="note")


def within(difference: float, allowed: float) -> bool:
    """Whether a difference is allowed. NaN never is."""
    return difference <= allowed
