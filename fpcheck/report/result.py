"""The outcome of a comparison as values, the same for every format of reports."""

from collections.abc import Sequence

from fpcheck.codec import Value
from fpcheck.comparison.finding import Finding
from fpcheck.comparison.verdict import NOT_IN_GOLDEN, LevelResult, Verdict
from fpcheck.errors import EXIT_INCOMPLETE, EXIT_MATCH, EXIT_MISMATCH
from fpcheck.fingerprint.levels import Level

# Why `validate` skips the level `outputs`.
PREDICTIONS = "predictions are judged instead"
_EXIT = {"match": EXIT_MATCH, "mismatch": EXIT_MISMATCH, "incomplete": EXIT_INCOMPLETE}


class Diagnosis(Value, frozen=True):
    """A named cause that explains findings.

    Attributes:
        code: stable, like a linter's rule.
        layers: the affected layers, by the golden's names.
        confidence: 1.0 for a proof.
        summary: one sentence.
        evidence: what it is based on.
        advice: what to do next.
    """

    code: str
    layers: list[str]
    confidence: float
    summary: str
    evidence: list[str]
    advice: str


class GoldenRef(Value, frozen=True):
    """The golden that was used, and why this one."""

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
    """What was compared with the golden."""

    source: str
    format: str
    content_id: str | None


class AccuracyResult(Value, frozen=True):
    """Accuracy on labelled examples, recorded (`expected_…`) and now.

    `top1` is the share of right predictions, `top5` that of examples whose label is among the five
    best. Of the `examples` predicted now, `compared` were recorded, and `changed` of these have
    another prediction; `missing` were recorded and not predicted now.
    """

    examples: int
    compared: int
    expected_top1: float
    top1: float
    expected_top5: float
    top5: float
    changed: int
    missing: int = 0


class Result(Value, frozen=True):
    """The outcome of a comparison, as values.

    Attributes:
        first_divergent_layer: its path in the golden; None where nothing differs.
        findings: every difference; `errors` are those that decide the verdict.
        diagnoses: the causes, most certain first; empty without errors.
        notes: further information for the user.
        accuracy: the result of `validate`; None for other commands.
        first: for `diff`, what the user gave as the first of the two; otherwise empty.
        elapsed_seconds: the time of the whole command after its source was resolved.
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
        """What messages call the reference side: `golden`, or `first` for `diff`."""
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
        """For an `incomplete` report, one sentence: what matches, and what was not compared."""
        equal = self._compared
        parts = [f"{_join(equal)} {'matches' if equal == ['structure'] else 'match'}"] * bool(equal)
        reasons: dict[str, list[str]] = {}
        for name, result in self.levels.items():
            if result.status == "skipped" and result.reason != PREDICTIONS:
                # As a part of a sentence; the lines of the levels show a reason completely.
                reason = (result.reason or "").partition(";")[0]
                reason = reason.replace(NOT_IN_GOLDEN, f"the {self.reference} contains none")
                reasons.setdefault(reason, []).append(name)
        for reason, names in reasons.items():
            verb = "was" if names == ["structure"] else "were"
            parts.append(f"{_join(names)} {verb} not compared: {reason}")
        if self.accuracy is not None and self.accuracy.missing:
            parts.append(f"{self.accuracy.missing} recorded examples were not compared")
        return "; ".join(parts)

    @property
    def narrower(self) -> list[Level]:
        """For an `incomplete` report, the levels that match if the user asks for no others."""
        if self.accuracy is not None and self.accuracy.missing:
            return []
        no_weights = self.levels["weights"].reason == NOT_IN_GOLDEN
        return [name for name in self._compared if name == "structure" or not no_weights]

    @property
    def _compared(self) -> list[Level]:
        return [name for name, level in self.levels.items() if level.status != "skipped"]


def _join(names: Sequence[str]) -> str:
    """`structure, weights and outputs`."""
    most, last = names[:-1], "".join(names[-1:])
    return f"{', '.join(most)} and {last}" if most else last
