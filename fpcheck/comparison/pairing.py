"""Which layer of the candidate corresponds to which layer of the golden."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from difflib import SequenceMatcher
from functools import cached_property

from fpcheck.codec import Value, canonical_json
from fpcheck.fingerprint.layer_names import stable_paths, stem
from fpcheck.fingerprint.structure import USED, Layer, Structure, Tensor, layer_key

# Of golden and candidate, by the path of a layer, the digests of its tensors.
LayerDigests = Mapping[str, tuple[bytes, ...]]
Digests = tuple[LayerDigests, LayerDigests]
NO_DIGESTS: Digests = ({}, {})
Key = bytes | tuple[bytes, ...]
Matches = list[tuple[Tensor, Tensor | None]]


class Pair(Value, frozen=True, dict=True):
    """A layer of the golden and the corresponding layer of the candidate.

    The digests are those of the tensors of both, in order, where they are known.
    """

    golden: Layer
    candidate: Layer
    digests: tuple[tuple[bytes, ...], tuple[bytes, ...]] = ((), ())

    @cached_property
    def tensors(self) -> Matches:
        """Each of the golden's tensors with the candidate's tensor of the same role or index.

        If one side has no roles and one lacks tensors, an index may belong to another tensor. Then
        tensors are matched by digest, by shape in order, and at last by index. State that is
        derived from other state is matched by its role; see `unknown`.
        """
        derived = {t.role: t for t in self.candidate.tensors if t.derived}
        return self.stored + [
            (t, derived.get(t.role))
            for t in self.golden.tensors
            if t.derived and t.role not in self.candidate.not_stored
        ]

    @property
    def added(self) -> list[Tensor]:
        """The candidate's tensors that correspond to none of the golden's."""
        matched = {other.index for _, other in self.tensors if other is not None}
        return [
            t
            for t in self.candidate.tensors
            if t.index not in matched and not (t.derived and t.role in self.golden.not_stored)
        ]

    @property
    def unknown(self) -> list[str]:
        """Roles of derived state that one side has and the other side's container leaves out."""
        sides = (self.golden, self.candidate)
        roles: set[str] = set()
        for layer, other in (sides, sides[::-1]):
            known = () if layer.custom else layer.not_stored  # a custom layer may have any, or none
            derived = (t.role for t in layer.tensors if t.derived)
            roles |= {*known, *derived} & {*other.not_stored}
        # Keras computes the statistics of a `Normalization`, when it loads, from what is compared:
        # its weights, or a part of its configuration.
        computed = all("mean" in (side.config or {}) or side.stored for side in sides)
        return sorted(role for role in roles if not (computed and role.startswith(USED)))

    @property
    def stored(self) -> Matches:
        """The same as `tensors`, for weights alone."""
        golden, candidate = self.golden.stored, self.candidate.stored
        # A file may give indices of which some are missing.
        numbered = all(tensor.number is not None for tensor in candidate)
        if len(golden) == len(candidate):
            roles = [t.role for t in golden]
            if sorted(roles) != sorted(t.role for t in candidate) or len(set(roles)) < len(roles):
                return list(zip(golden, candidate, strict=True))
        elif (_lacks_roles(golden) and not numbered) or _lacks_roles(candidate):
            return self._match_in_order(golden, candidate)
        by_role = {t.role: t for t in candidate}
        return [(t, by_role.get(t.role)) for t in golden]

    def _match_in_order(self, golden: Sequence[Tensor], candidate: Sequence[Tensor]) -> Matches:
        matches: dict[int, int] = {}
        # Weights come first, then derived state.
        digests = self.digests[0][: len(golden)], self.digests[1][: len(candidate)]
        shapes = tuple([(t.shape, t.dtype) for t in side] for side in (golden, candidate))
        anything = [None] * len(golden), [None] * len(candidate)
        for left, right in (digests, shapes, anything):
            free = [index for index in range(len(right)) if index not in matches.values()]
            for index, key in enumerate(left if right else ()):
                equal = next((n for n in free if right[n] == key), None)
                if index not in matches and equal is not None:
                    matches[index] = equal
                    free.remove(equal)
        return [(t, candidate[matches[n]] if n in matches else None) for n, t in enumerate(golden)]


def _lacks_roles(tensors: Sequence[Tensor]) -> bool:
    """Whether tensors have indices instead of roles."""
    return all(tensor.number == place for place, tensor in enumerate(tensors))


