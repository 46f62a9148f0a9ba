"""What rules look at: a comparison, with all that several of them ask of it worked out once."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property

import numpy as np

from fpcheck.codec import Array, Value
from fpcheck.comparison.compare import Comparison
from fpcheck.comparison.finding import Finding
from fpcheck.comparison.pairing import Pair
from fpcheck.comparison.weight_findings import Changed
from fpcheck.fingerprint import sketch
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.measurement import Details, Measurement
from fpcheck.fingerprint.structure import Layer, Structure
from fpcheck.fingerprint.undone import Undone
from fpcheck.layout.placement import is_weights_only

# As (path of a layer, role of a tensor).
Owner = tuple[str, str]


class Neighbour(Value, frozen=True, eq=False):
    """Another golden in reach, read as a whole only where it may explain something.

    Attributes:
        label: `name@version`.
        content_id: as text; None where it holds no weights.
        shape: the digest of its structure without names, as text.
        parameters: how many values its tensors hold.
        load: reads the rest; FpcheckError where it is damaged.
        relation: what it is to the golden that is compared with, if it is another version of it.
    """

    label: str
    content_id: str | None
    shape: str
    parameters: int
    load: Callable[[], Fingerprint]
    relation: str = ""


# Asked for only after a mismatch.
Neighbours = Callable[[], Iterator[Neighbour]]


def nobody() -> Iterator[Neighbour]:
    """No other golden is in reach."""
    return iter(())


class Case:
    """A comparison under diagnosis.

    Rules come in order, certain ones first. What a rule explains it claims, and later rules see
    what is left: so a proof needs no guess beside it.

    Args:
        comparison: what differs.
        neighbours: other goldens.
        reference: what sentences call the side that is compared with: `golden`, or `first` of two.
    """

    def __init__(
        self, comparison: Comparison, neighbours: Neighbours = nobody, reference: str = "golden"
    ) -> None:
        self.comparison = comparison
        self.reference = reference
        # As in "the golden values", "the first's values".
        self.whose = reference if reference == "golden" else f"{reference}'s"
        self.golden = comparison.golden
        self.candidate = comparison.candidate
        self.pairing = comparison.pairing
        self.errors = comparison.errors
        self._read: list[Neighbour] = []
        self._unread = neighbours()
        self._claimed: set[tuple[str, int]] = set()
        self._told: set[int] = set()

    def neighbours(self) -> Iterator[Neighbour]:
        """Other goldens, other versions of this one first; each is read once, when asked for."""
        place = 0
        while True:
            if place == len(self._read):
                following = next(self._unread, None)
                if following is None:
                    return
                self._read.append(following)
            yield self._read[place]
            place += 1

    @cached_property
    def changed(self) -> list[Changed]:
        """Changed tensors that decide the verdict, in the golden's order."""
        errors = {(f.layer, f.tensor) for f in self.errors if f.level == "weights"}
        found = self.comparison.changed
        return [i for i in found if (i.layer.path, i.tensor.role) in errors]

    @property
    def left(self) -> list[Changed]:
        """Changed tensors that no rule has claimed, derived state left out."""
        return [i for i in self.changed if i.place not in self._claimed and not i.tensor.derived]

    def claim(self, items: Iterable[Changed]) -> None:
        """These are explained."""
        self._claimed.update(item.place for item in items)

    def undone(self, item: Changed) -> Undone | None:
        """What a closer look has shown of a tensor."""
        return self.comparison.closer.undone.get(item.place)

    def paired_with(self, structure: Structure) -> Iterator[tuple[Pair, Layer]]:
        """Each pair with its layer in another reading of the candidate, such as the live one."""
        for pair in self.pairing.pairs:
            now = structure.by_path.get(pair.candidate.path)
            if now is not None:
                yield pair, now

    @property
    def layers(self) -> Mapping[str, Layer]:
        """The golden's layers by path."""
        return self.golden.structure.by_path

    @cached_property
    def weighted(self) -> list[str]:
        """Layers of the golden with weights of their own, as far as they were compared."""
        own = (la.path for la in self.golden.structure.layers if la.stored)
        return [path for path in own if path not in self.comparison.rest]

    def are_all(self, layers: list[str]) -> bool:
        """Whether these are all layers with weights; of a part of a model it is not known."""
        return len(layers) == len(self.weighted) and not self.comparison.rest

    @cached_property
    def owners(self) -> Mapping[bytes, list[Owner]]:
        """Where the golden holds a tensor of a digest; constants say nothing, and are left out."""
        found: dict[bytes, list[Owner]] = {}
        weights = self.golden.weights or ()
        for (layer, tensor), held in zip(self.golden.structure.tensors, weights, strict=True):
            if held.details is None or held.details.statistics.constant is None:
                found.setdefault(held.digest, []).append((layer.path, tensor.role))
        return found

    @cached_property
    def held(self) -> Mapping[Owner, Measurement]:
        """What the golden holds, by path and role."""
        return held_by_role(self.golden)

    @cached_property
    def elsewhere(self) -> Mapping[bytes, str]:
        """By digest, what the candidate holds where the golden has nothing, and its place.

        Constants are left out: the momentum of a bias is all zeros, and so are many biases.
        """
        added = {layer.path for layer in self.pairing.added}
        pairs = zip(self.candidate.structure.tensors, self.candidate.weights or (), strict=False)
        found = {m.digest: f"{la.path}/{t.role}" for (la, t), m in pairs if la.path in added}
        found |= self.comparison.closer.others
        return {own: place for own, place in found.items() if own in self.owners}

    @cached_property
    def heads(self) -> frozenset[str]:
        """Weighted layers after which no other weighted layer comes on the way to an output."""
        return _heads(self.golden.structure.layers, self.weighted)

    def found(self, *codes: str) -> list[Finding]:
        """Errors of some codes that no rule has told."""
        return [f for f in self.errors if f.code in codes and id(f) not in self._told]

    def tell(self, findings: Iterable[Finding]) -> None:
        """These are told: later rules need not tell them again."""
        self._told.update(id(finding) for finding in findings)

    @cached_property
    def bare(self) -> bool:
        """Whether weights were compared of a file that names no architecture.

        Where its tensors belong is then a guess, and no layer is known to be added or removed.
        """
        return self.candidate.weights is not None and is_weights_only(self.candidate.structure)

    @cached_property
    def only_outputs(self) -> bool:
        """Whether structure and weights agree, so that the outputs should."""
        return self.comparison.only_outputs


