"""Comparing one fingerprint with another: pair, compare, tolerate, judge."""

from fpcheck.codec import Value
from fpcheck.comparison.finding import Finding
from fpcheck.comparison.outputs import compare_outputs, first_divergent_layer
from fpcheck.comparison.pairing import Pairing, pair
from fpcheck.comparison.structure import compare_structure
from fpcheck.comparison.tolerance import Tolerances
from fpcheck.comparison.weights import compare_weights
from fpcheck.fingerprint.told import alike
from fpcheck.fingerprint.value import Fingerprint


class Comparison(Value, frozen=True, eq=False):
    """Two fingerprints and all that differs between them.

    Attributes:
        golden: the reference side, without what the candidate's container does not tell.
        candidate: what was loaded; levels that were not taken are None.
        pairing: which layer stands for which.
        findings: in the order of the levels, then of the golden's layers.
        first_divergent_layer: by the golden's name; None where unknown.
        tolerances: what was allowed.
    """

    golden: Fingerprint
    candidate: Fingerprint
    pairing: Pairing
    findings: tuple[Finding, ...]
    first_divergent_layer: str | None
    tolerances: Tolerances

    @property
    def errors(self) -> list[Finding]:
        """Findings that are no notes."""
        return [finding for finding in self.findings if finding.severity == "error"]


def compare_fingerprints(
    golden: Fingerprint, candidate: Fingerprint, tolerances: Tolerances
) -> Comparison:
    """Compare all levels that both sides hold, as far as both tell."""
    golden, candidate = alike(golden, candidate)
    pairing = pair(golden.structure, candidate.structure)
    findings = compare_structure(golden.structure, candidate.structure, pairing)
    findings += compare_weights(golden, candidate, pairing, tolerances.allowed_weights)
    first = None
    if golden.outputs is not None and candidate.outputs is not None:
        allowed = tolerances.allowed_outputs(golden.outputs)
        findings += compare_outputs(golden.outputs, candidate.outputs, allowed)
        first = first_divergent_layer(
            golden.outputs, candidate.outputs, golden.structure, pairing, allowed
        )
    if all(finding.severity == "note" for finding in findings):
        first = None  # activations may hold infinities that a later layer makes harmless
    elif first is None:
        first = _first_by_place(golden, findings)
    return Comparison(golden, candidate, pairing, tuple(findings), first, tolerances)


def _first_by_place(golden: Fingerprint, findings: list[Finding]) -> str | None:
    """Without activations: the first layer, in the golden's order, with a difference of its own."""
    differing = {f.layer for f in findings if f.severity == "error" and f.level != "outputs"}
    return next((la.path for la in golden.structure.layers if la.path in differing), None)
