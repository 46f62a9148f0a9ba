"""Comparing two fingerprints: pair layers, find differences, apply tolerances."""

from functools import cached_property

import msgspec

from fpcheck.codec import Value
from fpcheck.comparison.divergence import first_divergent
from fpcheck.comparison.finding import Finding, not_compared
from fpcheck.comparison.output_findings import compare_outputs
from fpcheck.comparison.pairing import Pairing, pair
from fpcheck.comparison.structure_findings import compare_structure
from fpcheck.comparison.tolerance import Tolerances
from fpcheck.comparison.weight_findings import Changed, changes, compare_weights, owned
from fpcheck.fingerprint.fingerprint import Fingerprint, TensorPlace
from fpcheck.fingerprint.outputs import Noise
from fpcheck.fingerprint.structure import REST, ROOT, Structure
from fpcheck.fingerprint.undone import Undone
from fpcheck.layout.storage_gaps import alike, assets_not_stored


class CloserLook(Value, frozen=True, eq=False):
    """What a closer look at a candidate that differs has shown; empty if there was none.

    Attributes:
        undone: by the golden's place of a tensor, the change that was recognised.
        others: by digest, the place of a tensor in the file that belongs to no layer.
        structure: of the live model, which knows its code where a file does not.
        noise: the differences of the candidate's outputs without any change.
    """

    undone: dict[TensorPlace, Undone] = msgspec.field(default_factory=dict)
    others: dict[bytes, str] = msgspec.field(default_factory=dict)
    structure: Structure | None = None
    noise: Noise | None = None


class Comparison(Value, frozen=True, eq=False, dict=True):
    """Two fingerprints and all differences between them.

    Attributes:
        golden: the reference, without what the candidate's container does not store.
        candidate: what was loaded; levels that were not measured are None.
        findings: in the order of the levels, then of the golden's layers.
        first_divergent_layer: by the golden's name; None if unknown.
        rest: layers of the golden that the candidate, a part of a model, does not contain
            completely; they are not compared.
    """

    golden: Fingerprint
    candidate: Fingerprint
    pairing: Pairing
    findings: tuple[Finding, ...]
    first_divergent_layer: str | None
    tolerances: Tolerances
    rest: tuple[str, ...] = ()
    closer_look: CloserLook = CloserLook()

    @cached_property
    def changed(self) -> list[Changed]:
        """Every paired tensor whose digest differs, in the golden's order."""
        return changes(self.golden, self.candidate, self.pairing.pairs)

    @property
    def errors(self) -> list[Finding]:
        """Findings that decide the verdict."""
        return [finding for finding in self.findings if finding.severity == "error"]

    @property
    def only_outputs(self) -> bool:
        """Whether structure and weights were compared and are equal, and outputs differ."""
        compared = self.golden.weights is not None and self.candidate.weights is not None
        return compared and {error.level for error in self.errors} == {"outputs"}


def compare_fingerprints(
    golden: Fingerprint, candidate: Fingerprint, tolerances: Tolerances
) -> Comparison:
    """Compare all levels that both sides contain, as far as both store them."""
    whole = candidate.structure
    unknown = [not_compared(ROOT, role) for role in assets_not_stored(golden, candidate)]
    golden, candidate = alike(golden, candidate)
    digests = _layer_digests(golden), _layer_digests(candidate)
    pairing = pair(golden.structure, candidate.structure, digests)
    findings = compare_structure(golden.structure, candidate.structure, pairing)
    findings += compare_weights(golden, candidate, pairing, tolerances.allowed_weights) + unknown
    findings, rest = _without_rest(findings, whole, pairing)
    if golden.outputs is not None and candidate.outputs is not None:
        allowed = tolerances.allowed_outputs(golden.outputs)
        findings += compare_outputs(golden.outputs, candidate.outputs, allowed)
    first = None  # without errors: activations may have infinities that do not reach the outputs
    if any(finding.severity == "error" for finding in findings):
        first = first_divergent(golden, candidate, pairing, findings, tolerances)
    return Comparison(golden, candidate, pairing, tuple(findings), first, tolerances, rest)


def _without_rest(
    findings: list[Finding], candidate: Structure, pairing: Pairing
) -> tuple[list[Finding], tuple[str, ...]]:
    """The findings on the part of a model that a file contains, and the layers it lacks."""
    if REST not in candidate.not_stored:
        return findings, ()
    rest: dict[str, None] = {}
    kept = []
    for finding in findings:
        missing = finding.code in ("tensor-missing", "layer-removed")
        path = finding.layer if missing else None
        if path is not None and pairing.to_candidate.get(path, path) in candidate.by_path:
            rest[path] = None
        else:
            kept.append(finding)
    return kept, tuple(rest)


def _layer_digests(fingerprint: Fingerprint) -> dict[str, tuple[bytes, ...]]:
    """By path, the digests of a layer's tensors."""
    digests: dict[str, tuple[bytes, ...]] = {}
    for (path, _), measured in owned(fingerprint):
        digests[path] = (*digests.get(path, ()), measured.digest)
    return digests
