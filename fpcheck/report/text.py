"""The report as text: the verdict first, then the causes, then the findings. Also a golden."""

import io
from collections.abc import Iterator
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from fpcheck.comparison.finding import Finding
from fpcheck.comparison.verdict import LevelResult
from fpcheck.fingerprint import digest
from fpcheck.golden.golden import Golden
from fpcheck.report.result import AccuracyResult, Diagnosis, Result

# How many of the findings are shown.
WORST = 5
# Reasons are whole sentences, and short.
LONGEST_REASON = 1000
# The width where no terminal has one.
WIDTH = 120
_MARKS = {"match": ("✓", "green"), "mismatch": ("✗", "red"), "incomplete": ("?", "yellow")}
_STATUS = {"pass": "green", "fail": "red", "proved": "green", "skipped": "yellow"}
_COUNTED = {"structure": "place", "weights": "tensor", "outputs": "output"}
_METRICS = {"max_difference_over_rms": "max/RMS", "relative_l2": "relative L2"}


def render(report: Result, verbose: bool = False) -> RenderableType:
    """The report as something rich can print; with every finding if `verbose`."""
    parts = [*_headline(report), *_levels(report)]
    if report.accuracy is not None:
        parts += _accuracy(report.accuracy)
    if report.first_divergent_layer is not None:
        layer = Text(clean(report.first_divergent_layer), "bold")
        parts.append(_line("first divergent layer: ", layer))
    parts += [_diagnosis(diagnosis) for diagnosis in report.diagnoses]
    parts += _findings(report, verbose)
    parts += [_line("note: ", clean(note, 400)) for note in report.notes]
    return Group(*parts)


def plain_text(report: Result, verbose: bool = False) -> str:
    """The report without colours, WIDTH columns wide."""
    return without_colours(render(report, verbose))


def without_colours(content: RenderableType) -> str:
    """Anything that rich can print, as plain lines without trailing spaces."""
    buffer = io.StringIO()
    console = Console(file=buffer, width=WIDTH, no_color=True, highlight=False, emoji=False)
    console.print(content)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines())


def clean(text: Any, longest: int = 200) -> str:
    """Text from an untrusted file, safe for a terminal: control characters escaped, and cut."""
    shown = "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text)
    )
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def _line(label: str, text: str | Text) -> RenderableType:
    return _indented(Text.assemble((label, "dim"), text))


def _indented(content: RenderableType, above: int = 0) -> RenderableType:
    return Padding(content, (above, 0, 0, 2), expand=False)


def _headline(report: Result) -> Iterator[RenderableType]:
    mark, colour = _MARKS[report.verdict]
    verdict = Text(f"{mark} {report.verdict}", f"bold {colour}")
    source, container = clean(report.candidate.source), f" ({report.candidate.format})"
    yield Text.assemble(verdict, "  ", source, (container, "dim"))
    if report.verdict == "incomplete" and report.unfinished:
        yield _line("", clean(report.unfinished, 400))
    note = f" — {clean(report.golden.note)}" if report.golden.note else ""
    golden = clean(report.first) or f"{report.golden.label}, {report.golden.why}"
    yield _line(f"{report.reference:<11}", golden + note)
    if report.first:
        yield _line(f"{'second':<11}", source)


def _levels(report: Result) -> Iterator[RenderableType]:
    for name, result in report.levels.items():
        reason = _reason(report, name, result)
        status = f"{result.status:<6}" if reason else result.status
        yield _line(f"{name:<11}", Text.assemble((status, _STATUS[result.status]), "  ", reason))


def _reason(report: Result, level: str, result: LevelResult) -> str:
    own = [finding for finding in report.findings if finding.level == level]
    if result.status == "fail":
        places = len({finding.where for finding in own if finding.severity == "error"})
        counted = _COUNTED[level]
        return f"1 {counted} differs" if places == 1 else f"{places} {counted}s differ"
    allowed = [finding.tolerance for finding in own if finding.tolerance is not None]
    within = f"{len(allowed)} differ within {max(allowed):g}" if allowed else ""
    reason = result.reason or within
    return clean(reason.replace("the golden", f"the {report.reference}", 1), LONGEST_REASON)


def _accuracy(result: AccuracyResult) -> Iterator[RenderableType]:
    top1 = f"top-1 {result.top1:.2%} (golden {result.expected_top1:.2%})"
    top5 = f"top-5 {result.top5:.2%} (golden {result.expected_top5:.2%})"
    yield _line("accuracy   ", f"{top1}, {top5}")
    yield _line("examples   ", f"{result.changed} of {result.compared} predictions changed")


