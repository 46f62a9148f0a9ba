"""From findings to levels, and from levels to the verdict."""

from collections.abc import Collection
from typing import Literal

from fpcheck.codec import Value
from fpcheck.comparison.finding import Finding
from fpcheck.fingerprint.placing import is_weights_only
from fpcheck.fingerprint.told import alike
from fpcheck.fingerprint.value import LEVELS, Fingerprint, Level

Status = Literal["pass", "fail", "proved", "skipped"]
Verdict = Literal["match", "mismatch", "incomplete"]


class LevelResult(Value, frozen=True):
    """How one level ended; `reason` says why it was proved or skipped."""

    status: Status
    reason: str | None = None


def judged(level: Level, findings: list[Finding]) -> LevelResult:
    """A level that was checked: it fails by its first error."""
    failed = any(f.level == level and f.severity == "error" for f in findings)
    return LevelResult("fail" if failed else "pass")


def verdict(
    levels: dict[Level, LevelResult], golden: Fingerprint, asked: Collection[str] | None
) -> Verdict:
    """The verdict.

    Args:
        levels: how each ended.
        golden: a level that it holds must be checked or proved, unless others were asked for.
        asked: the levels that the user wants; None for all that the golden holds.
    """
    if any(result.status == "fail" for result in levels.values()):
        return "mismatch"
    wanted = golden.levels if asked is None else asked
    unchecked = [n for n in LEVELS if n in wanted and levels[n].status == "skipped"]
    return "incomplete" if unchecked else "match"


def _same(golden: Fingerprint, candidate: Fingerprint) -> bool:
    """Whether structures are equal but for names, and the digests of all weights are."""
    if golden.structure.shape_key != candidate.structure.shape_key:
        return False
    ours, theirs = golden.weights or (), candidate.weights or ()
    return [m.digest for m in ours] == [m.digest for m in theirs]


def outputs_proved(
    golden: Fingerprint, candidate: Fingerprint, environment: dict[str, str], preprocess: str
) -> str | None:
    """Why the outputs follow without being run; None where they do not follow.

    Same weights, same configuration, same recorded environment, no custom code, and a golden whose
    outputs are sound: then the same arithmetic is done on the same numbers.
    """
    if is_weights_only(candidate.structure) or is_weights_only(golden.structure):
        return None
    golden, candidate = alike(golden, candidate)
    outputs = golden.outputs
    if outputs is None or golden.weights is None or candidate.weights is None:
        return None
    if not _same(golden, candidate):
        return None
    if golden.structure.custom_code or candidate.structure.custom_code:
        return None
    if not golden.structure.tensors or outputs.noise.repeat != 0:
        return None
    if outputs.environment != environment or outputs.preprocess != preprocess:
        return None
    if ":" in preprocess:  # a function of the user's, known by name only
        return None
    return "same weights, configuration and environment, no custom code"
