"""Differences of weights: equal by digest, or measured by the distance of sketches."""

from collections.abc import Iterator

import msgspec

from fpcheck.codec import Value
from fpcheck.comparison.finding import NOT_COMPARED, Finding, within
from fpcheck.comparison.pairing import Pair, Pairing
from fpcheck.fingerprint import sketch
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.measurement import Details, Measurement
from fpcheck.fingerprint.structure import Layer, Structure, Tensor

Place = tuple[str, int]


class Tensors:
    """The measurements of a fingerprint by the layer's path and the tensor's place in it."""

    def __init__(self, structure: Structure, weights: tuple[Measurement, ...]) -> None:
        places = [(layer.path, tensor.index) for layer, tensor in structure.tensors]
        self.by_place: dict[Place, Measurement] = dict(zip(places, weights, strict=True))
        self.details = {m.digest: m.details for m in weights if m.details is not None}


class Changed(Value, frozen=True, eq=False):
    """A tensor whose digest differs; `layer` and `tensor` are the golden's, `other` is not."""

    layer: Layer
    tensor: Tensor
    other: Tensor
    golden: Measurement
    candidate: Measurement

    @property
    def place(self) -> Place:
        """Where the golden has it."""
        return self.layer.path, self.tensor.index

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self.layer.path}/{self.tensor.role}"

    @property
    def both(self) -> tuple[Details, Details] | None:
        """What is known of both sides, where they can be compared value by value."""
        expected, actual = self.golden.details, self.candidate.details
        kinds = (self.tensor.shape, self.tensor.dtype), (self.other.shape, self.other.dtype)
        if expected is None or actual is None or kinds[0] != kinds[1]:
            return None
        return expected, actual


def changed(
    ours: Tensors, theirs: Tensors, pair: Pair, tensor: Tensor, other: Tensor
) -> Changed | None:
    """What is known of both sides of a paired tensor; None where the digests are equal."""
    expected = ours.by_place[pair.golden.path, tensor.index]
    actual = theirs.by_place[pair.candidate.path, other.index]
    if expected.digest == actual.digest:
        return None
    # What the golden holds elsewhere was not measured again.
    details = actual.details or ours.details.get(actual.digest)
    return Changed(pair.golden, tensor, other, expected, Measurement(actual.digest, details))


def changes(golden: Fingerprint, candidate: Fingerprint, pairing: Pairing) -> list[Changed]:
    """Every paired tensor whose digest differs, in the golden's order."""
    if golden.weights is None or candidate.weights is None:
        return []
    ours = Tensors(golden.structure, golden.weights)
    theirs = Tensors(candidate.structure, candidate.weights)
    found = (
        changed(ours, theirs, pair, tensor, other)
        for pair in pairing.pairs
        for tensor, other in pair.tensors
        if other is not None
    )
    return [item for item in found if item is not None]


def compare_weights(
    golden: Fingerprint, candidate: Fingerprint, pairing: Pairing, allowed: float
) -> list[Finding]:
    """All findings of the level `weights`.

    Args:
        golden: the reference.
        candidate: may lack details of tensors that the golden holds.
        pairing: of their layers.
        allowed: relative L2 distance; 0 asks for equal digests.
    """
    if golden.weights is None or candidate.weights is None:
        return []
    ours = Tensors(golden.structure, golden.weights)
    theirs = Tensors(candidate.structure, candidate.weights)
    findings = list(_paired(pairing, ours, theirs, allowed))
    for layer in pairing.removed:
        findings += [
            Finding("weights", "tensor-missing", layer.path, t.role) for t in layer.tensors
        ]
    for layer in pairing.added:
        findings += [Finding("weights", "tensor-added", layer.path, t.role) for t in layer.tensors]
    return findings


def _paired(pairing: Pairing, ours: Tensors, theirs: Tensors, allowed: float) -> Iterator[Finding]:
    for pair in pairing.pairs:
        for role in pair.unknown:
            outside = (*pair.candidate.external_files, *pair.golden.external_files)
            side = "file" if role in pair.candidate.not_stored else "golden"
            yield not_compared(pair.golden.path, role, side, *outside[:1])
        for tensor, other in pair.tensors:
            if other is None:
                yield Finding("weights", "tensor-missing", pair.golden.path, tensor.role)
                continue
            item = changed(ours, theirs, pair, tensor, other)
            if item is None:
                continue
            finding = Finding("weights", "tensor-changed", pair.golden.path, tensor.role)
            if tensor.shape != other.shape or tensor.dtype != other.dtype:
                yield _with(finding, metric="type", expected=_kind(tensor.shape, tensor.dtype),
                            actual=_kind(other.shape, other.dtype))  # fmt: skip
                continue
            yield from _measured(finding, item.golden.details, item.candidate.details, allowed)
        for tensor in pair.added:
            yield Finding("weights", "tensor-added", pair.golden.path, tensor.role)


def not_compared(layer: str, role: str, side: str = "file", outside: str | None = None) -> Finding:
    """The finding that state is there, and that a container does not tell it.

    Args:
        layer: path of the layer.
        role: what the layer calls the state.
        side: which side does not tell it, `file` or `golden`.
        outside: the file outside the model file that holds it, if that is named.
    """
    return Finding("weights", NOT_COMPARED, layer, role, side, actual=outside, severity="note")


def _measured(
    finding: Finding, expected: Details | None, actual: Details | None, allowed: float
) -> Iterator[Finding]:
    if expected is None or actual is None:
        yield _with(finding, metric="digest", tolerance=0.0)
        return
    difference = relative_distance(expected, actual)
    # An estimate of nothing is no proof of equality: with nothing allowed the digests decide.
    if allowed > 0 and within(difference, allowed):
        yield _with(finding, metric="relative_l2", actual=difference, tolerance=allowed,
                    severity="note")  # fmt: skip
        return
    was, bad = expected.statistics.non_finite, actual.statistics.non_finite
    if bad > was:
        yield _with(
            finding, code="non-finite", metric="non_finite_values", expected=was, actual=bad
        )
        return
    yield _with(finding, metric="relative_l2", actual=difference, tolerance=allowed)


def relative_distance(golden: Details, candidate: Details) -> float:
    """Estimated L2 distance, relative to the golden's L2 norm where that is not zero."""
    distance = sketch.distance(golden.sketch, candidate.sketch)
    return distance / golden.statistics.l2 if golden.statistics.l2 > 0 else distance


def _kind(shape: tuple[int, ...], dtype: str) -> str:
    return f"{dtype} {list(shape)}"


def _with(finding: Finding, **changes: object) -> Finding:
    return msgspec.structs.replace(finding, **changes)
