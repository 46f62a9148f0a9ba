"""Tensors that equal the golden's after a known mistake, bit for bit: a proof. A row per code."""

from collections.abc import Callable

from fpcheck.diagnosis.case import Case, Changed, Diagnoses, by_layer, diagnosis, some
from fpcheck.fingerprint.counterfactual import COLOUR_CHANNELS
from fpcheck.fingerprint.undone import Undone

_Describe = Callable[[Changed, Undone], str | None]
_CHANNELS_REVERSED = "with reversed input channels (RGB and BGR exchanged)"


def _diagnose(
    case: Case, code: str, words: dict[str, str], advice: str, describe: _Describe | None = None
) -> Diagnoses:
    """One diagnosis per mistake, for all tensors with the digest that the mistake gives.

    The golden stores digests of its tensors after usual mistakes (counterfactual digests). An equal
    digest proves that a tensor is the golden's after the mistake; the summary says no more.

    `words` are the mistakes by the names of their counterfactual digests. `describe` gives the
    mistake in words for a tensor that equals the golden's once a change is undone, None if that
    change is another mistake.
    """
    groups: dict[str, list[tuple[Changed, str]]] = {}
    for item in case.unexplained_tensors:
        stored = item.golden.details.counterfactuals if item.golden.details else {}
        mistake = next((words[n] for n in words if stored.get(n) == item.candidate.digest), None)
        proof = f"its digest equals the one that the {case.reference} stores for this mistake"
        undone = case.undone(item)
        if mistake is None and describe and undone is not None and undone.left == 0:
            mistake = describe(item, undone)
            proof = f"undoing this gives the {case.reference}'s digest"
        if mistake:
            groups.setdefault(mistake, []).append((item, proof))
    for mistake, proofs in groups.items():
        items = [item for item, _ in proofs]
        # Small values round to zeros, and zeros have many causes: alone they prove nothing.
        if all(item.constant for item in items):
            continue
        case.explain(items)
        yield diagnosis(
            code,
            by_layer(items),
            f"The values of {some(item.name for item in items)} are the {case.reference}'s, "
            f"{mistake}.",
            [f"{item.name}: {proof}" for item, proof in proofs],
            advice,
        )


def _describe_reversed_channels(item: Changed, undone: Undone) -> str | None:
    channels = len(item.tensor.shape) - 2
    has_colours = channels > 0 and item.tensor.shape[channels] in COLOUR_CHANNELS
    is_reversed = (undone.how, undone.names, undone.axes) == ("ordered", ("reversed",), (channels,))
    return _CHANNELS_REVERSED if has_colours and is_reversed else None


def _describe_flipped(item: Changed, undone: Undone) -> str | None:
    spatial = len(item.tensor.shape) - 2
    axes = undone.reversed
    if undone.how == "ordered" and set(undone.names) == {"reversed"}:
        axes = undone.axes
    elif undone.how != "turned" or undone.exchanged != tuple(range(spatial + 2)):
        return None
    return f"flipped along axis {_listed(axes)}" if axes and max(axes) < spatial else None


def _describe_transposed(item: Changed, undone: Undone) -> str | None:
    if undone.how != "turned" or undone.exchanged == tuple(range(len(item.tensor.shape))):
        return None
    flipped = f", axis {_listed(undone.reversed)} reversed" if undone.reversed else ""
    return f"transposed (axes {_listed(undone.exchanged)}{flipped})"


def _listed(axes: tuple[int, ...]) -> str:
    return ", ".join(map(str, axes))


ROUNDED = ("float16", "bfloat16")
# Kernels as other frameworks, and conversions from them, store them: code of the diagnosis, words,
# advice and `describe`.
MOVED: tuple[tuple[str, dict[str, str], str, _Describe], ...] = (
    (
        "input-channels-reversed",
        {"input-channels-reversed": _CHANNELS_REVERSED},
        "Feed the other channel order, or undo kernel[:, :, ::-1] in the conversion.",
        _describe_reversed_channels,
    ),
    (
        "kernel-flipped",
        {"flipped": "rotated by 180 degrees (all spatial axes reversed)"},
        "Undo the flip in the conversion: kernel[::-1, ::-1].",
        _describe_flipped,
    ),
    (
        "kernel-transposed",
        {
            "transposed": "transposed (last two axes exchanged)",
            "space-transposed": "transposed (height and width exchanged)",
        },
        "Transpose it back in the conversion: kernels are (height, width, in, out), or (in, out).",
        _describe_transposed,
    ),
)


def diagnose_rounded(case: Case) -> Diagnoses:
    """One diagnosis per type."""
    for kind in ROUNDED:
        words = {kind: f"rounded to {kind}"}
        advice = f"Save and load without a {kind} step{case.or_allow(kind)}."
        yield from _diagnose(case, f"cast-{kind}", words, advice)


def diagnose_moved(case: Case) -> Diagnoses:
    """One diagnosis per row and mistake."""
    for row in MOVED:
        yield from _diagnose(case, *row)
