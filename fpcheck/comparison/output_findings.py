"""Differences of outputs."""

from functools import partial

import numpy as np

from fpcheck.codec import Array
from fpcheck.comparison.finding import Finding, within
from fpcheck.fingerprint import sketch
from fpcheck.fingerprint.outputs import Answer, Outputs, largest_difference, relative_difference

METRIC = "max_difference_over_rms"
_finding = partial(Finding, "outputs")


def compare_outputs(golden: Outputs, candidate: Outputs, allowed: float) -> list[Finding]:
    """All findings of the level `outputs`."""
    if len(golden.answers) != len(candidate.answers):
        was, now = ([answer.name for answer in side.answers] for side in (golden, candidate))
        return [_finding("output-missing", None, None, "outputs", was, now)]
    pairs = zip(golden.answers, candidate.answers, strict=True)
    findings = (_compare(expected, actual, allowed) for expected, actual in pairs)
    return [finding for finding in findings if finding is not None]


def _compare(expected: Answer, actual: Answer, allowed: float) -> Finding | None:
    name = expected.name
    if expected.shape != actual.shape:
        shapes = list(expected.shape), list(actual.shape)
        return _finding("output-shape-changed", name, None, "shape", *shapes)
    for values in (actual.logits, actual.final):
        if bad := int((~np.isfinite(values)).sum()):
            return _finding("non-finite", name, None, "non_finite_values", 0, bad)
    logits = relative_difference(expected.logits, actual.logits)
    for tensor, difference in (("logits", logits), ("final", _final_difference(expected, actual))):
        if not within(difference, allowed):
            return _finding("output-changed", name, tensor, METRIC, None, difference, allowed)
    if expected.logits.size < np.prod(expected.shape):
        return _compare_sketches(expected, actual, allowed)
    return None


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


def _final_difference(expected: Answer, actual: Answer) -> float:
    """The difference of the final outputs, on the scale that is used for the logits.

    Softmax and sigmoid never enlarge a difference (both are 1-Lipschitz). After one of them, the
    difference is divided by the RMS of the logits: probabilities are small if classes are many.
    """
    difference = relative_difference(expected.final, actual.final)
    if not (expected.squashed and actual.squashed):
        return difference
    final, logits = _rms(expected.final), _rms(expected.logits)
    return difference * final / logits if final and logits else difference


def _compare_sketches(expected: Answer, actual: Answer, allowed: float) -> Finding | None:
    """Compares the values that are not stored, for an output too large to be stored completely."""
    norm = float(np.sqrt(np.mean(np.square(expected.sketch))))
    distance = sketch.distance(expected.sketch, actual.sketch)
    if within(distance, allowed * norm):
        return None
    relative = distance / norm if norm else distance
    what = ("output-changed", expected.name, "logits", "relative_l2")
    return _finding(*what, None, relative, allowed)


def matching_alternative(golden: Outputs, candidate: Outputs, allowed: float) -> str | None:
    """The usual preprocessing mistake that gives the candidate's outputs; None if there is none."""
    answers = tuple(answer.logits for answer in candidate.answers)
    alternatives = golden.alternatives.items()
    differences = {name: largest_difference(values, answers) for name, values in alternatives}
    close = {name: value for name, value in differences.items() if within(value, allowed)}
    return min(close, key=close.__getitem__, default=None)
