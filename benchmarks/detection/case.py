"""A fault or a benign change: what is done to a good model, and what should be said of it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from benchmarks.detection.subject import Edits, Subject

# Gives the candidate, and undoes at its end what was done for it.
Candidate = Callable[[], AbstractContextManager[object]]


class NotPossibleError(Exception):
    """A change cannot be made to this model; it is left out."""


@dataclass(frozen=True)
class Case:
    """One change at one place of one model.

    Attributes:
        place: where, for people.
        candidate: makes what is compared: a model, a file, or the name of a source.
        layers: those that a diagnosis should name, in the model's order; None where it is about
            no layer, or all.
        diverges: whether the first of them is the first layer that differs; not so where the
            golden has no such layer, or the candidate has none.
        codes: in place of those of the fault.
        mentions: a name that the diagnosis should say, such as that of the nearest golden.
        options: of `fpcheck.compare`.
        known: another model that also has a golden in the folder.
        environment: variables of the process that loads a file.
    """

    place: str
    candidate: Candidate
    layers: tuple[str, ...] | None = None
    diverges: bool = True
    codes: tuple[str, ...] = ()
    mentions: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    known: "Known | None" = None
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Known:
    """A second golden beside the first: its name, and the model it is recorded from."""

    name: str
    source: Candidate


Cases = Iterator[Case]


@dataclass(frozen=True)
class Fault:
    """A way in which models go wrong.

    Attributes:
        name: stable.
        group: under which the page lists it.
        codes: acceptable first diagnoses, the best one first; of benign changes, verdicts.
        says: one sentence.
        cases: puts it into a model, at several places; none where the model has no place for it.
    """

    name: str
    group: str
    codes: tuple[str, ...]
    says: str
    cases: Callable[[Subject], Cases]


FAULTS: dict[str, Fault] = {}


def add(name: str, group: str, codes: str, says: str, cases: Callable[[Subject], Cases]) -> None:
    """Make a fault known; `codes` are separated by blanks, the best one first."""
    assert name not in FAULTS, name
    FAULTS[name] = Fault(name, group, tuple(codes.split()), says, cases)


def fault(name: str, group: str, codes: str) -> Callable[..., Callable[[Subject], Cases]]:
    """Make a function that yields cases a fault; the first line of its docstring describes it."""

    def register(cases: Callable[[Subject], Cases]) -> Callable[[Subject], Cases]:
        says = (cases.__doc__ or "").partition("\n")[0].rstrip(".")
        add(name, group, codes, says, cases)
        return cases

    return register


def edit(subject: Subject, place: str, edits: Edits, **more: Any) -> Cases:
    """One case where tensors hold other values; none where no bit differs.

    The layers that should be named are those edited, unless `layers` says otherwise.
    """
    real = subject.real_edits(edits)
    if real:
        touched = {layer for layer, _ in real}
        layers = tuple(layer for layer in subject.layers if layer in touched)
        yield Case(place, lambda: subject.edited(real), **{"layers": layers, **more})


def given(make: Callable[[], object]) -> Candidate:
    """A candidate that `make` builds anew, and that needs no undoing."""

    @contextmanager
    def candidate() -> Iterator[object]:
        yield make()

    return candidate
