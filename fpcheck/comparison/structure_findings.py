"""Differences of structure, layer by layer."""

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec.structs import astuple, replace

from fpcheck.comparison.finding import Finding
from fpcheck.comparison.pairing import Pair, Pairing
from fpcheck.fingerprint.structure import Edge, Layer, Port, Structure, layer_key

# Merges that give the same whatever the order of their inputs.
COMMUTATIVE = frozenset({"Add", "Multiply", "Average", "Maximum", "Minimum", "ops.Add",
                         "ops.Multiply", "ops.Maximum", "ops.Minimum"})  # fmt: skip


def compare_structure(golden: Structure, candidate: Structure, pairing: Pairing) -> list[Finding]:
    """All findings of the level `structure`; no errors among them means that it passes."""
    findings = list(_notes(pairing))
    if pairing.how == "place":
        return findings
    findings += _ports(golden, candidate, pairing)
    findings += [_whole("layer-removed", layer, golden=True) for layer in pairing.removed]
    findings += [_whole("layer-added", layer, golden=False) for layer in pairing.added]
    rewiring = _Rewiring(golden, candidate, pairing)
    for pair in pairing.pairs:
        findings += _layer(pair)
        findings += rewiring.findings(pair)
    if not any(finding.severity == "error" for finding in findings) and _differ(pairing):
        # Something differs even where nothing above could name it.
        findings += list(_unnamed(pairing)) or [Finding("structure", "structure-changed")]
    return findings


def _differ(pairing: Pairing) -> bool:
    """Whether any pair differs in what decides outputs; the order of layers does not."""
    same = {pair.golden.path: pair.golden.path for pair in pairing.pairs}
    return any(
        layer_key(_sorted(pair.golden, same), same)
        != layer_key(_sorted(pair.candidate, pairing.to_golden), pairing.to_golden)
        for pair in pairing.pairs
    )


def _sorted(layer: Layer, names: dict[str, str]) -> Layer:
    """A layer whose inputs stand in an order of their own, where order decides nothing."""
    if layer.class_name not in COMMUTATIVE or layer.calls is None:
        return layer

    def place(edge: Edge) -> tuple[str, int, int]:
        return names.get(edge.layer, edge.layer), edge.call, edge.output

    calls = (replace(call, inputs=tuple(sorted(call.inputs, key=place))) for call in layer.calls)
    return replace(layer, calls=tuple(calls))


def _notes(pairing: Pairing) -> Iterator[Finding]:
    if renamed := pairing.renamed:
        first = renamed[0]
        yield Finding("structure", "layers-renamed", first.golden.path, metric="names",
                      expected=first.golden.path, actual=f"{first.candidate.path} "
                      f"({len(renamed)} renamed)", severity="note")  # fmt: skip
    for pair in pairing.pairs:
        codes = pair.golden.code, pair.candidate.code
        if all(codes) and codes[0] != codes[1]:
            yield Finding("structure", "code-changed", pair.golden.path, metric="code",
                          expected=codes[0], actual=codes[1], severity="note")  # fmt: skip
        for key, expected, actual in _changes(pair.golden.training, pair.candidate.training):
            yield Finding("structure", "training-config-changed", pair.golden.path, metric=key,
                          expected=expected, actual=actual, severity="note")  # fmt: skip