def _heads(layers: tuple[Layer, ...], weighted: list[str]) -> frozenset[str]:
    if any(layer.calls is None for layer in layers):
        return frozenset(weighted[-1:])
    own = set(weighted)
    feeding: set[str] = set()
    # The last layer first: what feeds a weighted layer, through layers without weights, is no head.
    for layer in reversed(layers):
        if layer.path in own or layer.path in feeding:
            feeding |= {source for source in layer.inbound if source != layer.path}
    return frozenset(own - feeding)


def held_by_role(fingerprint: Fingerprint) -> dict[Owner, Measurement]:
    """The tensors of a fingerprint by path and role; of equal roles in one layer, the first."""
    found: dict[Owner, Measurement] = {}
    pairs = zip(fingerprint.structure.tensors, fingerprint.weights or (), strict=False)
    for (layer, tensor), measured in pairs:
        found.setdefault((layer.path, tensor.role), measured)
    return found


def matrices(items: Iterable[Changed]) -> list[Changed]:
    """Those of rank 2 and more: kernels, which tell whose values they are better than vectors."""
    return [item for item in items if len(item.tensor.shape) > 1]


def by_layer(items: Iterable[Changed]) -> dict[str, list[Changed]]:
    """Changed tensors of each layer."""
    found: dict[str, list[Changed]] = {}
    for item in items:
        found.setdefault(item.layer.path, []).append(item)
    return found


def is_constant(item: Changed) -> bool:
    """Zeros and ones are everywhere: they say nothing of whose they are."""
    details = item.candidate.details
    return details is not None and details.statistics.constant is not None


def cosine(items: Iterable[Changed]) -> float:
    """The cosine of golden and candidate, estimated from sketches over all tensors together.

    Of unrelated tensors it is about 0 +- 0.18 for one, less for several. Vectors count without
    their mean: those of one sign, such as variances, else go together by chance.
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
    figures = details.statistics
    if figures.constant is not None:
        return np.zeros_like(details.sketch)
    # A sketch is linear in the tensor.
    return details.sketch - figures.mean * sketch.of_array(np.ones(figures.count, np.float32))
