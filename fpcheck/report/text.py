"""The report for a person: the verdict at one glance, then why, then what to do next."""

import io
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from fpcheck.comparison.finding import Finding
from fpcheck.comparison.verdict import LevelResult
from fpcheck.report.report import Diagnosis, Report

WORST = 5
# Reasons are whole sentences, which their makers keep short.
LONGEST_REASON = 1000
# Where there is no terminal whose width could be asked for.
WIDTH = 120
_MARKS = {"match": ("✓", "green"), "mismatch": ("✗", "red"), "incomplete": ("?", "yellow")}
_STATUS = {"pass": "green", "fail": "red", "proved": "green", "skipped": "yellow"}
# Differences first, measured ones by their size.
_UNMEASURED = float("inf")


def render(report: Report, verbose: bool = False) -> RenderableType:
    """The report as something rich can print.

    Args:
        report: what to show.
        verbose: show every finding.
    """
    parts: list[RenderableType] = [_headline(report), _levels(report)]
    if report.accuracy is not None:
        parts.append(_accuracy(report))
    if report.first_divergent_layer is not None:
        parts.append(_line("first divergent layer: ", Text(report.first_divergent_layer, "bold")))
    parts += [_diagnosis(d) for d in report.diagnoses]
    parts += _findings(report, verbose)
    parts += [_line("note: ", Text(clean(note, 400))) for note in report.notes]
    return Group(*parts)


def plain_text(report: Report, verbose: bool = False) -> str:
    """The same without colours, WIDTH columns wide."""
    return without_colours(render(report, verbose))


def without_colours(content: RenderableType) -> str:
    """Anything that rich can print, as plain lines without trailing spaces."""
    buffer = io.StringIO()
    console = Console(file=buffer, width=WIDTH, no_color=True, highlight=False, emoji=False)
    console.print(content)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines())


def clean(text: Any, longest: int = 200) -> str:
    """A name from a stranger's file, safe for a terminal: controls escaped, cut where too long."""
    shown = "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text)
    )
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def _line(label: str, text: Text) -> RenderableType:
    return _indented(Text.assemble((label, "dim"), text))


def _indented(content: RenderableType, above: int = 0) -> RenderableType:
    return Padding(content, (above, 0, 0, 2), expand=False)


def _headline(report: Report) -> RenderableType:
    mark, colour = _MARKS[report.verdict]
    lines: list[RenderableType] = [
        Text.assemble(
            (f"{mark} {report.verdict}", f"bold {colour}"), "  ",
            clean(report.candidate.source), (f" ({report.candidate.format})", "dim"),
        )
    ]  # fmt: skip
    if report.verdict == "incomplete" and report.unfinished:
        lines.append(_line("", Text(clean(report.unfinished, 400))))
    note = f" — {clean(report.golden.note)}" if report.golden.note else ""
    named = clean(report.first) or f"{report.golden.label}, {report.golden.why}"
    lines.append(_line(f"{report.reference:<11}", Text(named + note)))
    if report.first:
        lines.append(_line(f"{'second':<11}", Text(clean(report.candidate.source))))
    return Group(*lines)


def _levels(report: Report) -> RenderableType:
    return Group(*(
        _line(f"{name:<11}", Text.assemble(
            (f"{result.status:<6}" if _reason(report, name, result) else result.status,
             _STATUS[result.status]),
            "  ", _reason(report, name, result),
        ))
        for name, result in report.levels.items()
    ))  # fmt: skip


def _reason(report: Report, level: str, result: LevelResult) -> str:
    errors = [f for f in report.errors if f.level == level]
    if result.status != "fail":
        reason = result.reason or _allowed_differences(report, level)
        return clean(reason.replace("the golden", f"the {report.reference}", 1), LONGEST_REASON)
    places = len({f.where for f in errors})
    kind = {"structure": "place", "weights": "tensor", "outputs": "output"}[level]
    return f"{places} {kind}{'' if places == 1 else 's'} differ{'s' if places == 1 else ''}"


def _allowed_differences(report: Report, level: str) -> str:
    """What a level that passes owes to its tolerance."""
    bounds = [f.tolerance for f in report.findings if f.level == level and f.tolerance is not None]
    return f"{len(bounds)} differ within {max(bounds):g}" if bounds else ""


def _accuracy(report: Report) -> RenderableType:
    result = report.accuracy
    assert result is not None
    return Group(
        _line("accuracy   ", Text(
            f"top-1 {result.top1:.2%} (golden {result.expected_top1:.2%}), "
            f"top-5 {result.top5:.2%} (golden {result.expected_top5:.2%})"
        )),
        _line("examples   ", Text(
            f"{result.changed} of {result.compared} predictions changed"
        )),
    )  # fmt: skip


def _diagnosis(diagnosis: Diagnosis) -> RenderableType:
    sure = "proved" if diagnosis.confidence == 1.0 else f"{diagnosis.confidence:.0%}"
    head = Text.assemble((diagnosis.code, "bold cyan"), (f" ({sure})", "dim"))
    lines: list[RenderableType] = [head, _indented(Text(clean(diagnosis.summary, 400)))]
    lines += [_indented(Text(f"· {clean(line)}", "dim")) for line in diagnosis.evidence]
    lines.append(_indented(Text(f"→ {clean(diagnosis.advice, 400)}")))
    return _indented(Group(*lines), 1)


def _findings(report: Report, verbose: bool) -> list[RenderableType]:
    errors = sorted(report.errors, key=lambda f: -_size(f))
    shown = errors if verbose else errors[:WORST]
    notes = [f for f in report.findings if f.severity == "note"]
    shown += notes if verbose else []
    if not shown:
        return [_line("", Text(_hidden(len(notes), "note")))] if notes else []
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
    for column in ("where", "what", "found", f"{report.reference} / allowed"):
        table.add_column(column, overflow="fold")
    for finding in shown:
        table.add_row(*(Text(cell) for cell in (
            clean(finding.where), finding.code, _found(finding), _allowed(finding),
        )))  # fmt: skip
    parts: list[RenderableType] = [_indented(table, 1)]
    if len(errors) > len(shown):
        parts.append(_line("", Text(_hidden(len(errors) - len(shown), "more finding"))))
    return parts


def _hidden(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'} (--verbose shows them)"


def _size(finding: Finding) -> float:
    value = finding.actual
    return value if isinstance(value, float) and value == value else _UNMEASURED


_SHORT = {"max_difference_over_rms": "max/RMS", "relative_l2": "relative L2"}


def _found(finding: Finding) -> str:
    metric = _SHORT.get(finding.metric or "", finding.metric)
    if isinstance(finding.actual, float):
        return f"{metric} {finding.actual:.3g}"
    if finding.actual is None:
        return "missing" if finding.expected is not None else ""
    return f"{metric} {clean(finding.actual)}"


def _allowed(finding: Finding) -> str:
    if finding.expected is not None:
        return clean(finding.expected)
    return "" if finding.tolerance is None else f"{finding.tolerance:g}"
