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
NOT_IN_GOLDEN = "the golden does not contain it"
NOT_ASKED = "--levels"


class LevelResult(Value, frozen=True):
    """How one level ended; `reason` says why it was proved or skipped."""

    status: Status
    reason: str | None = None


def judge_level(
    level: Level, before: LevelResult, findings: Sequence[Finding], asked: Collection[str] | None
) -> LevelResult:
    """How a level ends.

    One error makes it fail, also if only a part of the level could be compared. A level with state
    that was not compared does not pass. A level that the user did not ask for decides nothing.
    `findings` are those of all levels; without any, the level ends as `before`. If `asked` is None,
    the user asked for all that the golden contains.
    """
    if asked is not None and level not in asked:
        return before if before.status == "skipped" else LevelResult("skipped", NOT_ASKED)
    own = [finding for finding in findings if finding.level == level]
    if any(finding.severity == "error" for finding in own):
        return LevelResult("fail")
    missing = [finding for finding in own if finding.code == NOT_COMPARED]
    if not missing or before.status != "pass":
        return before
    first, more = missing[0], len(missing) - 1
    place = f", which is stored in {first.actual}" if first.actual is not None else ""
    rest = f" (and {more} more)" if more else ""
    reason = f"the {first.metric} does not contain {first.where}{place}{rest}"
    return LevelResult("skipped", reason)


def decide_verdict(
    levels: dict[Level, LevelResult], recorded: Collection[Level], asked: Collection[str] | None
) -> Verdict:
    """The verdict.

    Equal layers do not prove equal weights. A golden without weights therefore gives no match,
    unless the user asked for the structure alone, or the weights were proved another way. Each
    level that the golden contains must be checked or proved, unless the user asked for others.
    """
    if any(result.status == "fail" for result in levels.values()):
        return "mismatch"
    wanted = {*(recorded if asked is None else asked)}
    if "weights" not in recorded and (asked is None or wanted != {"structure"}):
        wanted.add("weights")
    unchecked = any(n in wanted and levels[n].status == "skipped" for n in LEVELS)
    return "incomplete" if unchecked else "match"
