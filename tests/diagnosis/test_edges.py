"""Tensors and goldens at the edge: rules neither crash there nor claim what nobody can know."""

import numpy as np
import pytest
from builders import dense, holding, layer, network, perceptron, trained
from diagnosing import codes, diagnosed
from msgspec.structs import replace

from fpcheck.codec import Array
from fpcheck.fingerprint.structure import Structure


def holder(values: Array) -> Structure:
    """A model with one layer that holds a tensor of some shape and type, and a head."""
    bare = layer("table", "Table", "ids")
    item = holding(bare, kernel=values.shape)
    (tensor,) = item.tensors
    typed = replace(item, tensors=(replace(tensor, dtype=str(values.dtype)),))
    return network(layer("ids", "InputLayer"), typed, dense("last", "table", 3, 4))


@pytest.mark.parametrize("width", [5, 8, 10])
def test_values_on_a_grid_where_the_golden_is_zero_do_not_crash(width: int) -> None:
    net = perceptron(width)
    base = trained(net) | {"first/bias": np.zeros(width, np.float32)}
    grid = np.arange(width, dtype=np.float32) / 8
    assert codes(diagnosed(net, {"first/bias": grid}, base)) == ["other-checkpoint"]
