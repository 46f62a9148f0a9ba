"""From findings to levels, and from levels to the verdict."""

from collections.abc import Collection, Sequence
from typing import Literal

from fpcheck.codec import Value
from fpcheck.comparison.finding import NOT_COMPARED, Finding
from fpcheck.fingerprint.levels import LEVELS, Level

Status = Literal["pass", "fail", "proved", "skipped"]
Verdict = Literal["match", "mismatch", "incomplete"]
# Why outputs that were not run are known.
PROVED = "same weights, configuration and environment, no custom code"
# Why levels are skipped.
NOT_HELD = "the golden does not hold it"
NOT_ASKED = "--levels"


class LevelResult(Value, frozen=True):
    """How one level ended; `reason` says why it was proved or skipped."""

    status: Status
    reason: str | None = None


def judged(
    level: Level, stands: LevelResult, findings: Sequence[Finding], asked: Collection[str] | None
) -> LevelResult:
    """How a level ends.

    Its first error decides, also where only a part of the level could be compared. A level of
    which something was left out does not pass. A level that the user did not ask for decides
    nothing.

    Args:
        level: the one that is judged.
        stands: how it stands before findings are known.
        findings: of all levels.
        asked: the levels that the user wants; None for all that the golden holds.
    """
    if asked is not None and level not in asked:
        return stands if stands.status == "skipped" else LevelResult("skipped", NOT_ASKED)
    own = [finding for finding in findings if finding.level == level]
    if any(finding.severity == "error" for finding in own):
        return LevelResult("fail")
    left_out = [finding for finding in own if finding.code == NOT_COMPARED]
    if left_out and stands.status == "pass":
        return LevelResult("skipped", _lacking(left_out))
    return stands


def _lacking(findings: Sequence[Finding]) -> str:
    first, more = findings[0], len(findings) - 1
    what = f"the {first.metric} does not contain {first.where}"
    if first.actual is not None:
        what += f", which lies in {first.actual}"
    return what + (f" (and {more} more)" if more else "")


def verdict(
    levels: dict[Level, LevelResult], held: Collection[Level], asked: Collection[str] | None
) -> Verdict:
    """The verdict.

    Equal layers say nothing of the weights in them, so a golden without weights gives no match,
    unless the structure alone is asked for, or the weights were proved another way.

    Args:
        levels: how each ended.
        held: those that the golden holds: each must be checked or proved, unless others are asked
            for.
        asked: the levels that the user wants; None for all that the golden holds.
    """
    if any(result.status == "fail" for result in levels.values()):
        return "mismatch"
    wanted = {*(held if asked is None else asked)}
    if "weights" not in held and (asked is None or wanted != {"structure"}):
        wanted.add("weights")
    unchecked = [n for n in LEVELS if n in wanted and levels[n].status == "skipped"]
    return "incomplete" if unchecked else "match"
