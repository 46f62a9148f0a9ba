"""Which layer of the candidate stands for which layer of the golden."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from difflib import SequenceMatcher
from functools import cached_property

from fpcheck.codec import Value, canonical_json
from fpcheck.fingerprint.layer_names import stable_paths, stem
from fpcheck.fingerprint.structure import (
    USED,
    Layer,
    Structure,
    Tensor,
    layer_key,
)

# By the path of a layer, the digests of its tensors.
Held = Mapping[str, tuple[bytes, ...]]
Digests = tuple[Held, Held]
NO_DIGESTS: Digests = ({}, {})
Key = bytes | tuple[bytes, ...]


class Pair(Value, frozen=True):
    """A layer of the golden and the layer of the candidate that stands for it.

    Attributes:
        golden: the golden's layer.
        candidate: the candidate's.
        digests: of the tensors of both, in order, where they are known.
    """

    golden: Layer
    candidate: Layer
    digests: tuple[tuple[bytes, ...], tuple[bytes, ...]] = ((), ())

    @property
    def tensors(self) -> list[tuple[Tensor, Tensor | None]]:
        """Each of the golden's tensors with the candidate's of the same role, or place.

        Where one side tells no roles and one lacks tensors, a place may be that of another tensor:
        equal digests come first, then, in order, equal shapes, then what is left. State that
        follows from other state goes by its role; see `unknown`.
        """
        derived = {t.role: t for t in self.candidate.tensors if t.derived}
        return self.stored + [
            (t, derived.get(t.role))
            for t in self.golden.tensors
            if t.derived and t.role not in self.candidate.untold
        ]

    @property
    def added(self) -> list[Tensor]:
        """The candidate's tensors that stand for none of the golden's."""
        known = {other.index for _, other in self.tensors if other is not None}
        return [
            t for t in self.candidate.tensors
            if t.index not in known and not (t.derived and t.role in self.golden.untold)
        ]  # fmt: skip

    @property
    def unknown(self) -> list[str]:
        """Roles of derived state that a side has and that some container leaves out."""
        sides = (self.golden, self.candidate), (self.candidate, self.golden)
        had = {
            role
            for layer, other in sides
            for role in (*_lacking(layer), *(t.role for t in layer.tensors if t.derived))
            if role in other.untold
        }
        return sorted(role for role in had if not self.follows(role))

    def follows(self, role: str) -> bool:
        """Whether derived state follows from what is compared: Keras makes it when it loads.

        The statistics of a `Normalization` are its weights, or stand in its configuration.
        """
        sides = (self.golden, self.candidate)
        told = all("mean" in (side.config or {}) or side.stored for side in sides)
        return role.startswith(USED) and told

    @property
    def stored(self) -> list[tuple[Tensor, Tensor | None]]:
        """The same as `tensors`, of weights alone."""
        ours, theirs = self.golden.stored, self.candidate.stored
        if len(ours) == len(theirs):
            roles = [t.role for t in ours]
            if sorted(roles) != sorted(t.role for t in theirs) or len(set(roles)) < len(roles):
                return list(zip(ours, theirs, strict=True))
        elif (_nameless(ours) and not _numbered(theirs)) or _nameless(theirs):
            return self._in_order(ours, theirs)
        by_role = {t.role: t for t in theirs}
        return [(t, by_role.get(t.role)) for t in ours]

    def _in_order(
        self, ours: Sequence[Tensor], theirs: Sequence[Tensor]
    ) -> list[tuple[Tensor, Tensor | None]]:
        found: dict[int, int] = {}
        # Derived state stands behind the weights.
        digests = self.digests[0][: len(ours)], self.digests[1][: len(theirs)]
        shapes = tuple([(t.shape, t.dtype) for t in side] for side in (ours, theirs))
        places = [None] * len(ours), [None] * len(theirs)
        for left, right in (digests, shapes, places):
            free = [n for n in range(len(right)) if n not in found.values()]
            for place, key in enumerate(left if right else ()):
                same = next((n for n in free if right[n] == key), None)
                if place not in found and same is not None:
                    found[place] = same
                    free.remove(same)
        return [(t, theirs[found[n]] if n in found else None) for n, t in enumerate(ours)]


def _lacking(layer: Layer) -> tuple[str, ...]:
    """State that a layer is known to have; a custom one may have any, and need not."""
    return () if layer.custom else layer.untold


def _nameless(tensors: Sequence[Tensor]) -> bool:
    """Whether only their places are known."""
    return all(tensor.number == place for place, tensor in enumerate(tensors))


def _numbered(tensors: Sequence[Tensor]) -> bool:
    """Whether a file told their places, some of which it lacks."""
    return all(tensor.number is not None for tensor in tensors)


class Pairing(Value, frozen=True, dict=True):
    """All pairs, in the golden's order, and what is left over on either side.

    Attributes:
        pairs: layers that belong together.
        removed: layers of the golden that the candidate lacks.
        added: layers of the candidate that the golden lacks.
        how: what they were paired by: `place`, `name` or `content`.
    """

    pairs: tuple[Pair, ...]
    removed: tuple[Layer, ...]
    added: tuple[Layer, ...]
    how: str

    @cached_property
    def to_candidate(self) -> dict[str, str]:
        """Path in the golden to path in the candidate."""
        return {pair.golden.path: pair.candidate.path for pair in self.pairs}

    @cached_property
    def to_golden(self) -> dict[str, str]:
        """Path in the candidate to path in the golden."""
        return {pair.candidate.path: pair.golden.path for pair in self.pairs}

    @property
    def renamed(self) -> list[Pair]:
        """Pairs whose names differ by more than the running numbers of the framework."""
        ours = stable_paths(pair.golden.path for pair in self.pairs)
        theirs = stable_paths(pair.candidate.path for pair in self.pairs)
        return [p for p in self.pairs if ours[p.golden.path] != theirs[p.candidate.path]]


def pair(golden: Structure, candidate: Structure, digests: Digests = NO_DIGESTS) -> Pairing:
    """Pair two structures.

    Where all but names is equal, by place: names then say nothing, unless the same names stand in
    other places. Else by name, as long as names are a good guide, and else by content: layers with
    equal weights first, then, between these, layers of equal configuration. What is left between
    two pairs and is of one class was modified there.

    Args:
        golden: the reference.
        candidate: what stands for it.
        digests: of both, by the path of a layer, those of its tensors, where they are known.
    """
    if golden.shape_key == candidate.shape_key and (
        not _permuted(golden, candidate) or _renumbered(golden, candidate, digests)
    ):
        pairs = zip(golden.layers, candidate.layers, strict=True)
        return Pairing(tuple(_pair(g, c, digests) for g, c in pairs), (), (), "place")
    by_name = _by_name(golden, candidate)
    matched = by_name or _by_digests(golden, candidate, digests)
    for key in (signature, _kind):
        matched = matched | _between(golden, candidate, matched, key)
        left = [layer for layer in golden.layers if layer.path not in matched]
        taken = set(matched.values())
        right = [layer for layer in candidate.layers if layer.path not in taken]
        if key is signature:
            matched = matched | _aligned(left, right, key)
    places = candidate.by_path
    used = set(matched.values())
    return Pairing(
        pairs=tuple(
            _pair(layer, places[matched[layer.path]], digests)
            for layer in golden.layers
            if layer.path in matched
        ),
        removed=tuple(layer for layer in golden.layers if layer.path not in matched),
        added=tuple(layer for layer in candidate.layers if layer.path not in used),
        how="name" if by_name else "content",
    )


def _pair(golden: Layer, candidate: Layer, digests: Digests) -> Pair:
    ours, theirs = digests
    return Pair(golden, candidate, (ours.get(golden.path, ()), theirs.get(candidate.path, ())))


def _permuted(golden: Structure, candidate: Structure) -> bool:
    ours = stable_paths(layer.path for layer in golden.layers).values()
    theirs = stable_paths(layer.path for layer in candidate.layers).values()
    return list(ours) != list(theirs) and set(ours) == set(theirs)


def _renumbered(golden: Structure, candidate: Structure, digests: Digests) -> bool:
    """Whether only running numbers changed places, and each place holds the weights it did."""
    ours, theirs = digests
    pairs = list(zip(golden.layers, candidate.layers, strict=False))
    held = all(ours.get(g.path) == theirs.get(c.path) for g, c in pairs)
    return bool(ours) and held and all(stem(g.path) == stem(c.path) for g, c in pairs)


def signature(layer: Layer) -> bytes:
    """What a layer is, without its name and without what feeds it."""
    _, class_name, dtype, config, _, tensors = layer_key(layer, {})
    shown = None if config is None or "outputs" in config else config
    return canonical_json([class_name, dtype, shown, tensors])


def _by_name(golden: Structure, candidate: Structure) -> dict[str, str]:
    """Equal names, unless they mostly stand for other things (running numbers that drifted)."""
    theirs = candidate.by_path
    shared = [layer for layer in golden.layers if layer.path in theirs]
    same_class = sum(layer.class_name == theirs[layer.path].class_name for layer in shared)
    agreeing = sum(signature(layer) == signature(theirs[layer.path]) for layer in shared)
    drifted = agreeing < len(_aligned(golden.layers, candidate.layers, signature)) / 2
    if drifted or 2 * same_class < len(shared):
        return {}
    return {layer.path: layer.path for layer in shared}


def _by_digests(golden: Structure, candidate: Structure, digests: Digests) -> dict[str, str]:
    """Layers that hold the same weights, kept in order; weights that many hold say nothing."""
    ours, theirs = digests
    held = Counter(ours.values()), Counter(theirs.values())

    def telling(layers: Sequence[Layer], own: Held) -> list[Layer]:
        return [la for la in layers if (d := own.get(la.path)) and held[0][d] == held[1][d] == 1]

    left, right = telling(golden.layers, ours), telling(candidate.layers, theirs)
    keys = [ours[la.path] for la in left], [theirs[la.path] for la in right]
    return _common(left, right, *keys)


def _between(
    golden: Structure, candidate: Structure, matched: dict[str, str], key: Callable[[Layer], bytes]
) -> dict[str, str]:
    """Layers with equal keys that are left between the same two pairs."""
    gaps = _gaps(golden.layers, matched), _gaps(candidate.layers, {v: v for v in matched.values()})
    found: dict[str, str] = {}
    for before, left in gaps[0].items():
        found |= _aligned(left, gaps[1].get(before, []), key)
    return found


def _gaps(layers: Sequence[Layer], matched: dict[str, str]) -> dict[str, list[Layer]]:
    """Layers that are not matched, by the candidate's path of the last one before that is."""
    found: dict[str, list[Layer]] = {}
    before = ""
    for layer in layers:
        if layer.path in matched:
            before = matched[layer.path]
        else:
            found.setdefault(before, []).append(layer)
    return found


def _aligned(
    left: Sequence[Layer], right: Sequence[Layer], key: Callable[[Layer], bytes]
) -> dict[str, str]:
    """Layers with equal keys, kept in order: the longest common subsequence."""
    return _common(left, right, [key(la) for la in left], [key(la) for la in right])


def _common(
    left: Sequence[Layer], right: Sequence[Layer], ours: Sequence[Key], theirs: Sequence[Key]
) -> dict[str, str]:
    matcher = SequenceMatcher(None, ours, theirs, autojunk=False)
    return {
        left[block.a + i].path: right[block.b + i].path
        for block in matcher.get_matching_blocks()
        for i in range(block.size)
    }


def _kind(layer: Layer) -> bytes:
    return layer.class_name.encode()
