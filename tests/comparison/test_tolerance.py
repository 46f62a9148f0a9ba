"""How tight: the table and its names."""

import pytest
from builders import outputs, perceptron, relayered
from msgspec.structs import replace

from fpcheck.comparison import tolerance
from fpcheck.comparison.finding import Finding, within
from fpcheck.comparison.tolerance import TOLERANCES, Tolerances
from fpcheck.errors import FpcheckError
from fpcheck.fingerprint.outputs import Noise

NET = perceptron(4)
ALLOWED = f"Allowed: {', '.join(TOLERANCES)}, or a number in the golden's tolerances."


def test_the_table_of_tolerances_is_stable() -> None:
    assert {name: (row.weights, row.outputs) for name, row in TOLERANCES.items()} == {
        "exact": (0.0, 0.0),
        "float32": (1e-6, 1e-4),
        "tf32": (1e-6, 1e-3),
        "float16": (1e-3, 1e-2),
        "bfloat16": (1e-2, 1e-1),
        "int8": (2e-2, 1e-1),
    }
    assert all(row.why for row in TOLERANCES.values())


@pytest.mark.parametrize("name", TOLERANCES)
def test_a_row_is_chosen_by_its_name(name: str) -> None:
    found = Tolerances(name, name)
    assert found.allowed_weights == TOLERANCES[name].weights
    assert found.allowed_outputs(outputs(NET)) == TOLERANCES[name].outputs


@pytest.mark.parametrize("field", ["weights", "outputs"])
@pytest.mark.parametrize(
    ("bound", "fact"),
    [
        ("float8", "tolerance float8: no such row"),
        ("", "tolerance : no such row"),
        (-1e-9, "tolerance -1e-09: not a finite number of 0 or more"),
        (float("nan"), "tolerance nan: not a finite number of 0 or more"),
        (float("inf"), "tolerance inf: not a finite number of 0 or more"),
    ],
)
def test_invalid_tolerances_are_refused(field: str, bound: float | str, fact: str) -> None:
    with pytest.raises(FpcheckError) as caught:
        Tolerances(**{field: bound})
    assert str(caught.value) == f"{fact}\n{ALLOWED}"


@pytest.mark.parametrize(
    ("bound", "noise", "allowed"),
    [
        ("float32", Noise(), 1e-4),
        ("float32", Noise(0.0, 1e-6, 2e-6), 1e-4),
        ("float32", Noise(0.0, 1e-4, None), 1e-3),
        (0.0, Noise(0.0, 3e-3, 1e-3), 3e-2),
        (0.5, Noise(0.0, 3e-3, 1e-3), 0.5),
        ("exact", Noise(0.0, 3e-3, 1e-3), 0.0),
    ],
)
def test_ten_times_the_recorded_noise_is_allowed_unless_exact(
    bound: float | str, noise: Noise, allowed: float
) -> None:
    found = Tolerances(outputs=bound).allowed_outputs(outputs(NET, noise=noise))
    assert found == pytest.approx(allowed, rel=1e-12, abs=0)


def test_a_number_is_used_as_the_tolerance() -> None:
    assert Tolerances(weights=0.25).allowed_weights == 0.25
    assert Tolerances(weights=0).allowed_weights == 0


@pytest.mark.parametrize(
    ("policies", "row"),
    [
        (["float32"], "float32"),
        ([""], "float32"),
        (["float64"], "float32"),
        (["mixed_float16", "float32"], "float16"),
        (["bfloat16"], "bfloat16"),
        (["mixed_bfloat16", "float16"], "bfloat16"),
        (["int8_from_float32"], "int8"),
        (["int4_from_mixed_bfloat16"], "int8"),
        (["float8_from_float32"], "int8"),
    ],
)
def test_a_new_golden_allows_the_rounding_of_its_coarsest_arithmetic(
    policies: list[str], row: str
) -> None:
    names = [*policies, *["float32"] * 4]
    places = {layer.path: names[place] for place, layer in enumerate(NET.layers)}
    net = relayered(NET, lambda layer: replace(layer, dtype=places[layer.path]))
    assert tolerance.tolerances_of(net) == Tolerances("exact", row)


@pytest.mark.parametrize(
    ("difference", "allowed", "inside"),
    [
        (0.0, 0.0, True),
        (1.0, 1.0, True),
        (1.1, 1.0, False),
        (float("nan"), 1.0, False),
        (float("inf"), 1.0, False),
        (0.0, float("nan"), False),
    ],
)
def test_nan_is_never_within(difference: float, allowed: float, inside: bool) -> None:
    assert within(difference, allowed) is inside


@pytest.mark.parametrize(
    ("layer", "tensor", "where"),
    [("a", "kernel", "a/kernel"), ("a", None, "a"), (None, None, ""), (None, "x", "x")],
)
def test_a_finding_names_its_place(layer: str | None, tensor: str | None, where: str) -> None:
    assert Finding("weights", "x", layer, tensor).where == where
