"""Validate: predictions on labelled data now, against those that the golden recorded."""

from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from fpcheck.codec import Value
from fpcheck.comparison.finding import Finding
from fpcheck.comparison.verdict import NOT_ASKED, LevelResult
from fpcheck.errors import FpcheckError
from fpcheck.fingerprint.accuracy import Accuracy
from fpcheck.golden.golden import Golden
from fpcheck.model.opened_model import OpenedModel
from fpcheck.model.source import Options
from fpcheck.model.worker_client import WorkerClient
from fpcheck.progress import Progress, silent
from fpcheck.report.report import Report
from fpcheck.report.result import PREDICTIONS, AccuracyResult, Diagnosis
from fpcheck.workflows.compare import compare_source
from fpcheck.workflows.labelled_data import accuracy_on
from fpcheck.workflows.next_commands import to_record_next
from fpcheck.workflows.plan import CompareRequest

# Rounding may exchange two classes whose scores are this close; it changes no other prediction.
CLOSE_SCORES = 1e-3
# Changed examples that are shown.
SHOWN = 3


class Paired(Value, frozen=True):
    """Examples on both sides: how many, and how many have another label.

    A prediction that changed is the place in the data, the class before and the class now.
    """

    compared: int
    changed: list[tuple[int, int, int]]
    relabelled: int


def validate_source(
    source: object,
    path: Path,
    request: CompareRequest,
    options: Options,
    worker: WorkerClient | None = None,
    progress: Progress = silent,
) -> Report:
    """Compare structure and weights with the golden, then predictions on the same examples.

    FpcheckError if the golden recorded no accuracy, or none of these examples.
    """
    if request.levels is None:
        request = replace(request, levels=("structure", "weights"))

    def with_predictions(report: Report, golden: Golden, model: OpenedModel) -> Report:
        recorded, structure = golden.fingerprint.accuracy, model.contents.structure()
        if recorded is None:
            raise FpcheckError(
                f"golden {golden.label} recorded no accuracy",
                to_record_next("Record it with data", report, request, options, path),
            )
        progress("predicting the labelled examples")
        preprocess = request.preprocess or recorded.preprocess
        measured = accuracy_on(path, model, structure, preprocess, allow_nan=True)
        pairs = _pairs(recorded, measured)
        if not pairs.compared:
            raise FpcheckError(
                f"{path}: contains none of the examples that golden {golden.label} recorded",
                "Use the data that was recorded, or record the golden again with --data.",
            )
        return _with_accuracy(report, recorded, measured, pairs)

    return compare_source(source, request, options, worker, progress, more=with_predictions)


def _pairs(recorded: Accuracy, measured: Accuracy) -> Paired:
    """Compare the examples that both sides contain, paired by their content."""
    places = {row.tobytes(): place for place, row in enumerate(recorded.examples)}
    keys = ((row.tobytes(), place) for place, row in enumerate(measured.examples))
    pairs = [(places[key], place) for key, place in keys if key in places]
    changed = [
        (new, int(recorded.predicted[old]), int(measured.predicted[new]))
        for old, new in pairs
        if recorded.predicted[old] != measured.predicted[new]
        and not max(recorded.margin[old], measured.margin[new]) <= CLOSE_SCORES
    ]
    relabelled = sum(bool(recorded.labels[old] != measured.labels[new]) for old, new in pairs)
    return Paired(len(pairs), changed, relabelled)


def _with_accuracy(report: Report, recorded: Accuracy, measured: Accuracy, pairs: Paired) -> Report:
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
    findings, diagnoses = _findings(pairs), report.diagnoses
    levels, verdict = dict(report.levels), report.verdict
    if levels["outputs"].reason == NOT_ASKED:
        levels["outputs"] = LevelResult("skipped", PREDICTIONS)
    if findings:
        levels["outputs"], verdict = LevelResult("fail"), "mismatch"
    elif result.missing and verdict == "match":
        verdict = "incomplete"
    if findings and measured.preprocess != recorded.preprocess and not report.errors:
        diagnoses = [*diagnoses, _preprocessing(result, recorded, measured)]
    return replace(
        report,
        verdict=verdict,
        levels=levels,
        accuracy=result,
        notes=[*report.notes, *_notes(result, measured.classes or recorded.classes, pairs)],
        findings=[*report.findings, *findings],
        diagnoses=diagnoses,
    )


def _findings(pairs: Paired) -> list[Finding]:
    counts = {"predictions-changed": len(pairs.changed), "labels-changed": pairs.relabelled}
    return [
        Finding("outputs", code, metric="examples", expected=0, actual=count, tolerance=0.0)
        for code, count in counts.items()
        if count
    ]


def _notes(result: AccuracyResult, classes: tuple[str, ...], pairs: Paired) -> Iterator[str]:
    if result.missing > 0:
        yield f"{result.missing} of the recorded examples are not in the data"
    if unknown := result.examples - result.compared:
        yield f"{unknown} examples are not in the golden"

    def name(number: int) -> str:
        if number < 0:
            return "NaN"
        return classes[number] if number < len(classes) else f"class {number}"

    for place, before, now in pairs.changed[:SHOWN]:
        yield f"example {place}: golden {name(before)}, now {name(now)}"


def _preprocessing(result: AccuracyResult, recorded: Accuracy, measured: Accuracy) -> Diagnosis:
    rates = f"top-1 {result.top1:.2%}, recorded {result.expected_top1:.2%}"
    return Diagnosis(
        code="preprocessing-changed",
        layers=[],
        confidence=0.95,
        summary=f"Structure and weights match the golden, but {result.changed} of "
        f"{result.compared} predictions differ: preprocessing is '{measured.preprocess}', and "
        f"'{recorded.preprocess}' was recorded.",
        evidence=[rates, "structure and weights equal the golden"],
        advice=f"Prepare images as recorded: --preprocess {recorded.preprocess}.",
    )
