"""Differences of outputs, and the first layer from which they come."""

from collections.abc import Iterator

import numpy as np

from fpcheck.comparison.finding import Finding, within
from fpcheck.fingerprint import sketch
from fpcheck.fingerprint.outputs import Answer, Outputs, largest_difference, relative_difference

METRIC = "max_difference_over_rms"


def compare_outputs(golden: Outputs, candidate: Outputs, allowed: float) -> list[Finding]:
    """All findings of the level `outputs`."""
    if len(golden.answers) != len(candidate.answers):
        return [Finding("outputs", "output-missing", metric="outputs",
                        expected=[a.name for a in golden.answers],
                        actual=[a.name for a in candidate.answers])]  # fmt: skip
    findings: list[Finding] = []
    for expected, actual in zip(golden.answers, candidate.answers, strict=True):
        findings += _answer(expected, actual, allowed)
    return findings


def _answer(expected: Answer, actual: Answer, allowed: float) -> Iterator[Finding]:
    if expected.shape != actual.shape:
        yield Finding("outputs", "output-shape-changed", expected.name, metric="shape",
                      expected=list(expected.shape), actual=list(actual.shape))  # fmt: skip
        return
    if not (np.isfinite(actual.logits).all() and np.isfinite(actual.final).all()):
        bad = int((~np.isfinite(actual.logits)).sum()) or int((~np.isfinite(actual.final)).sum())
        yield Finding("outputs", "non-finite", expected.name, metric="non_finite_values",
                      expected=0, actual=bad)  # fmt: skip
        return
    difference = relative_difference(expected.logits, actual.logits)
    if not within(difference, allowed):
        yield Finding("outputs", "output-changed", expected.name, "logits", METRIC,
                      actual=difference, tolerance=allowed)  # fmt: skip
        return
    final = _final_difference(expected, actual)
    if not within(final, allowed):
        yield Finding("outputs", "output-changed", expected.name, "final", METRIC,
                      actual=final, tolerance=allowed)  # fmt: skip
        return
    if expected.logits.size < np.prod(expected.shape):
        yield from _rest(expected, actual, allowed)


def _final_difference(expected: Answer, actual: Answer) -> float:
    """The difference of the final outputs, on the scale on which that of the logits is judged.

    Softmax and sigmoid never enlarge a difference (both are 1-Lipschitz), so behind one of them the
    scale is that of the logits, not that of probabilities, which are small where classes are many.
    """
    difference = relative_difference(expected.final, actual.final)
    if not (expected.squashed and actual.squashed):
        return difference
    rms = [float(np.sqrt(np.mean(np.square(v, dtype=np.float64))))
           for v in (expected.final, expected.logits)]  # fmt: skip
    return difference * rms[0] / rms[1] if all(rms) else difference


def _rest(expected: Answer, actual: Answer, allowed: float) -> Iterator[Finding]:
    """Of an output too large to be kept whole, the values between those kept."""
    norm = float(np.sqrt(np.mean(np.square(expected.sketch))))
    distance = sketch.distance(expected.sketch, actual.sketch)
    if not within(distance, allowed * norm):
        yield Finding("outputs", "output-changed", expected.name, "logits", "relative_l2",
                      actual=distance / norm if norm else distance, tolerance=allowed)  # fmt: skip


def matching_alternative(golden: Outputs, candidate: Outputs, allowed: float) -> str | None:
    """The usual preprocessing mistake that gives the candidate's outputs, if there is one."""
    answers = tuple(a.logits for a in candidate.answers)
    differences = {n: largest_difference(a, answers) for n, a in golden.alternatives.items()}
    close = {name: value for name, value in differences.items() if within(value, allowed)}
    return min(close, key=close.__getitem__) if close else None
