"""How much changed tensors are related to the golden's: trained further, or unrelated."""

from collections.abc import Iterable

import numpy as np

from fpcheck.codec import Array
from fpcheck.comparison.weight_findings import Changed
from fpcheck.fingerprint import sketch
from fpcheck.fingerprint.measurement import Details

# The cosine of unrelated tensors, estimated from sketches, stays below this.
RELATED = 0.6


def matrices(items: Iterable[Changed]) -> list[Changed]:
    """Tensors of rank 2 and more: kernels, which identify a model better than vectors."""
    return [item for item in items if len(item.tensor.shape) > 1]


def cosine(items: Iterable[Changed]) -> float:
    """The cosine of golden and candidate, estimated from the sketches of all tensors together.

    Unrelated tensors give 0 +- 0.18 for one tensor, less for several. The mean of a vector is
    removed first, because vectors of one sign, such as variances, would seem related.
    """
    products = ours = theirs = 0.0
    for item in items:
        if item.both is None:
            continue
        golden, candidate = map(_direction, item.both)
        if np.isfinite(golden).all() and np.isfinite(candidate).all():
            products += float(golden @ candidate)
            ours, theirs = ours + float(golden @ golden), theirs + float(candidate @ candidate)
    return products / float(np.sqrt(ours * theirs)) if ours > 0 and theirs > 0 else 0.0


def _direction(details: Details) -> Array:
    if details.profiles:
        return details.sketch
    statistics = details.statistics
    if statistics.constant is not None:
        return np.zeros_like(details.sketch)
    # A sketch is linear in the tensor.
    ones = sketch.of_array(np.ones(statistics.count, np.float32))
    return details.sketch - statistics.mean * ones
