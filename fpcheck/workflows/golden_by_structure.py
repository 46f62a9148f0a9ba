"""Which golden has the structure of a source, and which comes nearest, if names find none."""

from pathlib import Path

from fpcheck.comparison.compare import compare_fingerprints
from fpcheck.comparison.likeness import LEAST_SIMILAR, likeness
from fpcheck.comparison.tolerance import Tolerances
from fpcheck.errors import FpcheckError
from fpcheck.files.refusals import NAME_ARCHITECTURE
from fpcheck.fingerprint import digest
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.structure import Structure
from fpcheck.golden.document import Head
from fpcheck.golden.golden import Golden
from fpcheck.golden.store import Entry, Store, stores
from fpcheck.layout import placement
from fpcheck.layout.placement import is_weights_only
from fpcheck.layout.storage_gaps import alike
from fpcheck.model.applications import APPLICATIONS
from fpcheck.wording import command, given
from fpcheck.workflows.plan import Choice, ComparePlan


def golden_of_structure(plan: ComparePlan, structure: Structure) -> Choice:
    """The golden of a source's structure; FpcheckError names the nearest if there is not one."""
    for store in stores(plan.request.goldens):
        choice = _by_structure(store, structure, plan)
        if choice is not None:
            return choice
    fact = f"{plan.source.text}: no golden of that name, and none has its structure"
    golden, share = _nearest(structure, plan.request.goldens)
    if golden is not None:
        raise FpcheckError(
            f"{fact}; nearest is {golden.label}: {_likeness(golden, structure, share)}",
            f"Compare with it: {_to_compare(plan, golden.label)}",
        )
    if is_weights_only(structure) and plan.options.model is None:
        raise FpcheckError(fact, f"If it is good, record it. {NAME_ARCHITECTURE}")
    asked = {"goldens": plan.request.goldens, "preprocess": plan.request.preprocess}
    record = command("record", plan.source.text, **asked, **given(plan.options))
    raise FpcheckError(fact, f"Record it, if it is good: {record}")


def _by_structure(store: Store, structure: Structure, plan: ComparePlan) -> Choice | None:
    heads = [(entry, entry.head()) for entry in store.newest()]
    fitting = [(entry, head) for entry, head in heads if _fits(structure, entry, head)]
    if len(fitting) > 1:
        named = digest.text(structure.digest)
        fitting = [(e, h) for e, h in fitting if h.structure == named] or fitting
    if not fitting:
        return None
    first, why = fitting[0][0], "the only golden whose structure matches"
    if len(fitting) > 1:
        if len({head.content_id for _, head in fitting}) > 1:
            names = ", ".join(entry.label for entry, _ in fitting)
            raise FpcheckError(
                f"{plan.source.text}: its structure matches several goldens: {names}",
                f"Name one: {_to_compare(plan, first.label)}",
            )
        why = "the first of several equal goldens whose structure matches"
    return Choice(first.load(), why)


def _to_compare(plan: ComparePlan, golden: str) -> str:
    """The same comparison, with a golden that is named."""
    asked = given(plan.request) | {"golden": golden}
    return command("compare", plan.source.text, **asked, **given(plan.options))


def _fits(structure: Structure, entry: Entry, head: Head) -> bool:
    """Whether a golden's structure is this one except for names, as far as both are known."""
    if head.shape == digest.text(structure.shape_digest):
        return True
    if not structure.not_stored or head.model["parameters"] != structure.parameters:
        return False
    golden = Fingerprint(entry.load().fingerprint.structure)
    if is_weights_only(structure):
        return placement.fits(structure, golden.structure)
    expected, actual = alike(golden, Fingerprint(structure))
    return actual.structure.shape_key == expected.structure.shape_key


def _nearest(structure: Structure, goldens: str | Path | None) -> tuple[Golden | None, float]:
    """The golden that is built most like a structure, and how much; None if none is alike."""
    best: Golden | None = None
    most = 0.0
    newest = {entry.name: entry for store in reversed(stores(goldens)) for entry in store.newest()}
    for entry in newest.values():
        golden = entry.load()
        share = likeness(golden.fingerprint.structure, structure)
        if share >= LEAST_SIMILAR and (best is None or share > most):
            best, most = golden, share
    return best, most


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
