"""From findings to levels, and from levels to the verdict."""

from collections.abc import Collection
from typing import Literal

from fpcheck.codec import Value
from fpcheck.comparison.finding import NOT_COMPARED, Finding
from fpcheck.fingerprint.levels import LEVELS, Level

Status = Literal["pass", "fail", "proved", "skipped"]
Verdict = Literal["match", "mismatch", "incomplete"]
# Why outputs that were not run are known.
PROVED = "same weights, configuration and environment, no custom code"


class LevelResult(Value, frozen=True):
    """How one level ended; `reason` says why it was proved or skipped."""

    status: Status
    reason: str | None = None


def judged(level: Level, findings: list[Finding]) -> LevelResult:
    """A level that was checked: it fails by its first error, and passes if nothing is left out."""
    own = [finding for finding in findings if finding.level == level]
    if any(finding.severity == "error" for finding in own):
        return LevelResult("fail")
    left_out = [finding for finding in own if finding.code == NOT_COMPARED]
    if left_out:
        first, more = left_out[0], len(left_out) - 1
        what = f"the file does not contain {first.where}"
        if first.actual is not None:
            what += f", which lies in {first.actual}"
        return LevelResult("skipped", what + (f" (and {more} more)" if more else ""))
    return LevelResult("pass")


def verdict(
    levels: dict[Level, LevelResult], held: Collection[Level], asked: Collection[str] | None
) -> Verdict:
    """The verdict.

    Args:
        levels: how each ended.
        held: those that the golden holds: each must be checked or proved, unless others are asked
            for.
        asked: the levels that the user wants; None for all that the golden holds.
    """
    if any(result.status == "fail" for result in levels.values()):
        return "mismatch"
    wanted = held if asked is None else asked
    unchecked = [n for n in LEVELS if n in wanted and levels[n].status == "skipped"]
    return "incomplete" if unchecked else "match"
