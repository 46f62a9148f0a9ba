"""The words of a lookup, or their order, differ: the same text gives other numbers."""

from fpcheck.diagnosis.case import Case, Changed, Diagnoses, by_layer, count, diagnosis, some
from fpcheck.fingerprint.structure import ASSET


def diagnose(case: Case) -> Diagnoses:
    """One diagnosis for files of custom classes, one for all lookups."""
    derived = [item for item in case.changed if item.tensor.derived]
    files = [item for item in derived if item.tensor.role.startswith(ASSET)]
    if files:
        yield diagnosis(
            "vocabulary-changed",
            by_layer(files),
            f"Files saved with the model differ from the {case.reference}'s: "
            f"{some(item.tensor.role for item in files)}.",
            [f"{i.tensor.role}: {_sizes(case, i, 'byte')}" for i in files],
            "Load the tokenizer or preprocessor that was saved with the approved model.",
        )
    lookups = [item for item in derived if item.tensor.role == "vocabulary"]
    if lookups:
        yield diagnosis(
            "vocabulary-changed",
            by_layer(lookups),
            f"The vocabulary of {some(by_layer(lookups))} differs from the {case.reference}'s.",
            [f"{item.name}: {_words(case, item)}" for item in lookups],
            "Load the vocabulary that was saved with the model; .weights.h5 files contain none.",
        )


def _words(case: Case, item: Changed) -> str:
    if item.other.size != item.tensor.size:
        return _sizes(case, item, "word")
    size = count(item.other.size, "word")
    return f"{size}, as in the {case.reference}, but different ones or in another order"


def _sizes(case: Case, item: Changed, unit: str) -> str:
    return f"{count(item.other.size, unit)} ({case.reference}: {item.tensor.size})"
