"""Differences of structure, layer by layer."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from msgspec.structs import replace

from fpcheck.comparison.finding import Finding
from fpcheck.comparison.pairing import Pair, Pairing
from fpcheck.fingerprint.structure import Edge, Layer, Port, Structure, layer_key

# Merges whose result does not depend on the order of their inputs.
_MERGES = ("Add", "Multiply", "Maximum", "Minimum")
COMMUTATIVE = frozenset({*_MERGES, *(f"ops.{name}" for name in _MERGES), "Average"})
_finding = partial(Finding, "structure")
# A structure, and by the paths of its paired layers those of the candidate.
_Side = tuple[Structure, dict[str, str]]


def compare_structure(golden: Structure, candidate: Structure, pairing: Pairing) -> list[Finding]:
    """All findings of the level `structure`; without an error among them, the level passes."""
    findings = list(_notes(pairing))
    if pairing.how == "place":
        return findings
    findings += _compare_ports(golden, candidate, pairing)
    for la in pairing.removed:
        findings.append(_finding("layer-removed", la.path, None, "class", la.class_name))
    for la in pairing.added:
        findings.append(_finding("layer-added", la.path, None, "class", None, la.class_name))
    sides = (golden, pairing.to_candidate), (candidate, {path: path for path in pairing.to_golden})
    for pair in pairing.pairs:
        findings += _compare_layer(pair)
        findings += _compare_calls(pair, *sides)
    if not any(finding.severity == "error" for finding in findings) and _any_differs(pairing):
        # The structures differ, but no finding above names the difference.
        findings += list(_compare_shapes(pairing)) or [_finding("structure-changed")]
    return findings


def _any_differs(pairing: Pairing) -> bool:
    """Whether any pair differs in what decides outputs; the order of layers does not."""
    same = {pair.golden.path: pair.golden.path for pair in pairing.pairs}
    other = pairing.to_golden
    return any(_key(pair.golden, same) != _key(pair.candidate, other) for pair in pairing.pairs)


def _key(layer: Layer, names: dict[str, str]) -> list[Any]:
    """What decides a layer's outputs, with its inputs sorted if their order does not matter."""
    key = layer_key(layer, names)
    *_, calls, _ = key
    if layer.class_name in COMMUTATIVE:
        for call in calls or ():
            call[0].sort()
    return key


def _notes(pairing: Pairing) -> Iterator[Finding]:
    if renamed := pairing.renamed:
        was, now = renamed[0].golden.path, renamed[0].candidate.path
        now = f"{now} ({len(renamed)} renamed)"
        yield _finding("layers-renamed", was, None, "names", was, now, severity="note")
    for pair in pairing.pairs:
        path = pair.golden.path
        was, now = pair.golden.code, pair.candidate.code
        if was and now and was != now:
            yield _finding("code-changed", path, None, "code", was, now, severity="note")
        for key, old, new in _changed_items(pair.golden.training, pair.candidate.training):
            yield _finding("training-config-changed", path, None, key, old, new, severity="note")


def _changed_items(
    golden: dict[str, Any], candidate: dict[str, Any]
) -> Iterator[tuple[str, Any, Any]]:
    for key in sorted(golden.keys() | candidate.keys()):
        expected, actual = golden.get(key), candidate.get(key)
        if expected != actual:
            yield key, expected, actual


def _compare_layer(pair: Pair) -> Iterator[Finding]:
    golden, candidate, path = pair.golden, pair.candidate, pair.golden.path
    if golden.class_name != candidate.class_name:
        yield _finding(
            "class-changed", path, None, "class", golden.class_name, candidate.class_name
        )
        return
    if golden.dtype != candidate.dtype:
        yield _finding("dtype-changed", path, None, "dtype", golden.dtype, candidate.dtype)
    yield from _compare_config(golden, candidate)
    for tensor, other in pair.stored:
        role = tensor.role
        if other is None:
            yield _finding("tensor-missing", path, role)
        elif tensor.shape != other.shape:
            shapes = list(tensor.shape), list(other.shape)
            yield _finding("tensor-shape-changed", path, role, "shape", *shapes)
        elif tensor.dtype != other.dtype:
            dtypes = tensor.dtype, other.dtype
            yield _finding("tensor-dtype-changed", path, role, "dtype", *dtypes)
    for tensor in pair.added:
        if not tensor.derived:
            yield _finding("tensor-added", path, tensor.role)


def _compare_config(golden: Layer, candidate: Layer) -> Iterator[Finding]:
    if golden.config is None or candidate.config is None:
        return
    # The inputs and outputs of a nested model follow from its layers, whose names may differ.
    ports = ("inputs", "outputs") if "outputs" in golden.config else ()
    for key, *sides in _changed_items(golden.config, candidate.config):
        for path, was, now in _innermost(key, *sides) if key not in ports else ():
            # A custom class passes its policy on to the layers that it makes.
            policy = golden.custom and "dtype" in path.split(".")
            code = "dtype-changed" if policy else "config-changed"
            yield _finding(code, golden.path, None, path, was, now)