def _diagnosis(diagnosis: Diagnosis) -> RenderableType:
    confidence = "proved" if diagnosis.confidence == 1.0 else f"{diagnosis.confidence:.0%}"
    lines = [
        Text(clean(diagnosis.summary, 400)),
        *(Text(f"· {clean(line)}", "dim") for line in diagnosis.evidence),
        Text(f"→ {clean(diagnosis.advice, 400)}"),
    ]
    head = Text.assemble((diagnosis.code, "bold cyan"), (f" ({confidence})", "dim"))
    return _indented(Group(head, *map(_indented, lines)), 1)


def _findings(report: Result, verbose: bool) -> Iterator[RenderableType]:
    errors = sorted(report.errors, key=_size, reverse=True)
    notes = [finding for finding in report.findings if finding.severity == "note"]
    shown = [*errors, *notes] if verbose else errors[:WORST]
    if not shown:
        if notes:
            yield _line("", _hidden(len(notes), "note"))
        return
    table = _table("where", "what", "found", f"{report.reference} / allowed")
    for finding in shown:
        cells = clean(finding.where), finding.code, _actual(finding), _allowed(finding)
        table.add_row(*map(Text, cells))
    yield _indented(table, 1)
    if len(errors) > len(shown):
        yield _line("", _hidden(len(errors) - len(shown), "more finding"))


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _hidden(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'} (--verbose shows them)"


def _size(finding: Finding) -> float:
    """The measured difference; infinite for what was not measured, which comes first."""
    value = finding.actual
    return value if isinstance(value, float) and value == value else float("inf")


def _actual(finding: Finding) -> str:
    metric = _METRICS.get(finding.metric or "", finding.metric)
    if isinstance(finding.actual, float):
        return f"{metric} {finding.actual:.3g}"
    if finding.actual is None:
        return "missing" if finding.expected is not None else ""
    return f"{metric} {clean(finding.actual)}"


def _allowed(finding: Finding) -> str:
    if finding.expected is not None:
        return clean(finding.expected)
    return "" if finding.tolerance is None else f"{finding.tolerance:g}"


def render_golden(golden: Golden) -> RenderableType:
    """What a golden contains, then one line per layer: for `fpcheck show`."""
    grid = Table.grid(padding=(0, 2))
    for label, value in _rows(golden):
        grid.add_row(Text(label, "dim"), Text(clean(value)))
    table = _table("layer", "class", "output", "parameters")
    for layer in golden.fingerprint.structure.layers:
        shapes = " ".join(str(tuple(shape)) for shape in layer.output_shapes[:1])
        count = sum(t.size for t in layer.tensors)
        size = f"{count:,}" if count else ""
        table.add_row(clean(layer.path), clean(layer.class_name), shapes, size)
    return Group(grid, Text(""), table)


def _rows(golden: Golden) -> Iterator[tuple[str, object]]:
    measured, provenance = golden.fingerprint, golden.provenance
    structure, outputs, accuracy = measured.structure, measured.outputs, measured.accuracy
    yield "golden", golden.label
    if golden.note:
        yield "note", golden.note
    yield "source", f"{golden.source.text} ({golden.source.format})"
    yield "recorded", f"{provenance.time} by fpcheck {provenance.fpcheck}"
    yield "environment", ", ".join(f"{k} {v}" for k, v in provenance.environment.items())
    yield "levels", ", ".join(measured.levels)
    trainable = structure.trainable_parameters
    yield "parameters", f"{structure.parameters:,} ({trainable:,} trainable)"
    if measured.content_id:
        yield "content id", digest.text(measured.content_id)
    yield "allowed", f"weights {golden.tolerances.weights}, outputs {golden.tolerances.outputs}"
    if outputs is not None:
        count = outputs.probes.count
        probes = (f"{p.name}: {count} {p.kind} {list(p.shape)}" for p in outputs.probes.inputs)
        yield "preprocess", outputs.preprocess
        yield "probes", ", ".join(probes)
        yield "noise", f"{outputs.noise.largest:.2g}"
        yield from (("unreached", path) for path in outputs.reach.unreached)
        yield from (("untried", path) for path in outputs.reach.untried)
    if accuracy is not None:
        rates = f"top-1 {accuracy.top1:.2%}, top-5 {accuracy.top5:.2%}"
        yield "accuracy", f"{rates} of {accuracy.count} examples"
