"""A golden as text, for `fpcheck show`."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fpcheck.fingerprint import digest
from fpcheck.golden.golden import Golden
from fpcheck.report.text import clean


def render_golden(golden: Golden) -> RenderableType:
    """What the golden contains, then one line per layer."""
    return Group(_head(golden), Text(""), _layers(golden))


def _head(golden: Golden) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    for label, value in _rows(golden):
        grid.add_row(Text(label, "dim"), Text(clean(value)))
    return grid


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


def _layers(golden: Golden) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
    for column in ("layer", "class", "output", "parameters"):
        table.add_column(column, overflow="fold")
    for layer in golden.fingerprint.structure.layers:
        shapes = " ".join(str(tuple(shape)) for shape in layer.output_shapes[:1])
        count = sum(t.size for t in layer.tensors)
        table.add_row(
            clean(layer.path), clean(layer.class_name), shapes, f"{count:,}" if count else ""
        )
    return table