def _innermost(key: str, expected: Any, actual: Any) -> Iterator[tuple[str, Any, Any]]:
    """The innermost attributes that differ: for a wrapper, those of the layer inside it."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        for inner, was, now in _changed_items(expected, actual):
            yield from _innermost(f"{key}.{inner}".replace(".config.", "."), was, now)
    elif _is_object_list(expected) and _is_object_list(actual) and len(expected) == len(actual):
        for place, (was, now) in enumerate(zip(expected, actual, strict=True)):
            if was != now:
                yield from _innermost(f"{key}.{place}", was, now)
    else:
        yield key, expected, actual


def _is_object_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _compare_ports(golden: Structure, candidate: Structure, pairing: Pairing) -> Iterator[Finding]:
    for code, was, now in (
        ("input-changed", golden.inputs, candidate.inputs),
        ("output-changed", golden.outputs, candidate.outputs),
    ):
        pairs = zip(was, now, strict=False)
        if len(was) != len(now) or not all(_is_same_port(*pair, pairing) for pair in pairs):
            yield _finding(code, None, None, "ports", [*map(_text, was)], [*map(_text, now)])


def _is_same_port(golden: Port, candidate: Port, pairing: Pairing) -> bool:
    """Whether two ports are equal; their layers are compared if the golden's layer is paired."""
    source = golden.source
    if source and candidate.source:
        layer = pairing.to_candidate.get(source.layer, candidate.source.layer)
        source = replace(source, layer=layer)
    return replace(golden, name=candidate.name, source=source) == candidate


def _text(port: Port) -> str:
    sizes = ("?" if size is None else str(size) for size in port.shape or ())
    key = f"{port.key}: " if port.key else ""
    source = f" from {port.source.layer}" if port.source and port.source.layer != port.name else ""
    shape = f"({','.join(sizes)})" if port.shape else ""
    return key + " ".join(part for part in (port.name, shape, port.dtype) if part) + source


def _compare_calls(pair: Pair, golden: _Side, candidate: _Side) -> Iterator[Finding]:
    """Differences in the calls of a pair: their number, inputs and arguments."""
    in_golden, in_candidate, path = pair.golden.calls, pair.candidate.calls, pair.golden.path
    if in_golden is None or in_candidate is None:
        return
    if len(in_golden) != len(in_candidate):
        yield _finding("sharing-changed", path, None, "calls", len(in_golden), len(in_candidate))
        return
    for expected, actual in zip(in_golden, in_candidate, strict=True):
        before = [_origin(edge, *golden) for edge in expected.inputs]
        after = [_origin(edge, *candidate) for edge in actual.inputs]
        if pair.golden.class_name in COMMUTATIVE:
            before, after = sorted(before), sorted(after)
        if before != after:
            was = _describe_edges(expected.inputs, golden[0])
            now = _describe_edges(actual.inputs, candidate[0])
            yield _finding("graph-rewired", path, None, "inbound", was, now)
        for key, *sides in _changed_items(expected.arguments, actual.arguments):
            yield _finding("config-changed", path, None, f"call.{key}", *sides)


def _origin(edge: Edge, structure: Structure, paired: dict[str, str]) -> tuple[str, int, int]:
    """Where an edge starts, before any layers that only this side has."""
    for _ in range(1000):  # the graph of a hostile file may be a circle
        layer = structure.by_path.get(edge.layer) if edge.layer not in paired else None
        calls = (layer.calls or ()) if layer else ()
        if len(calls) != 1 or not calls[0].inputs:
            break
        edge = calls[0].inputs[0]
    return paired.get(edge.layer, edge.layer), edge.call, edge.output


def _describe_edges(edges: Sequence[Edge], structure: Structure) -> list[str]:
    """The sources of edges; with the call of a shared layer and the output, if it has several."""
    several = {edge.layer for edge in edges if edge.output}
    sources = []
    for edge in edges:
        layer = structure.by_path.get(edge.layer)
        details = [f"call {edge.call + 1}"] if layer and layer.shared else []
        details += [f"output {edge.output + 1}"] if edge.layer in several else []
        sources.append(f"{edge.layer} ({', '.join(details)})" if details else edge.layer)
    return sources


def _compare_shapes(pairing: Pairing) -> Iterator[Finding]:
    """Output shapes, which usually follow from other differences."""
    for pair in pairing.pairs:
        was, now = ([*map(list, side.output_shapes)] for side in (pair.golden, pair.candidate))
        if was != now:
            yield _finding("output-shape-changed", pair.golden.path, None, "shape", was, now)
