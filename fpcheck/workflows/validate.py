"""Validate: predictions on labelled data now, against those that the golden recorded."""

import time
from pathlib import Path

import msgspec

from fpcheck.codec import Value
from fpcheck.comparison.finding import Finding
from fpcheck.comparison.verdict import NOT_ASKED, LevelResult
from fpcheck.errors import FpcheckError
from fpcheck.fingerprint.accuracy import Accuracy
from fpcheck.model.source import Options
from fpcheck.model.worker_client import WorkerClient
from fpcheck.progress import Progress, silent
from fpcheck.report.report import PREDICTIONS, AccuracyResult, Diagnosis, Report, timed
from fpcheck.workflows.accuracy_measurement import measured_accuracy
from fpcheck.workflows.compare import compared
from fpcheck.workflows.next_commands import to_record_next
from fpcheck.workflows.request import CompareRequest

# Rounding may exchange two classes whose scores are this close; it changes no other prediction.
CLOSE_SCORES = 1e-3
# Changed examples that are shown.
SHOWN = 3


class Change(Value, frozen=True):
    """An example whose predicted class changed: its place in the data, both classes."""

    place: int
    before: int
    now: int


class Pairs(Value, frozen=True):
    """Examples on both sides: how many, whose prediction changed, how many have another label."""

    compared: int
    changed: list[Change]
    relabelled: int


def validate_source(
    source: object,
    path: Path,
    request: CompareRequest,
    options: Options,
    remote: WorkerClient | None = None,
    progress: Progress = silent,
) -> Report:
    """Compare structure and weights with the golden, then predictions on the same examples.

    Raises:
        FpcheckError: the golden recorded no accuracy, or none of these examples.
    """
    start = time.monotonic()
    if request.levels is None:
        request = msgspec.structs.replace(request, levels=("structure", "weights"))
    with compared(source, request, options, remote, progress) as finished:
        golden, report, model = finished.plan.golden, finished.report, finished.model
        recorded = golden.fingerprint.accuracy
        if recorded is None:
            raise FpcheckError(
                f"golden {golden.label} recorded no accuracy",
                to_record_next("Record it with data", report, request, options, path),
            )
        preprocess = request.preprocess or recorded.preprocess
        progress("predicting the labelled examples")
        structure = model.contents.structure()
        measured = measured_accuracy(model, structure, path, preprocess, allow_nan=True)
    pairs = compare_predictions(recorded, measured)
    if not pairs.compared:
        raise FpcheckError(
            f"{path}: contains none of the examples that golden {golden.label} recorded",
            "Use the data that was recorded, or record the golden again with --data.",
        )
    return timed(_with_accuracy(report, recorded, measured, pairs), start)


def compare_predictions(recorded: Accuracy, measured: Accuracy) -> Pairs:
    """Compare the examples that both sides contain, paired by their content."""
    places = {row.tobytes(): place for place, row in enumerate(recorded.examples)}
    pairs = [
        (places[row.tobytes()], place)
        for place, row in enumerate(measured.examples)
        if row.tobytes() in places
    ]
    changed = [
        Change(new, int(recorded.predicted[old]), int(measured.predicted[new]))
        for old, new in pairs
        if recorded.predicted[old] != measured.predicted[new]
        and not max(recorded.margin[old], measured.margin[new]) <= CLOSE_SCORES
    ]
    relabelled = sum(bool(recorded.labels[old] != measured.labels[new]) for old, new in pairs)
    return Pairs(len(pairs), changed, relabelled)


def _with_accuracy(report: Report, recorded: Accuracy, measured: Accuracy, pairs: Pairs) -> Report:
    result = AccuracyResult(
        examples=measured.count,
        compared=pairs.compared,
        expected_top1=recorded.top1,
        top1=measured.top1,
        expected_top5=recorded.top5,
        top5=measured.top5,
        changed=len(pairs.changed),
        missing=recorded.count - pairs.compared,
    )
    missing = result.missing
    unknown = measured.count - pairs.compared
    notes = [*report.notes]
    notes += [f"{missing} of the recorded examples are not in the data"] * (missing > 0)
    notes += [f"{unknown} examples are not in the golden"] * (unknown > 0)
    classes = measured.classes or recorded.classes
    notes += [_told(change, classes) for change in pairs.changed[:SHOWN]]
    findings = _findings(pairs)
    levels, verdict = dict(report.levels), report.verdict
    if levels["outputs"].reason == NOT_ASKED:
        levels["outputs"] = LevelResult("skipped", PREDICTIONS)
    if findings:
        levels["outputs"], verdict = LevelResult("fail"), "mismatch"
    elif missing and verdict == "match":
        verdict = "incomplete"
    other = measured.preprocess != recorded.preprocess
    explained = [_preprocessing(result, recorded, measured)] if findings and other else []
    return msgspec.structs.replace(
        report,
        verdict=verdict,
        levels=levels,
        accuracy=result,
        notes=notes,
        findings=[*report.findings, *findings],
        diagnoses=[*report.diagnoses, *(explained if not report.errors else [])],
    )


def _findings(pairs: Pairs) -> list[Finding]:
    counts = {"predictions-changed": len(pairs.changed), "labels-changed": pairs.relabelled}
    return [
        Finding("outputs", code, metric="examples", expected=0, actual=count, tolerance=0.0)
        for code, count in counts.items()
        if count
    ]


def _told(change: Change, classes: tuple[str, ...]) -> str:
    def name(number: int) -> str:
        if number < 0:
            return "NaN"
        return classes[number] if number < len(classes) else f"class {number}"

    return f"example {change.place}: golden {name(change.before)}, now {name(change.now)}"


def _preprocessing(result: AccuracyResult, recorded: Accuracy, measured: Accuracy) -> Diagnosis:
    return Diagnosis(
        code="preprocessing-changed",
        layers=[],
        confidence=0.95,
        summary=f"Structure and weights match the golden, but {result.changed} of "
        f"{result.compared} predictions differ: preprocessing is '{measured.preprocess}', and "
        f"'{recorded.preprocess}' was recorded.",
        evidence=[
            f"top-1 {result.top1:.2%}, recorded {result.expected_top1:.2%}",
            "structure and weights equal the golden",
        ],
        advice=f"Prepare images as recorded: --preprocess {recorded.preprocess}.",
    )
