"""What rules look at: tensors that changed, with what is known of both sides."""

from collections.abc import Iterable, Iterator

from fpcheck.comparison.compare import Comparison
from fpcheck.comparison.weights import Changed, Tensors, changed


def changed_tensors(comparison: Comparison) -> Iterator[Changed]:
    """Every paired tensor whose digest differs, in the golden's order."""
    golden, candidate = comparison.golden, comparison.candidate
    if golden.weights is None or candidate.weights is None:
        return
    ours = Tensors(golden.structure, golden.weights)
    theirs = Tensors(candidate.structure, candidate.weights)
    for pair in comparison.pairing.pairs:
        for tensor, other in pair.tensors:
            if other is None:
                continue
            item = changed(ours, theirs, pair, tensor, other)
            if item is not None:
                yield item


def by_layer(items: Iterable[Changed]) -> dict[str, list[Changed]]:
    """Changed tensors of each layer."""
    found: dict[str, list[Changed]] = {}
    for item in items:
        found.setdefault(item.layer.path, []).append(item)
    return found


def some(names: Iterable[str], most: int = 3) -> str:
    """A few names for a sentence: `a, b, c and 4 more`."""
    every = list(names)
    shown = ", ".join(every[:most])
    return shown if len(every) <= most else f"{shown} and {len(every) - most} more"


def count(number: int, word: str) -> str:
    """`1 layer`, `3 layers`."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
