"""A first kernel with reversed input channels: RGB and BGR exchanged."""

from fpcheck.comparison.weight_findings import Changed
from fpcheck.diagnosis.case import Case
from fpcheck.diagnosis.evidence import Diagnoses
from fpcheck.diagnosis.weights.known_mistakes import diagnose_mistake
from fpcheck.fingerprint.counterfactual import COLOUR_CHANNELS
from fpcheck.fingerprint.undone import Undone

_CODE = "input-channels-reversed"
_MISTAKE = "with reversed input channels (RGB and BGR exchanged)"


def diagnose(case: Case) -> Diagnoses:
    """One diagnosis for all such kernels."""
    advice = "Feed the other channel order, or undo kernel[:, :, ::-1] in the conversion."
    yield from diagnose_mistake(case, _CODE, {_CODE: _MISTAKE}, advice, _describe)


def _describe(item: Changed, undone: Undone) -> str | None:
    shape = item.tensor.shape
    has_colours = len(shape) > 2 and shape[-2] in COLOUR_CHANNELS
    is_reversed = undone.how == "ordered" and undone.names == ("reversed",)
    return _MISTAKE if has_colours and is_reversed and undone.axes == (len(shape) - 2,) else None
