"""What rules examine: a comparison, and the facts about it that several rules need."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from itertools import tee

import numpy as np

from fpcheck.codec import Array, Value
from fpcheck.comparison.compare import Comparison
from fpcheck.comparison.finding import Finding
from fpcheck.comparison.pairing import Pair
from fpcheck.comparison.weight_findings import Changed, Place
from fpcheck.fingerprint import sketch
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.measurement import Details, Measurement
from fpcheck.fingerprint.structure import Layer, Structure
from fpcheck.fingerprint.undone import Undone
from fpcheck.layout.placement import is_weights_only

# Path of a layer, role of a tensor.
Owner = tuple[str, str]


class Neighbour(Value, frozen=True, eq=False):
    """Another golden, which is read completely only where it may explain something.

    Attributes:
        label: `name@version`.
        content_id: as text; None for a golden without weights.
        shape: the digest of its structure without names, as text.
        parameters: the number of values in its tensors.
        load: reads the rest; raises FpcheckError if the golden is damaged.
        relation: how it relates to the golden, if it is another version of it.
    """

    label: str
    content_id: str | None
    shape: str
    parameters: int
    load: Callable[[], Fingerprint]
    relation: str = ""


# Called only after a mismatch.
Neighbours = Callable[[], Iterator[Neighbour]]


def nobody() -> Iterator[Neighbour]:
    """No other golden."""
    return iter(())


class Case:
    """A comparison under diagnosis.

    Rules run in order, the certain ones first. A rule marks what it explains, and later rules see
    only the rest. A proof therefore makes guesses about the same tensor unnecessary.

    Args:
        comparison: what differs.
        neighbours: other goldens.
        reference: what messages call the reference side: `golden`, or `first` for `diff`.
    """

    def __init__(
        self, comparison: Comparison, neighbours: Neighbours = nobody, reference: str = "golden"
    ) -> None:
        self.comparison = comparison
        self.reference = reference
        self.golden = comparison.golden
        self.candidate = comparison.candidate
        self.pairing = comparison.pairing
        self.errors = comparison.errors
        self._neighbours = neighbours()
        self._explained_tensors: set[Place] = set()
        self._explained_findings: set[int] = set()

    def neighbours(self) -> Iterator[Neighbour]:
        """Other goldens, other versions of this one first; each head is read once, when needed."""
        self._neighbours, neighbours = tee(self._neighbours)
        return neighbours

    def unexplained(self, *codes: str) -> list[Finding]:
        """Errors with these codes that no rule has explained."""
        errors = (f for f in self.errors if f.code in codes)
        return [f for f in errors if id(f) not in self._explained_findings]

    def explain(self, findings: Iterable[Finding]) -> None:
        """Mark findings as explained."""
        self._explained_findings.update(map(id, findings))

    @property
    def unexplained_tensors(self) -> list[Changed]:
        """Changed tensors that no rule has explained, without derived state."""
        items = (item for item in self.changed if not item.tensor.derived)
        return [item for item in items if item.place not in self._explained_tensors]

    def explain_tensors(self, items: Iterable[Changed]) -> None:
        """Mark changed tensors as explained."""
        self._explained_tensors.update(item.place for item in items)

    @cached_property
    def changed(self) -> list[Changed]:
        """Changed tensors that decide the verdict, in the golden's order."""
        errors = {(f.layer, f.tensor) for f in self.errors if f.level == "weights"}
        changed = self.comparison.changed
        return [item for item in changed if (item.layer.path, item.tensor.role) in errors]

    def undone(self, item: Changed) -> Undone | None:
        """The change that, undone, gives the golden's tensor; None where none was recognised."""
        return self.comparison.closer.undone.get(item.place)

    def pairs_with(self, structure: Structure) -> Iterator[tuple[Pair, Layer]]:
        """Each pair with its layer in another structure of the candidate, such as the live one."""
        for pair in self.pairing.pairs:
            layer = structure.by_path.get(pair.candidate.path)
            if layer is not None:
                yield pair, layer

    @property
    def layers(self) -> Mapping[str, Layer]:
        """The golden's layers by path."""
        return self.golden.structure.by_path

    @cached_property
    def weighted(self) -> list[str]:
        """Compared layers of the golden that have weights of their own."""
        paths = (layer.path for layer in self.golden.structure.layers if layer.stored)
        return [path for path in paths if path not in self.comparison.rest]

    def are_all(self, layers: list[str]) -> bool:
        """Whether these are all layers with weights; never so for a part of a model."""
        return len(layers) == len(self.weighted) and not self.comparison.rest

    @cached_property
    def owners(self) -> Mapping[bytes, list[Owner]]:
        """By digest, the golden's tensors. Constants, which prove nothing, are left out."""
        owners: dict[bytes, list[Owner]] = {}
        weights = self.golden.weights or ()
        for (layer, tensor), measured in zip(self.golden.structure.tensors, weights, strict=True):
            if measured.details is None or measured.details.statistics.constant is None:
                owners.setdefault(measured.digest, []).append((layer.path, tensor.role))
        return owners

    @cached_property
    def golden_tensors(self) -> Mapping[Owner, Measurement]:
        """The golden's tensors by path and role."""
        return tensors_by_role(self.golden)

    @cached_property
    def elsewhere(self) -> Mapping[bytes, str]:
        """By digest, where the candidate has a golden tensor outside the golden's layers.

        Constants are left out: the momentum of a bias is all zeros, and so are many biases.
        """
        added = {layer.path for layer in self.pairing.added}
        tensors = zip(self.candidate.structure.tensors, self.candidate.weights or (), strict=False)
        places = {
            measured.digest: f"{layer.path}/{tensor.role}"
            for (layer, tensor), measured in tensors
            if layer.path in added
        }
        places |= self.comparison.closer.others
        return {digest: place for digest, place in places.items() if digest in self.owners}

    @cached_property
    def heads(self) -> frozenset[str]:
        """Layers with weights that feed an output and no other layer with weights."""
        return _heads(self.golden.structure.layers, self.weighted)

    @cached_property
    def lacks_architecture(self) -> bool:
        """Whether weights were compared from a file without an architecture.

        Which layer its tensors belong to is then a guess, and added or removed layers are unknown.
        """
        return self.candidate.weights is not None and is_weights_only(self.candidate.structure)

    @cached_property
    def only_outputs(self) -> bool:
        """Whether structure and weights are equal, so that the outputs should be."""
        return self.comparison.only_outputs


