"""Comparing one fingerprint with another: pair, compare, tolerate, judge."""

from functools import cached_property

import msgspec

from fpcheck.codec import Value
from fpcheck.comparison.divergence import first_divergent
from fpcheck.comparison.finding import Finding
from fpcheck.comparison.output_findings import compare_outputs
from fpcheck.comparison.pairing import Pairing, pair
from fpcheck.comparison.structure_findings import compare_structure
from fpcheck.comparison.tolerance import Tolerances
from fpcheck.comparison.weight_findings import (
    Changed,
    Place,
    changes,
    compare_weights,
    not_compared,
)
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.outputs import Noise
from fpcheck.fingerprint.structure import REST, ROOT, Structure
from fpcheck.fingerprint.undone import Undone
from fpcheck.layout.storage_gaps import alike, assets_not_stored


class Closer(Value, frozen=True, eq=False):
    """What a closer look at a candidate that differs has shown; empty where nobody could look.

    Attributes:
        undone: by the golden's place of a tensor, what happened to it.
        others: by digest, the place of a tensor that the file holds beside the model.
        structure: of the live model, which knows its code where a file does not.
        noise: what the candidate's outputs differ by without any change.
    """

    undone: dict[Place, Undone] = msgspec.field(default_factory=dict)
    others: dict[bytes, str] = msgspec.field(default_factory=dict)
    structure: Structure | None = None
    noise: Noise | None = None


class Comparison(Value, frozen=True, eq=False, dict=True):
    """Two fingerprints and all that differs between them.

    Attributes:
        golden: the reference side, without what the candidate's container does not tell.
        candidate: what was loaded; levels that were not taken are None.
        pairing: which layer stands for which.
        findings: in the order of the levels, then of the golden's layers.
        first_divergent_layer: by the golden's name; None where unknown.
        tolerances: what was allowed.
        rest: layers of the golden of which the candidate, a part of a model, does not hold all
            tensors; nothing is said of those.
        closer: what a closer look has shown.
    """

    golden: Fingerprint
    candidate: Fingerprint
    pairing: Pairing
    findings: tuple[Finding, ...]
    first_divergent_layer: str | None
    tolerances: Tolerances
    rest: tuple[str, ...] = ()
    closer: Closer = Closer()

    @cached_property
    def changed(self) -> list[Changed]:
        """Every paired tensor whose digest differs, in the golden's order."""
        return changes(self.golden, self.candidate, self.pairing)

    @property
    def errors(self) -> list[Finding]:
        """Findings that are no notes."""
        return [finding for finding in self.findings if finding.severity == "error"]

    @property
    def only_outputs(self) -> bool:
        """Whether structure and weights were compared and agree, and outputs do not."""
        compared = self.golden.weights is not None and self.candidate.weights is not None
        errors = self.errors
        return compared and bool(errors) and all(error.level == "outputs" for error in errors)


def compare_fingerprints(
    golden: Fingerprint, candidate: Fingerprint, tolerances: Tolerances
) -> Comparison:
    """Compare all levels that both sides hold, as far as both tell."""
    whole = candidate.structure
    unknown = [not_compared(ROOT, role) for role in assets_not_stored(golden, candidate)]
    golden, candidate = alike(golden, candidate)
    pairing = pair(golden.structure, candidate.structure, (_held(golden), _held(candidate)))
    findings = compare_structure(golden.structure, candidate.structure, pairing)
    findings += compare_weights(golden, candidate, pairing, tolerances.allowed_weights) + unknown
    findings, rest = _told(findings, whole, pairing)
    if golden.outputs is not None and candidate.outputs is not None:
        allowed = tolerances.allowed_outputs(golden.outputs)
        findings += compare_outputs(golden.outputs, candidate.outputs, allowed)
    first = None  # activations may hold infinities that a later layer makes harmless
    if any(finding.severity == "error" for finding in findings):
        first = first_divergent(golden, candidate, pairing, findings, tolerances)
    return Comparison(golden, candidate, pairing, tuple(findings), first, tolerances, rest)


def _told(
    findings: list[Finding], candidate: Structure, pairing: Pairing
) -> tuple[list[Finding], tuple[str, ...]]:
    """Findings without what a part of a model cannot tell, and the layers that it does not hold."""
    if REST not in candidate.not_stored:
        return findings, ()
    gone = {
        id(f): f.layer
        for f in findings
        if f.code in ("tensor-missing", "layer-removed") and f.layer is not None
        and pairing.to_candidate.get(f.layer, f.layer) in candidate.by_path
    }  # fmt: skip
    rest = tuple(dict.fromkeys(gone.values()))
    return [finding for finding in findings if id(finding) not in gone], rest


def _held(fingerprint: Fingerprint) -> dict[str, tuple[bytes, ...]]:
    """By path, the digests of a layer's tensors."""
    found: dict[str, tuple[bytes, ...]] = {}
    pairs = zip(fingerprint.structure.tensors, fingerprint.weights or (), strict=False)
    for (layer, _), measured in pairs:
        found[layer.path] = (*found.get(layer.path, ()), measured.digest)
    return found
