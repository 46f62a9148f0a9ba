"""Results as docs/performance.md, and as lines on the terminal."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from benchmarks.machine import machine, versions
from benchmarks.measuring import SHORT, Measured
from benchmarks.rows import Row, Unit
from benchmarks.timing import Run

INTRODUCTION = """\
# Performance

Written by `{command}` on {today}; not to be edited. See [benchmarks](../benchmarks/README.md).

Each command is a whole process, from start to end, with files in the page cache. fpcheck and the
program that it is compared with run in turn, {repeat} times each after one run that does not count.
Rows 6 and 9 are short and run {short} times. Times are medians, and a ratio is a ratio of two
medians. Ratios change less from machine to machine than times do, but they depend on the number of
cores.
"""


@dataclass(frozen=True)
class Result:
    """A row, and what it came to: a measurement, or why there is none."""

    row: Row
    outcome: Measured | str

    @property
    def exceeded(self) -> bool:
        """Whether it is above its limit."""
        return isinstance(self.outcome, Measured) and not self.outcome.value <= self.row.limit


def line(result: Result) -> str:
    """A result on one line."""
    row = result.row
    if isinstance(result.outcome, str):
        return f"{row.number:>2}  not measured: {result.outcome}"
    mark = "ABOVE" if result.exceeded else "holds"
    ours, theirs = (_figure(run, row) for run in (result.outcome.ours, result.outcome.theirs))
    value, limit = _value(result.outcome.value, row.unit), _value(row.limit, row.unit)
    return f"{row.number:>2}  {mark}  {value} of {limit} allowed  ({ours} against {theirs})"


def page(results: Sequence[Result], command: str, repeat: int) -> str:
    """The whole of docs/performance.md."""
    head = INTRODUCTION.format(
        command=command, today=date.today().isoformat(), repeat=repeat, short=repeat * SHORT
    )
    table = _table(
        ("", "fpcheck", "against", "measured", "allowed", "fpcheck takes", "the other takes"),
        [_cells(result) for result in results],
    )
    limits = [f"- **{r.row.number}**: {r.row.limited_by}" for r in results]
    facts = [
        *_table(("machine", ""), list(machine().items())),
        "",
        *_table(("version", ""), list(versions().items())),
    ]
    lines = [head, *table, "", "## What limits each row", "", *limits]
    return "\n".join([*lines, "", "## Measured on", "", *facts]) + "\n"


def _cells(result: Result) -> tuple[str, ...]:
    row, outcome = result.row, result.outcome
    limit = _value(row.limit, row.unit)
    if isinstance(outcome, str):
        return (row.number, row.ours, row.theirs, f"not measured: {outcome}", limit, "", "")
    value = _value(outcome.value, row.unit)
    return (
        row.number,
        row.ours,
        row.theirs,
        f"**{value}, above its limit**" if result.exceeded else value,
        limit,
        _figure(outcome.ours, row),
        _figure(outcome.theirs, row),
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(cells) + " |" for cells in lines]


def _value(value: float, unit: Unit) -> str:
    return f"{value:.0f} {unit}" if unit else f"{value:.2f}"


def _figure(run: Run, row: Row) -> str:
    return f"{run.peak / 1e6:.0f} MB" if row.memory else f"{run.seconds:.3f} s"