def _heads(layers: tuple[Layer, ...], weighted: list[str]) -> frozenset[str]:
    if any(layer.calls is None for layer in layers):
        return frozenset(weighted[-1:])
    heads = set(weighted)
    feeding: set[str] = set()
    # From the last layer: what feeds a layer with weights, also through others, is no head.
    for layer in reversed(layers):
        if layer.path in heads or layer.path in feeding:
            feeding |= {source for source in layer.inbound if source != layer.path}
    return frozenset(heads - feeding)


def tensors_by_role(fingerprint: Fingerprint) -> dict[Owner, Measurement]:
    """The tensors of a fingerprint by path and role; of equal roles in one layer, the first."""
    tensors: dict[Owner, Measurement] = {}
    pairs = zip(fingerprint.structure.tensors, fingerprint.weights or (), strict=False)
    for (layer, tensor), measured in pairs:
        tensors.setdefault((layer.path, tensor.role), measured)
    return tensors


def matrices(items: Iterable[Changed]) -> list[Changed]:
    """Tensors of rank 2 and more: kernels, which identify a model better than vectors."""
    return [item for item in items if len(item.tensor.shape) > 1]


def by_layer(items: Iterable[Changed]) -> dict[str, list[Changed]]:
    """The changed tensors of each layer."""
    groups: dict[str, list[Changed]] = {}
    for item in items:
        groups.setdefault(item.layer.path, []).append(item)
    return groups


def is_constant(item: Changed) -> bool:
    """Whether the candidate's values are all equal: zeros and ones do not identify a tensor."""
    details = item.candidate.details
    return details is not None and details.statistics.constant is not None


def cosine(items: Iterable[Changed]) -> float:
    """The cosine of golden and candidate, estimated from the sketches of all tensors together.

    Unrelated tensors give 0 +- 0.18 for one tensor, less for several. The mean of a vector is
    removed first, because vectors of one sign, such as variances, would seem related.
    """
    products = ours = theirs = 0.0
    for item in items:
        if item.both is None:
            continue
        golden, candidate = map(_direction, item.both)
        if np.isfinite(golden).all() and np.isfinite(candidate).all():
            products += float(golden @ candidate)
            ours, theirs = ours + float(golden @ golden), theirs + float(candidate @ candidate)
    return products / float(np.sqrt(ours * theirs)) if ours > 0 and theirs > 0 else 0.0


def _direction(details: Details) -> Array:
    if details.profiles:
        return details.sketch
    statistics = details.statistics
    if statistics.constant is not None:
        return np.zeros_like(details.sketch)
    # A sketch is linear in the tensor.
    ones = sketch.of_array(np.ones(statistics.count, np.float32))
    return details.sketch - statistics.mean * ones
