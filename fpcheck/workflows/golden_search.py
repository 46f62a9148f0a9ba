"""Which golden has the structure of a source, and which comes nearest."""

from pathlib import Path

from fpcheck.comparison.compare import compare_fingerprints
from fpcheck.comparison.likeness import LEAST_SIMILAR, likeness
from fpcheck.comparison.tolerance import Tolerances
from fpcheck.errors import FpcheckError
from fpcheck.fingerprint import digest
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.structure import Structure
from fpcheck.golden.document import Head
from fpcheck.golden.golden import Golden
from fpcheck.golden.store import Entry, Store
from fpcheck.layout import placement
from fpcheck.layout.placement import is_weights_only
from fpcheck.layout.storage_gaps import alike
from fpcheck.model.applications import APPLICATIONS
from fpcheck.workflows.golden_lookup import Choice, stores
from fpcheck.workflows.next_commands import to_compare, to_record
from fpcheck.workflows.plan import ComparePlan


def matched(plan: ComparePlan, structure: Structure) -> Choice:
    """The golden whose structure is that of a source.

    Args:
        plan: how the source is compared.
        structure: of the source.

    Raises:
        FpcheckError: there is none, or there are several. The message names the nearest.
    """
    for store in stores(plan.request.goldens):
        choice = _by_structure(store, structure, plan)
        if choice is not None:
            return choice
    raise _none(structure, plan)


def _by_structure(store: Store, structure: Structure, plan: ComparePlan) -> Choice | None:
    heads = [(entry, entry.head()) for entry in store.newest()]
    fitting = [(entry, head) for entry, head in heads if _fits(structure, entry, head)]
    if len(fitting) > 1:
        named = digest.text(structure.digest)
        fitting = [(e, h) for e, h in fitting if h.structure == named] or fitting
    if len({head.content_id for _, head in fitting}) == 1 and len(fitting) > 1:
        why = "the first of several equal goldens whose structure matches"
        return Choice(fitting[0][0].load(), why)
    if len(fitting) > 1:
        names = ", ".join(entry.label for entry, _ in fitting)
        raise FpcheckError(
            f"{plan.source.text}: its structure matches several goldens: {names}",
            f"Name one: {_to_compare(plan, fitting[0][0].label)}",
        )
    why = "the only golden whose structure matches"
    return Choice(fitting[0][0].load(), why) if fitting else None


def _to_compare(plan: ComparePlan, golden: str) -> str:
    return to_compare(plan.source.text, golden, plan.request, plan.options)


def _fits(structure: Structure, entry: Entry, head: Head) -> bool:
    """Whether a golden's structure is this one except for names, as far as both are known."""
    if head.shape == digest.text(structure.shape_digest):
        return True
    if not structure.not_stored or head.model["parameters"] != structure.parameters:
        return False
    golden = Fingerprint(entry.load().fingerprint.structure)
    if is_weights_only(structure):
        return placement.fits(structure, golden.structure)
    theirs, ours = alike(golden, Fingerprint(structure))
    return ours.structure.shape_key == theirs.structure.shape_key


def _none(structure: Structure, plan: ComparePlan) -> FpcheckError:
    source, request = plan.source.text, plan.request
    found = nearest(structure, request.goldens)
    fact = f"{source}: no golden of that name, and none has its structure"
    if found is None:
        bare = is_weights_only(structure)
        return FpcheckError(fact, to_record(source, bare, request, plan.options))
    golden, share = found
    return FpcheckError(
        f"{fact}; nearest is {golden.label}: {_likeness(golden, structure, share)}",
        f"Compare with it: {_to_compare(plan, golden.label)}",
    )


def nearest(structure: Structure, goldens: str | Path | None) -> tuple[Golden, float] | None:
    """The golden that is built most like a structure, and how much; None if none is alike."""
    best: tuple[Golden, float] | None = None
    newest = {entry.name: entry for store in reversed(stores(goldens)) for entry in store.newest()}
    for entry in newest.values():
        golden = entry.load()
        share = likeness(golden.fingerprint.structure, structure)
        if share >= LEAST_SIMILAR and (best is None or share > best[1]):
            best = golden, share
    return best


def _likeness(golden: Golden, structure: Structure, share: float) -> str:
    # Only where no golden fits.
    from fpcheck.diagnosis.case import Case
    from fpcheck.diagnosis.structure import layers_removed

    comparison = compare_fingerprints(
        Fingerprint(golden.fingerprint.structure), Fingerprint(structure), Tolerances()
    )
    proper = {name.lower(): name for name in APPLICATIONS}.get(golden.name, golden.name)
    for diagnosis in layers_removed.diagnose(case := Case(comparison)):
        if layers_removed.is_top(case, diagnosis.layers):
            tops = ", ".join(diagnosis.layers)
            return f"this is a {proper} body, its top is missing ({tops})"
    if share == 1.0:
        return "all weights have the same shapes, but configurations or connections differ"
    return f"{share:.0%} of the layers with weights have the same shapes"
