"""All rules together: a match has no diagnosis, and certain diagnoses come first."""

import numpy as np
from builders import edited, fingerprint, outputs, renamed, trained
from diagnosing import NETS, ON_ALL, codes, compared, diagnose_values, reset, rounded
from msgspec.structs import replace

from fpcheck.comparison.compare import compare_fingerprints
from fpcheck.comparison.tolerance import Tolerances
from fpcheck.diagnosis import RULES, diagnose
from fpcheck.diagnosis.case import Case
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.structure import Structure


@ON_ALL
def test_no_rule_fires_on_a_matching_comparison(net: Structure) -> None:
    full = fingerprint(net, outputs=outputs(net))
    named = renamed(net, {la.path: f"x{n}" for n, la in enumerate(net.layers)})
    for candidate in (full, replace(full, structure=named), replace(full, outputs=None)):
        comparison = compared(full, candidate)
        assert comparison.errors == []
        assert diagnose(comparison) == []
        assert [found for rule in RULES for found in rule(Case(comparison))] == []


@ON_ALL
def test_differences_within_tolerance_are_not_diagnosed(net: Structure) -> None:
    values = trained(net)
    near = fingerprint(net, {name: rounded(np.float16)(v) for name, v in values.items()})
    assert diagnose(compare_fingerprints(fingerprint(net), near, Tolerances("float16"))) == []


def test_diagnoses_are_sorted_by_confidence_then_by_findings() -> None:
    net, values = NETS["convnet"], trained(NETS["convnet"])
    holed = values["head/kernel"].copy()
    holed[:4] = 0
    changes = reset(net, "norm1", "norm2") | {"head/kernel": holed}
    changes["conv1/kernel"] = values["conv1/kernel"][::-1, ::-1]
    changes |= {n: rounded(np.float16)(values[n]) for n in ("conv2/kernel", "conv3/kernel")}
    found = diagnose_values(net, changes)
    assert [(d.code, d.confidence) for d in found] == [
        ("cast-float16", 1.0),
        ("kernel-flipped", 1.0),
        ("batchnorm-statistics-reset", 0.99),
        ("zeroed", 0.96),
    ]


@ON_ALL
def test_structures_alone_can_be_diagnosed(net: Structure) -> None:
    path = net.layers[1].path
    other = edited(net, path, config={**(net.layers[1].config or {}), "activation": "relu"})
    assert codes(diagnose(compared(Fingerprint(net), Fingerprint(other)))) == ["config-changed"]
