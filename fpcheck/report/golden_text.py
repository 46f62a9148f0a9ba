"""A golden for a person."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fpcheck.fingerprint import digest
from fpcheck.golden.golden import Golden
from fpcheck.report.text import clean


def render_golden(golden: Golden) -> RenderableType:
    """Head, then one line per layer."""
    return Group(_head(golden), Text(""), _layers(golden))


def _head(golden: Golden) -> RenderableType:
    held, grid = golden.fingerprint, Table.grid(padding=(0, 2))
    structure = held.structure

    def row(label: str, value: object) -> None:
        grid.add_row(Text(label, "dim"), Text(clean(value)))

    row("golden", golden.label)
    if golden.note:
        row("note", golden.note)
    row("source", f"{golden.source.text} ({golden.source.format})")
    row("recorded", f"{golden.provenance.time} by fpcheck {golden.provenance.fpcheck}")
    row("environment", ", ".join(f"{k} {v}" for k, v in golden.provenance.environment.items()))
    row("levels", ", ".join(held.levels))
    row("parameters", f"{structure.parameters:,} ({structure.trainable_parameters:,} trainable)")
    if held.content_id:
        row("content id", digest.text(held.content_id))
    row("allowed", f"weights {golden.tolerances.weights}, outputs {golden.tolerances.outputs}")
    if held.outputs is not None:
        row("preprocess", held.outputs.preprocess)
        row("probes", ", ".join(f"{p.name}: {held.outputs.probes.count} {p.kind} {list(p.shape)}"
                                for p in held.outputs.probes.inputs))  # fmt: skip
        row("noise", f"{held.outputs.noise.largest:.2g}")
        for path in held.outputs.reach.unreached:
            row("unreached", path)
        for path in held.outputs.reach.untried:
            row("untried", path)
    if held.accuracy is not None:
        row("accuracy", f"top-1 {held.accuracy.top1:.2%}, top-5 {held.accuracy.top5:.2%} "
            f"of {held.accuracy.count} examples")  # fmt: skip
    return grid


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
