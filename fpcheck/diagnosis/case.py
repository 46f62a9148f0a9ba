"""What a rule gets and gives: a comparison under diagnosis, and the diagnoses that explain it."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cached_property
from itertools import tee

from fpcheck.codec import Value
from fpcheck.comparison.compare import Comparison
from fpcheck.comparison.finding import Finding as Finding
from fpcheck.comparison.pairing import Pair
from fpcheck.comparison.weight_findings import Changed as Changed
from fpcheck.comparison.weight_findings import Owner, owned
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.measurement import Measurement
from fpcheck.fingerprint.structure import Layer, Structure
from fpcheck.fingerprint.undone import Undone
from fpcheck.layout.placement import is_weights_only
from fpcheck.report.result import Diagnosis
from fpcheck.wording import some as some

# What a rule yields, and a rule.
Diagnoses = Iterator[Diagnosis]
Rule = Callable[["Case"], Diagnoses]
# More lines of evidence are counted; one more is shown, which takes no more space than its count.
MOST_LINES = 5


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
    """A comparison under diagnosis; the arguments are those of `diagnose`.

    Rules run in order, the certain ones first. A rule marks what it explains, and later rules see
    only the rest. A proof therefore makes guesses about the same tensor unnecessary.
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
        # Structure and weights are equal, so that the outputs should be.
        self.only_outputs = comparison.only_outputs
        # The golden's layers by path.
        self.layers = comparison.golden.structure.by_path
        self._neighbours = neighbours()
        self._explained: set[int] = set()

    def neighbours(self) -> Iterator[Neighbour]:
        """Other goldens, other versions of this one first; each head is read once, when needed."""
        self._neighbours, neighbours = tee(self._neighbours)
        return neighbours

    def unexplained(self, *codes: str) -> list[Finding]:
        """Errors with these codes that no rule has explained."""
        return [f for f in self.errors if f.code in codes and id(f) not in self._explained]

    @property
    def unexplained_tensors(self) -> list[Changed]:
        """Changed tensors that no rule has explained, without derived state."""
        return [i for i in self.changed if not i.tensor.derived and id(i) not in self._explained]

    def explain(self, items: Iterable[Finding | Changed]) -> None:
        """Mark findings or changed tensors, which live as long as the case, as explained."""
        self._explained.update(map(id, items))

    @cached_property
    def changed(self) -> list[Changed]:
        """Changed tensors that decide the verdict, in the golden's order."""
        errors = {(f.layer, f.tensor) for f in self.errors if f.level == "weights"}
        return [item for item in self.comparison.changed if item.owner in errors]

    def undone(self, item: Changed) -> Undone | None:
        """The change that, undone, gives the golden's tensor; None where none was recognised."""
        return self.comparison.closer_look.undone.get(item.place)

    def pairs_with(self, structure: Structure | None) -> Iterator[tuple[Pair, Layer]]:
        """Each pair with its layer in another structure of the candidate, such as the live one."""
        layers = structure.by_path if structure else {}
        for pair in self.pairing.pairs:
            if pair.candidate.path in layers:
                yield pair, layers[pair.candidate.path]

    @cached_property
    def weighted(self) -> list[str]:
        """Compared layers of the golden that have weights of their own."""
        paths = (layer.path for layer in self.golden.structure.layers if layer.stored)
        return [path for path in paths if path not in self.comparison.rest]

    @cached_property
    def owners(self) -> Mapping[bytes, list[Owner]]:
        """By digest, the golden's tensors. Constants, which prove nothing, are left out."""
        owners: dict[bytes, list[Owner]] = {}
        for owner, measured in owned(self.golden):
            if measured.details is None or measured.details.statistics.constant is None:
                owners.setdefault(measured.digest, []).append(owner)
        return owners

    @cached_property
    def golden_tensors(self) -> Mapping[Owner, Measurement]:
        """The golden's tensors; of equal roles in one layer, the first."""
        return dict(reversed([*owned(self.golden)]))

    def digest(self, path: str, role: str) -> bytes | None:
        """The digest of a golden tensor; None if there is none."""
        golden = self.golden_tensors.get((path, role))
        return golden.digest if golden is not None else None

    @cached_property
    def elsewhere(self) -> Mapping[bytes, str]:
        """By digest, where the candidate has a golden tensor outside the golden's layers.

        Constants are left out: the momentum of a bias is all zeros, and so are many biases.
        """
        added = {layer.path for layer in self.pairing.added}
        tensors = ((owner, own) for owner, own in owned(self.candidate) if owner[0] in added)
        places = {measured.digest: "/".join(owner) for owner, measured in tensors}
        places |= self.comparison.closer_look.others
        return {digest: place for digest, place in places.items() if digest in self.owners}

    @property
    def lacks_architecture(self) -> bool:
        """Whether weights were compared from a file without an architecture.

        Which layer its tensors belong to is then a guess, and added or removed layers are unknown.
        """
        return self.candidate.weights is not None and is_weights_only(self.candidate.structure)

    def name_layers(self, layers: Collection[str]) -> str:
        """A few names, or `all layers` where these are all layers with weights of a whole model."""
        whole = len(layers) == len(self.weighted) and not self.comparison.rest
        return "all layers" if whole else some(layers)

    def or_allow(self, row: str) -> str:
        """`, or allow it: --tolerance float16`; empty for `diff`, which has no such option."""
        return f", or allow it: --tolerance {row}" if self.reference == "golden" else ""

    def or_choose(self, label: str) -> str:
        """`: --golden NAME` makes advice on another golden a command; ` (NAME)` for `diff`."""
        return f": --golden {label}" if self.reference == "golden" else f" ({label})"


def diagnosis(
    code: str,
    layers: Iterable[str | None],
    summary: str,
    evidence: Iterable[str],
    advice: str,
    confidence: float = 1.0,
) -> Diagnosis:
    """A diagnosis that names each layer once and shows the first lines of its evidence.

    The layers are paths in the golden; None is left out. The summary is a sentence that says what
    happened, and where. A proof has the confidence 1.0.
    """
    names = list(dict.fromkeys(path for path in layers if path))
    lines = list(evidence)
    more = len(lines) - MOST_LINES
    shown = lines if more <= 1 else [*lines[:MOST_LINES], f"and {more} more"]
    return Diagnosis(code, names, confidence, summary, shown, advice)


def diagnose_tensors(
    case: Case,
    code: str,
    reason: Callable[[Changed], str | None],
    summary: str,
    advice: str,
    confidence: float = 1.0,
) -> Diagnoses:
    """One diagnosis for all unexplained tensors for which a rule has a reason: its evidence.

    In the summary `{names}` stands for the tensors, `{reference}` for the golden.
    """
    reasons = [(item, text) for item in case.unexplained_tensors if (text := reason(item))]
    if reasons:
        items = [item for item, _ in reasons]
        case.explain(items)
        names = some(item.name for item in items)
        summary = summary.format(names=names, reference=case.reference)
        evidence = [f"{item.name}: {text}" for item, text in reasons]
        yield diagnosis(code, by_layer(items), summary, evidence, advice, confidence)


def by_layer(items: Iterable[Changed]) -> dict[str, list[Changed]]:
    """The changed tensors of each layer."""
    groups: dict[str, list[Changed]] = {}
    for item in items:
        groups.setdefault(item.layer.path, []).append(item)
    return groups


def count(number: int, word: str) -> str:
    """`1 layer`, `3 layers`."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