def _changes(golden: dict[str, Any], candidate: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for key in sorted(golden.keys() | candidate.keys()):
        expected, actual = golden.get(key), candidate.get(key)
        if expected != actual:
            yield key, expected, actual


def _whole(code: str, layer: Layer, golden: bool) -> Finding:
    expected, actual = (layer.class_name, None) if golden else (None, layer.class_name)
    return Finding("structure", code, layer.path, metric="class", expected=expected, actual=actual)


def _layer(pair: Pair) -> Iterator[Finding]:
    golden, candidate = pair.golden, pair.candidate
    where = golden.path
    if golden.class_name != candidate.class_name:
        yield Finding("structure", "class-changed", where, metric="class",
                      expected=golden.class_name, actual=candidate.class_name)  # fmt: skip
        return
    if golden.dtype != candidate.dtype:
        yield Finding("structure", "dtype-changed", where, metric="dtype",
                      expected=golden.dtype, actual=candidate.dtype)  # fmt: skip
    yield from _config(golden, candidate)
    for tensor, other in pair.stored:
        if other is None:
            yield Finding("structure", "tensor-missing", where, tensor.role)
        elif tensor.shape != other.shape:
            yield Finding("structure", "tensor-shape-changed", where, tensor.role, "shape",
                          list(tensor.shape), list(other.shape))  # fmt: skip
        elif tensor.dtype != other.dtype:
            yield Finding("structure", "tensor-dtype-changed", where, tensor.role, "dtype",
                          tensor.dtype, other.dtype)  # fmt: skip
    for tensor in pair.added:
        if not tensor.derived:
            yield Finding("structure", "tensor-added", where, tensor.role)


def _config(golden: Layer, candidate: Layer) -> Iterator[Finding]:
    if golden.config is None or candidate.config is None:
        return
    # What a model inside gives follows from its layers, whose names may be others.
    ports = ("inputs", "outputs") if "outputs" in golden.config else ()
    for key, expected, actual in _changes(golden.config, candidate.config):
        if key in ports:
            continue
        for path, old, new in _deep(key, expected, actual):
            # Of a custom class, which hands its policy on to the layers that it makes.
            policy = golden.custom and "dtype" in path.split(".")
            code = "dtype-changed" if policy else "config-changed"
            yield Finding("structure", code, golden.path, metric=path, expected=old, actual=new)


def _deep(key: str, expected: Any, actual: Any) -> Iterator[tuple[str, Any, Any]]:
    """The innermost attributes that differ, so that a wrapper's change names the right one."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        for inner, old, new in _changes(expected, actual):
            yield from _deep(f"{key}.{inner}".replace(".config.", "."), old, new)
    elif _are_objects(expected, actual):
        for place, (old, new) in enumerate(zip(expected, actual, strict=True)):
            yield from _deep(f"{key}.{place}", old, new) if old != new else ()
    else:
        yield key, expected, actual


def _are_objects(expected: Any, actual: Any) -> bool:
    """Whether both are lists of as many objects: the layers of a list, each with its own place."""
    both = [expected, actual]
    return all(isinstance(side, list) and all(isinstance(item, dict) for item in side)
               for side in both) and len(expected) == len(actual)  # fmt: skip


def _ports(golden: Structure, candidate: Structure, pairing: Pairing) -> Iterator[Finding]:
    for code, old, new in (
        ("input-changed", golden.inputs, candidate.inputs),
        ("output-changed", golden.outputs, candidate.outputs),
    ):
        same = len(old) == len(new) and all(
            _same_port(g, c, pairing) for g, c in zip(old, new, strict=False)
        )
        if not same:
            yield Finding(
                "structure", code, metric="ports",
                expected=[_shown(port) for port in old], actual=[_shown(port) for port in new],
            )  # fmt: skip


def _same_port(golden: Port, candidate: Port, pairing: Pairing) -> bool:
    """Whether two ports agree; what gives them is compared where the golden's layer is paired."""
    if (golden.shape, golden.dtype, golden.key) != (
        candidate.shape,
        candidate.dtype,
        candidate.key,
    ):
        return False
    if golden.source is None or candidate.source is None:
        return golden.source is candidate.source
    stands = pairing.to_candidate.get(golden.source.layer, candidate.source.layer)
    rest = (golden.source.call, golden.source.output)
    return (stands, *rest) == astuple(candidate.source)


def _shown(port: Port) -> str:
    sizes = ("?" if size is None else str(size) for size in port.shape or ())
    key = f"{port.key}: " if port.key else ""
    source = f" from {port.source.layer}" if port.source and port.source.layer != port.name else ""
    shape = f"({','.join(sizes)})" if port.shape else ""
    return key + " ".join(part for part in (port.name, shape, port.dtype) if part) + source


class _Rewiring:
    """What feeds a layer, looking through layers that only one side has: those are told already."""

    def __init__(self, golden: Structure, candidate: Structure, pairing: Pairing) -> None:
        self.structures = golden, candidate
        self.names = pairing.to_candidate
        self.removed = {layer.path: layer for layer in pairing.removed}
        self.added = {layer.path: layer for layer in pairing.added}

    def findings(self, pair: Pair) -> Iterator[Finding]:
        """Differences in what feeds a pair, how often, and with which arguments."""
        old, new = pair.golden.calls, pair.candidate.calls
        if old is None or new is None:
            return
        where = pair.golden.path
        if len(old) != len(new):
            yield Finding("structure", "sharing-changed", where, metric="calls",
                          expected=len(old), actual=len(new))  # fmt: skip
            return
        for expected, actual in zip(old, new, strict=True):
            before = [self._through(e, self.removed, self.names) for e in expected.inputs]
            after = [self._through(e, self.added, {}) for e in actual.inputs]
            if pair.golden.class_name in COMMUTATIVE:
                before, after = sorted(before), sorted(after)
            if before != after:
                was, now = map(_uses, (expected.inputs, actual.inputs), self.structures)
                yield Finding("structure", "graph-rewired", where, metric="inbound",
                              expected=was, actual=now)  # fmt: skip
            for key, left, right in _changes(expected.arguments, actual.arguments):
                yield Finding("structure", "config-changed", where, metric=f"call.{key}",
                              expected=left, actual=right)  # fmt: skip

    def _through(
        self, edge: Edge, extra: dict[str, Layer], names: dict[str, str], depth: int = 0
    ) -> tuple[str, int, int]:
        layer = extra.get(edge.layer)
        calls = (layer.calls or ()) if layer else ()
        if len(calls) == 1 and calls[0].inputs and depth < 1000:
            return self._through(calls[0].inputs[0], extra, names, depth + 1)
        return names.get(edge.layer, edge.layer), edge.call, edge.output


def _uses(edges: Sequence[Edge], structure: Structure) -> list[str]:
    """What feeds a layer, in words: which use of a shared layer, and which of several outputs."""
    several = {edge.layer for edge in edges if edge.output}

    def use(edge: Edge) -> str:
        layer = structure.by_path.get(edge.layer)
        told = [f"call {edge.call + 1}"] if layer and layer.shared else []
        told += [f"output {edge.output + 1}"] if edge.layer in several else []
        return f"{edge.layer} ({', '.join(told)})" if told else edge.layer

    return [use(edge) for edge in edges]


def _unnamed(pairing: Pairing) -> Iterator[Finding]:
    """Output shapes, which else only follow from differences told above."""
    for pair in pairing.pairs:
        old, new = pair.golden.output_shapes, pair.candidate.output_shapes
        if old != new:
            shapes = [list(s) for s in old], [list(s) for s in new]
            yield Finding("structure", "output-shape-changed", pair.golden.path, None, "shape",
                          *shapes)  # fmt: skip
