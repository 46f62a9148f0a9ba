"""Differences of weights: equal by digest, or measured by the distance of sketches."""

from collections.abc import Iterable, Iterator

from fpcheck.codec import Value
from fpcheck.comparison.finding import Finding, Severity, not_compared, within
from fpcheck.comparison.pairing import Pair, Pairing
from fpcheck.fingerprint import sketch
from fpcheck.fingerprint.fingerprint import Fingerprint, TensorPlace, measured_by_place
from fpcheck.fingerprint.measurement import Details, Measurement
from fpcheck.fingerprint.structure import Layer, Tensor

# Path of a layer, role of a tensor.
Owner = tuple[str, str]


class Changed(Value, frozen=True, eq=False):
    """The golden's layer and tensor, and the candidate's tensor, whose digest differs."""

    layer: Layer
    tensor: Tensor
    other: Tensor
    golden: Measurement
    candidate: Measurement

    @property
    def place(self) -> TensorPlace:
        """Its place in the golden."""
        return self.layer.path, self.tensor.index

    @property
    def owner(self) -> Owner:
        """The golden's layer and role."""
        return self.layer.path, self.tensor.role

    @property
    def name(self) -> str:
        """Its name for users: `layer/role`."""
        return "/".join(self.owner)

    @property
    def types(self) -> tuple[str, str]:
        """Dtype and shape on both sides, as text."""
        golden, candidate = (f"{t.dtype} {list(t.shape)}" for t in (self.tensor, self.other))
        return golden, candidate

    @property
    def both(self) -> tuple[Details, Details] | None:
        """The details of both sides, if their values can be compared one by one."""
        expected, actual = self.golden.details, self.candidate.details
        if expected is None or actual is None or self.types[0] != self.types[1]:
            return None
        return expected, actual

    @property
    def constant(self) -> bool:
        """Whether the candidate's values are all equal: zeros and ones identify no tensor."""
        details = self.candidate.details
        return details is not None and details.statistics.constant is not None


def owned(fingerprint: Fingerprint) -> Iterator[tuple[Owner, Measurement]]:
    """Every tensor with its layer and role; none where weights were not measured."""
    pairs = zip(fingerprint.structure.tensors, fingerprint.weights or (), strict=False)
    return (((layer.path, tensor.role), measured) for (layer, tensor), measured in pairs)


def changes(golden: Fingerprint, candidate: Fingerprint, pairs: Iterable[Pair]) -> list[Changed]:
    """Every paired tensor whose digest differs, in the golden's order."""
    if golden.weights is None or candidate.weights is None:
        return []
    in_golden, in_candidate = measured_by_place(golden), measured_by_place(candidate)
    # A tensor that the golden has in another place was not measured again.
    known = {m.digest: m.details for m in in_golden.values() if m.details is not None}
    changed = []
    for pair in pairs:
        for tensor, other in pair.tensors:
            if other is None:
                continue
            was = in_golden[pair.golden.path, tensor.index]
            now = in_candidate[pair.candidate.path, other.index]
            if was.digest != now.digest:
                now = Measurement(now.digest, now.details or known.get(now.digest))
                changed.append(Changed(pair.golden, tensor, other, was, now))
    return changed


def compare_weights(
    golden: Fingerprint, candidate: Fingerprint, pairing: Pairing, allowed: float
) -> list[Finding]:
    """All findings of the level `weights`.

    The candidate may lack details of tensors that the golden has. `allowed` is a relative L2
    distance; 0 requires equal digests.
    """
    if golden.weights is None or candidate.weights is None:
        return []
    changed = {item.place: item for item in changes(golden, candidate, pairing.pairs)}
    return [
        *(finding for pair in pairing.pairs for finding in _of_pair(pair, changed, allowed)),
        *_tensors("tensor-missing", pairing.removed),
        *_tensors("tensor-added", pairing.added),
    ]


def _tensors(code: str, layers: Iterable[Layer]) -> Iterator[Finding]:
    return (Finding("weights", code, la.path, t.role) for la in layers for t in la.tensors)


def _of_pair(pair: Pair, changed: dict[TensorPlace, Changed], allowed: float) -> Iterator[Finding]:
    path = pair.golden.path
    for role in pair.unknown:
        outside = (*pair.candidate.external_files, *pair.golden.external_files)
        side = "file" if role in pair.candidate.not_stored else "golden"
        yield not_compared(path, role, side, *outside[:1])
    for tensor, other in pair.tensors:
        if other is None:
            yield Finding("weights", "tensor-missing", path, tensor.role)
        elif item := changed.get((path, tensor.index)):
            yield _measure(item, allowed)
    for tensor in pair.added:
        yield Finding("weights", "tensor-added", path, tensor.role)


def _measure(item: Changed, allowed: float) -> Finding:
    changed = ("tensor-changed", *item.owner)
    if item.types[0] != item.types[1]:
        return Finding("weights", *changed, "type", *item.types)
    expected, actual = item.golden.details, item.candidate.details
    if expected is None or actual is None:
        return Finding("weights", *changed, "digest", tolerance=0.0)
    distance = relative_distance(expected, actual)
    # An estimated distance of 0 does not prove equality: if nothing is allowed, digests decide.
    tolerated = allowed > 0 and within(distance, allowed)
    was, now = expected.statistics.non_finite, actual.statistics.non_finite
    if now > was and not tolerated:
        return Finding("weights", "non-finite", *item.owner, "non_finite_values", was, now)
    severity: Severity = "note" if tolerated else "error"
    return Finding("weights", *changed, "relative_l2", None, distance, allowed, severity)


def relative_distance(golden: Details, candidate: Details) -> float:
    """Estimated L2 distance, divided by the golden's L2 norm unless that is zero."""
    distance = sketch.distance(golden.sketch, candidate.sketch)
    return distance / golden.statistics.l2 if golden.statistics.l2 > 0 else distance
