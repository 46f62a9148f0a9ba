"""The report: what a comparison found, the same for every renderer."""

import time
from collections.abc import Sequence

import msgspec

from fpcheck.codec import Value
from fpcheck.comparison.finding import Finding
from fpcheck.comparison.verdict import NOT_IN_GOLDEN, LevelResult, Verdict
from fpcheck.errors import EXIT_INCOMPLETE, EXIT_MATCH, EXIT_MISMATCH
from fpcheck.fingerprint.levels import Level
from fpcheck.wording import in_python

SCHEMA = "fpcheck-report/1"
# Why `validate` leaves outputs out.
PREDICTIONS = "predictions are judged instead"
_EXIT = {"match": EXIT_MATCH, "mismatch": EXIT_MISMATCH, "incomplete": EXIT_INCOMPLETE}


class Diagnosis(Value, frozen=True):
    """A named cause that explains findings.

    Attributes:
        code: stable, like a linter's rule.
        layers: those that it concerns, by the golden's names.
        confidence: 1.0 for a proof.
        summary: one sentence.
        evidence: what it rests on.
        advice: what to do next.
    """

    code: str
    layers: list[str]
    confidence: float
    summary: str
    evidence: list[str]
    advice: str


class GoldenRef(Value, frozen=True):
    """The golden that was compared with, and why that one."""

    name: str
    version: int
    content_id: str | None
    why: str
    note: str = ""

    @property
    def label(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"


class CandidateRef(Value, frozen=True):
    """What was compared."""

    source: str
    format: str
    content_id: str | None


class AccuracyResult(Value, frozen=True):
    """Accuracy on labelled examples, recorded and now; counts of predictions.

    Attributes:
        examples: how many were predicted now.
        compared: of them, how many were recorded.
        expected_top1: as recorded, as are the other expected ones.
        changed: of the compared ones, how many are predicted otherwise.
        missing: how many recorded examples were not among them.
    """

    examples: int
    compared: int
    expected_top1: float
    top1: float
    expected_top5: float
    top5: float
    changed: int
    missing: int = 0


class MismatchError(AssertionError):
    """Raised by `Report.assert_match`; its text is what the console prints."""


class Report(Value, frozen=True):
    """The outcome of a comparison.

    Attributes:
        verdict: what decides the exit code.
        golden: which golden, and why that one.
        candidate: what was compared.
        levels: how each level ended.
        first_divergent_layer: its path in the golden; None where nothing differs.
        findings: every difference, those that decide the verdict first told by `errors`.
        diagnoses: what went wrong, surest first; empty without errors.
        notes: what else is to be known.
        accuracy: of `validate`; None elsewhere.
        first: of `diff`, what the user gave as the first of the two; empty elsewhere.
        elapsed_seconds: of the whole command, from when its source was resolved; see `timed`.
    """

    verdict: Verdict
    golden: GoldenRef
    candidate: CandidateRef
    levels: dict[Level, LevelResult]
    first_divergent_layer: str | None
    findings: list[Finding]
    diagnoses: list[Diagnosis]
    notes: list[str]
    accuracy: AccuracyResult | None
    elapsed_seconds: float = 0.0
    first: str = ""

    @property
    def reference(self) -> str:
        """What sentences call the side that is compared with."""
        return "first" if self.first else "golden"

    @property
    def exit_code(self) -> int:
        """0 match, 1 mismatch, 3 incomplete."""
        return _EXIT[self.verdict]

    @property
    def errors(self) -> list[Finding]:
        """The findings that decide the verdict."""
        return [finding for finding in self.findings if finding.severity == "error"]

    @property
    def unfinished(self) -> str:
        """Of an `incomplete` report, one sentence: what matches, and what was not compared."""
        equal = [name for name, result in self.levels.items() if result.status != "skipped"]
        said = [f"{_listed(equal)} {'matches' if equal == ['structure'] else 'match'}"]
        reasons: dict[str, list[str]] = {}
        for name, result in self.levels.items():
            if result.status == "skipped" and result.reason != PREDICTIONS:
                reasons.setdefault(self._brief(result.reason or ""), []).append(name)
        for reason, names in reasons.items():
            verb = "was" if names == ["structure"] else "were"
            said.append(f"{_listed(names)} {verb} not compared: {reason}")
        if self.accuracy is not None and self.accuracy.missing:
            said.append(f"{self.accuracy.missing} recorded examples were not compared")
        return "; ".join(said if equal else said[1:])

    @property
    def narrower(self) -> list[Level]:
        """Of an `incomplete` report, the levels that would match if no more was asked for."""
        if self.accuracy is not None and self.accuracy.missing:
            return []
        compared = [name for name, level in self.levels.items() if level.status != "skipped"]
        alone = self.levels["weights"].reason == NOT_IN_GOLDEN
        return [name for name in compared if name == "structure" or not alone]

    def _brief(self, reason: str) -> str:
        """A reason as a part of a sentence; the lines of the levels have all of it."""
        none = f"the {self.reference} contains none"
        return none if reason == NOT_IN_GOLDEN else reason.partition(";")[0]

    def assert_match(self) -> None:
        """Raise unless the verdict is `match`.

        Raises:
            MismatchError: an AssertionError whose text is what the console prints.
        """
        if self.verdict != "match":
            raise MismatchError(f"\n{self}")

    def __str__(self) -> str:
        from fpcheck.report.text import plain_text

        return in_python(plain_text(self))

    def __repr__(self) -> str:
        levels = ", ".join(f"{name} {level.status}" for name, level in self.levels.items())
        causes = "".join(f"; {diagnosis.code}" for diagnosis in self.diagnoses[:3])
        compared = f"{self.candidate.source} with {self.golden.label}"
        return f"<Report {self.verdict}: {compared}; {levels}{causes}>"

    def _repr_html_(self) -> str:
        from fpcheck.notebook import table

        levels = [
            (name, f"{level.status}{f' ({level.reason})' if level.reason else ''}")
            for name, level in self.levels.items()
        ]
        causes = [(cause.code, f"{cause.summary} {cause.advice}") for cause in self.diagnoses[:5]]
        return table(
            self.verdict,
            [
                ("candidate", f"{self.candidate.source} ({self.candidate.format})"),
                ("golden", f"{self.golden.label}, {self.golden.why}"),
                *levels,
                ("first divergent layer", self.first_divergent_layer),
                *causes,
            ],
        )


def _listed(names: Sequence[str]) -> str:
    """`structure, weights and outputs`."""
    most, last = names[:-1], "".join(names[-1:])
    return f"{', '.join(most)} and {last}" if most else last


def timed(report: Report, start: float) -> Report:
    """A report that says how long all took, from `start` (of `time.monotonic`) until now."""
    return msgspec.structs.replace(report, elapsed_seconds=round(time.monotonic() - start, 3))


def told_in_python(report: Report) -> Report:
    """A report whose texts name the arguments of the Python API."""
    levels: dict[Level, LevelResult] = {
        name: msgspec.structs.replace(level, reason=level.reason and in_python(level.reason))
        for name, level in report.levels.items()
    }
    return msgspec.structs.replace(
        report,
        golden=msgspec.structs.replace(report.golden, why=in_python(report.golden.why)),
        levels=levels,
        diagnoses=[
            msgspec.structs.replace(cause, advice=in_python(cause.advice))
            for cause in report.diagnoses
        ],
        notes=[in_python(note) for note in report.notes],
    )
