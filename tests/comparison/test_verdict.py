"""From levels to the verdict, and what proves outputs without running them."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from builders import ENVIRONMENT, edited, fingerprint, outputs, perceptron, renamed, trained
from msgspec.structs import replace

from fpcheck.comparison.finding import Finding
from fpcheck.comparison.proof import why_not_proved
from fpcheck.comparison.verdict import NOT_IN_GOLDEN, LevelResult, decide_verdict, judge_level
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.levels import LEVELS, Level
from fpcheck.fingerprint.outputs import Noise
from fpcheck.fingerprint.structure import Structure

NET = perceptron(4)
FULL = fingerprint(NET, outputs=outputs(NET))
WITHOUT_WEIGHTS = replace(FULL, weights=None)
LETTERS = {"p": "pass", "f": "fail", "=": "proved", "s": "skipped"}


def ended(states: str) -> dict[Level, LevelResult]:
    return {n: LevelResult(LETTERS[s]) for n, s in zip(LEVELS, states, strict=True)}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("states", "asked", "wanted"),
    [
        ("ppp", None, "match"),
        ("pp=", None, "match"),
        ("pps", None, "incomplete"),
        ("psp", None, "incomplete"),
        ("sss", None, "incomplete"),
        ("fpp", None, "mismatch"),
        ("pfs", None, "mismatch"),
        ("sfs", None, "mismatch"),
        ("pps", ("structure", "weights"), "match"),
        ("pps", ("outputs",), "incomplete"),
        ("pss", ("structure",), "match"),
        ("pss", ("weights",), "incomplete"),
        ("ssp", ("outputs",), "match"),
        ("ss=", ("outputs",), "match"),
        ("pfs", ("structure",), "mismatch"),
    ],
)
def test_the_levels_decide_the_verdict(
    states: str, asked: tuple[str, ...] | None, wanted: str
) -> None:
    assert decide_verdict(ended(states), FULL.levels, asked) == wanted


@pytest.mark.parametrize("states", ["".join(s) for s in product(LETTERS, repeat=3)])
def test_no_match_while_a_level_failed_or_was_not_checked(states: str) -> None:
    found = decide_verdict(ended(states), FULL.levels, None)
    assert (found == "match") == (set(states) <= {"p", "="})
    assert (found == "mismatch") == ("f" in states)


@pytest.mark.parametrize(
    ("golden", "states", "asked", "wanted"),
    [
        (fingerprint(NET), "pps", None, "match"),
        (fingerprint(NET), "pss", None, "incomplete"),
        (Fingerprint(NET), "pss", None, "incomplete"),
        (Fingerprint(NET), "p=s", None, "match"),
        (Fingerprint(NET), "pss", ("structure",), "match"),
        (Fingerprint(NET), "pss", ("structure", "weights"), "incomplete"),
        (WITHOUT_WEIGHTS, "psp", None, "incomplete"),
        (WITHOUT_WEIGHTS, "psp", ("structure", "outputs"), "incomplete"),
        (WITHOUT_WEIGHTS, "ssp", ("outputs",), "incomplete"),
        (WITHOUT_WEIGHTS, "pss", ("structure",), "match"),
        (WITHOUT_WEIGHTS, "p=p", None, "match"),
        (Fingerprint(NET), "sss", None, "incomplete"),
        (Fingerprint(NET), "pss", ("outputs",), "incomplete"),
    ],
)
def test_all_recorded_levels_and_weights_are_required_unless_fewer_are_asked_for(
    golden: Fingerprint, states: str, asked: tuple[str, ...] | None, wanted: str
) -> None:
    assert decide_verdict(ended(states), golden.levels, asked) == wanted


NOTE = Finding("structure", "layers-renamed", severity="note")
ERROR = Finding("weights", "tensor-changed")
PASS, NO_ARCHITECTURE = LevelResult("pass"), LevelResult("skipped", "weights only")
UNASKED, UNHELD = LevelResult("skipped", "--levels"), LevelResult("skipped", NOT_IN_GOLDEN)


@pytest.mark.parametrize(
    ("level", "before", "asked", "ends"),
    [
        ("structure", PASS, None, PASS),
        ("weights", PASS, None, LevelResult("fail")),
        ("outputs", LevelResult("proved", "why"), None, LevelResult("proved", "why")),
        ("weights", NO_ARCHITECTURE, None, LevelResult("fail")),
        ("structure", NO_ARCHITECTURE, None, NO_ARCHITECTURE),
        ("weights", PASS, ("weights",), LevelResult("fail")),
        ("weights", PASS, ("structure", "outputs"), UNASKED),
        ("structure", PASS, ("weights",), UNASKED),
        ("weights", UNHELD, ("outputs",), UNHELD),
    ],
)
def test_a_level_fails_by_its_own_errors_if_asked_for(
    level: Level, before: LevelResult, asked: tuple[str, ...] | None, ends: LevelResult
) -> None:
    assert judge_level(level, before, [NOTE, ERROR], asked) == ends


def unproved(
    golden: Fingerprint = FULL,
    candidate: Fingerprint | None = None,
    environment: dict[str, str] = ENVIRONMENT,
    preprocess: str = "none",
) -> str | None:
    return why_not_proved(golden, candidate or fingerprint(NET), environment, preprocess)


ALL_RENAMED = renamed(NET, {la.path: f"x{n}" for n, la in enumerate(NET.layers)})


def test_equal_models_prove_their_outputs() -> None:
    assert unproved() is None
    assert unproved(candidate=replace(fingerprint(NET), structure=ALL_RENAMED)) is None


def with_outputs(**changes: Any) -> dict[str, Any]:
    return {"golden": fingerprint(NET, outputs=outputs(NET, **changes))}


def both(structure: Structure) -> dict[str, Any]:
    golden = fingerprint(structure, trained(structure), outputs=outputs(NET))
    return {"golden": golden, "candidate": fingerprint(structure, trained(structure))}


ONE_ULP = trained(NET) | {"last/bias": np.nextafter(trained(NET)["last/bias"], np.float32(9))}
SWAPPED = trained(NET) | {
    "first/kernel": trained(NET)["second/kernel"],
    "second/kernel": trained(NET)["first/kernel"],
}
NOTHING = Structure("Functional", NET.inputs, NET.outputs, NET.layers[:1])


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"golden": fingerprint(NET)}, id="golden without outputs"),
        pytest.param({"golden": replace(FULL, weights=None)}, id="golden without weights"),
        pytest.param({"candidate": Fingerprint(NET)}, id="candidate without weights"),
        pytest.param({"candidate": fingerprint(NET, ONE_ULP)}, id="one unit in the last place"),
        pytest.param({"candidate": fingerprint(NET, SWAPPED)}, id="weights in other places"),
        pytest.param(
            {"candidate": fingerprint(edited(NET, "first", config={}))}, id="configuration"
        ),
        pytest.param({"candidate": fingerprint(edited(NET, "first", dtype="float16"))}, id="dtype"),
        pytest.param(both(edited(NET, "first", custom=True)), id="custom code"),
        pytest.param(
            {"candidate": fingerprint(edited(NET, "first", custom=True))}, id="custom here"
        ),
        pytest.param(
            {**both(edited(NET, "first", custom=True)), "candidate": fingerprint(NET)},
            id="custom there",
        ),
        pytest.param({"environment": {**ENVIRONMENT, "keras": "3.16.0"}}, id="another version"),
        pytest.param({"environment": {}}, id="unknown environment"),
        pytest.param({"preprocess": "caffe"}, id="preprocessing"),
        pytest.param(
            {**with_outputs(preprocess="mine:prepare"), "preprocess": "mine:prepare"},
            id="preprocessing by custom code",
        ),
        pytest.param(with_outputs(noise=Noise(1e-9, 0.0, 0.0)), id="not repeatable"),
        pytest.param(with_outputs(noise=Noise(None, 0.0, 0.0)), id="repeatability not measured"),
        pytest.param(both(NOTHING), id="no weights at all"),
    ],
)
def test_outputs_are_not_proved_by(changed: dict[str, Any]) -> None:
    assert unproved(**changed)


@pytest.mark.parametrize(
    ("golden", "candidate", "environment", "preprocess", "reason"),
    [
        (FULL, fingerprint(NET), ENVIRONMENT, "none", None),
        (FULL, fingerprint(NET, ONE_ULP), ENVIRONMENT, "none", "the model differs"),
        (FULL, Fingerprint(NET), ENVIRONMENT, "none", "weights were not compared"),
        (FULL, fingerprint(NET), ENVIRONMENT, "tf", "preprocessing differs: none in the golden"),
        (
            FULL,
            fingerprint(NET),
            {**ENVIRONMENT, "keras": "3.16.0", "more": "1"},
            "none",
            f"the environment differs: keras {ENVIRONMENT['keras']}, more none in the golden, "
            "keras 3.16.0, more 1 here",
        ),
    ],
)
def test_the_reason_why_outputs_are_not_proved_is_given(
    golden: Fingerprint,
    candidate: Fingerprint,
    environment: dict[str, str],
    preprocess: str,
    reason: str | None,
) -> None:
    assert why_not_proved(golden, candidate, environment, preprocess) == reason


def test_noise_of_other_batch_sizes_does_not_prevent_a_proof() -> None:
    assert unproved(**with_outputs(noise=Noise(0.0, 1e-6, 1e-6))) is None
