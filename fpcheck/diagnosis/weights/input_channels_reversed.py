"""A first kernel with its input channels reversed: RGB and BGR exchanged."""

from collections.abc import Iterator

from fpcheck.comparison.weight_findings import Changed
from fpcheck.diagnosis.case import Case
from fpcheck.diagnosis.weights.foretold import foretold
from fpcheck.fingerprint.counterfactual import COLOUR_CHANNELS
from fpcheck.fingerprint.undone import Undone
from fpcheck.report.report import Diagnosis

_SAYS = "with its input channels reversed (RGB and BGR exchanged)"


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """One diagnosis for all such kernels."""
    yield from foretold(
        case,
        "input-channels-reversed",
        {"input-channels-reversed": _SAYS},
        "Feed the other channel order, or undo kernel[:, :, ::-1] in the conversion.",
        _says,
    )


def _says(item: Changed, undone: Undone) -> str | None:
    shape = item.tensor.shape
    colours = len(shape) > 2 and shape[-2] in COLOUR_CHANNELS
    reversed_ = undone.how == "ordered" and undone.names == ("reversed",)
    return _SAYS if colours and reversed_ and undone.axes == (len(shape) - 2,) else None