class Pairing(Value, frozen=True, dict=True):
    """All pairs, in the golden's order, and the layers that only golden or only candidate has.

    `how` says what they were paired by: `place`, `name` or `content`.
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
        """Pairs whose names differ by more than the running numbers of Keras."""
        in_golden = stable_paths(pair.golden.path for pair in self.pairs)
        in_candidate = stable_paths(pair.candidate.path for pair in self.pairs)
        return [p for p in self.pairs if in_golden[p.golden.path] != in_candidate[p.candidate.path]]


def pair(golden: Structure, candidate: Structure, digests: Digests = NO_DIGESTS) -> Pairing:
    """Pair the layers of two structures.

    Structures that are equal except for names are paired by place, unless the same names have
    changed places. Others are paired by name, if most equal names belong to similar layers.
    Otherwise they are paired by content: layers with equal weights first, where their digests are
    known, then, between these, layers of equal configuration. Layers of one class that remain
    between two pairs were modified.
    """
    if golden.shape_key == candidate.shape_key and (
        not _names_moved(golden, candidate) or _only_numbers_moved(golden, candidate, digests)
    ):
        pairs = zip(golden.layers, candidate.layers, strict=True)
        return Pairing(tuple(_pair(g, c, digests) for g, c in pairs), (), (), "place")
    by_name = _match_by_name(golden, candidate)
    matched = by_name or _match_by_digests(golden, candidate, digests)
    matched |= _match_between(golden, candidate, matched, signature)
    used = set(matched.values())
    left = [layer for layer in golden.layers if layer.path not in matched]
    right = [layer for layer in candidate.layers if layer.path not in used]
    matched |= _match_by_key(left, right, signature)
    matched |= _match_between(golden, candidate, matched, lambda la: la.class_name.encode())
    used = set(matched.values())
    paired = (layer for layer in golden.layers if layer.path in matched)
    return Pairing(
        tuple(_pair(la, candidate.by_path[matched[la.path]], digests) for la in paired),
        tuple(layer for layer in golden.layers if layer.path not in matched),
        tuple(layer for layer in candidate.layers if layer.path not in used),
        "name" if by_name else "content",
    )


def _pair(golden: Layer, candidate: Layer, digests: Digests) -> Pair:
    was, now = digests
    return Pair(golden, candidate, (was.get(golden.path, ()), now.get(candidate.path, ())))


def _names_moved(golden: Structure, candidate: Structure) -> bool:
    """Whether both have the same names, in another order."""
    sides = (golden.layers, candidate.layers)
    was, now = ([*stable_paths(la.path for la in layers).values()] for layers in sides)
    return was != now and set(was) == set(now)


def _only_numbers_moved(golden: Structure, candidate: Structure, digests: Digests) -> bool:
    """Whether names differ by running numbers alone, and each place has the same weights."""
    in_golden, in_candidate = digests
    pairs = list(zip(golden.layers, candidate.layers, strict=False))
    equal = all(in_golden.get(g.path) == in_candidate.get(c.path) for g, c in pairs)
    return bool(in_golden) and equal and all(stem(g.path) == stem(c.path) for g, c in pairs)


def signature(layer: Layer) -> bytes:
    """What a layer is, without its name and its inputs."""
    _, class_name, dtype, config, _, tensors = layer_key(layer, {})
    own = None if config is None or "outputs" in config else config
    return canonical_json([class_name, dtype, own, tensors])


def _match_by_name(golden: Structure, candidate: Structure) -> dict[str, str]:
    """Equal names; none if most of them belong to other layers, as when running numbers change."""
    named = candidate.by_path
    shared = [layer for layer in golden.layers if layer.path in named]
    same_class = sum(layer.class_name == named[layer.path].class_name for layer in shared)
    equal = sum(signature(layer) == signature(named[layer.path]) for layer in shared)
    renumbered = equal < len(_match_by_key(golden.layers, candidate.layers, signature)) / 2
    if renumbered or 2 * same_class < len(shared):
        return {}
    return {layer.path: layer.path for layer in shared}


def _match_by_digests(golden: Structure, candidate: Structure, digests: Digests) -> dict[str, str]:
    """Layers with the same weights, in order; weights that several layers have are ignored."""
    in_golden, in_candidate = digests
    once = ({key for key, n in Counter(d.values()).items() if n == 1 and key} for d in digests)
    unique = set.intersection(*once)
    left = [layer for layer in golden.layers if in_golden.get(layer.path) in unique]
    right = [layer for layer in candidate.layers if in_candidate.get(layer.path) in unique]
    keys = [in_golden[la.path] for la in left], [in_candidate[la.path] for la in right]
    return _match_in_order(left, right, *keys)


def _match_between(
    golden: Structure, candidate: Structure, matched: dict[str, str], key: Callable[[Layer], bytes]
) -> dict[str, str]:
    """Layers with equal keys that remain between the same two pairs."""
    golden_gaps = _gaps(golden.layers, matched)
    candidate_gaps = _gaps(candidate.layers, {path: path for path in matched.values()})
    matches: dict[str, str] = {}
    for before, left in golden_gaps.items():
        matches |= _match_by_key(left, candidate_gaps.get(before, []), key)
    return matches


def _gaps(layers: Sequence[Layer], matched: dict[str, str]) -> dict[str, list[Layer]]:
    """Layers without a match, by the candidate's path of the last matched layer before them."""
    gaps: dict[str, list[Layer]] = {}
    before = ""
    for layer in layers:
        if layer.path in matched:
            before = matched[layer.path]
        else:
            gaps.setdefault(before, []).append(layer)
    return gaps


def _match_by_key(
    left: Sequence[Layer], right: Sequence[Layer], key: Callable[[Layer], bytes]
) -> dict[str, str]:
    """Layers with equal keys, in order."""
    return _match_in_order(left, right, [key(la) for la in left], [key(la) for la in right])


def _match_in_order(
    left: Sequence[Layer], right: Sequence[Layer], a: Sequence[Key], b: Sequence[Key]
) -> dict[str, str]:
    """The longest common subsequence of the keys."""
    matcher = SequenceMatcher(None, a, b, autojunk=False)
    return {
        left[block.a + i].path: right[block.b + i].path
        for block in matcher.get_matching_blocks()
        for i in range(block.size)
    }
