"""Weights of another training run, of another golden, or of another head."""

import numpy as np
import pytest
from builders import Values, bare, dense, fingerprint, network, outputs, trained
from diagnosing import (
    LOGITS,
    ON_ALL,
    ON_CONVNETS,
    codes,
    compared,
    diagnose_values,
    fresh,
    kernels,
    moved,
    neighbour,
)
from msgspec.structs import replace

from fpcheck.diagnosis import diagnose
from fpcheck.fingerprint.structure import Structure


def positive(net: Structure, seed: int) -> Values:
    """Weights whose vectors all are near one, as in normalisations they often are."""
    random = np.random.default_rng(seed)
    return {
        name: np.asarray(1 + 0.2 * random.normal(size=v.shape)).astype(np.float32)
        if v.ndim == 1
        else v
        for name, v in trained(net, seed).items()
    }


@ON_ALL
@pytest.mark.parametrize("seed", range(1, 6))
def test_unrelated_weights_are_another_checkpoint(net: Structure, seed: int) -> None:
    (found,) = diagnose_values(net, positive(net, seed), positive(net, 0))
    weighted = [la.path for la in net.layers if la.tensors]
    assert (found.code, found.layers, found.confidence) == ("other-checkpoint", weighted, 0.8)
    assert found.summary == (
        "The weights of all layers are unrelated to the golden's: they come from another "
        "checkpoint."
    )
    assert found.evidence == [
        f"{len(weighted)} layers of {len(weighted)}: shapes equal the golden's",
        "the values are neither close to the golden's nor freshly initialised",
        "no other golden has these values",
    ]


@ON_CONVNETS
def test_vectors_that_changed_much_are_fine_tuned_if_their_kernels_are(net: Structure) -> None:
    base = positive(net, 0)
    changes = {n: moved(v, 1e-2) if v.ndim > 1 else moved(v, 0.5) for n, v in base.items()}
    assert codes(diagnose_values(net, changes, base)) == ["fine-tuned"]


@ON_CONVNETS
@pytest.mark.parametrize("role", ["gamma", "moving_variance"])
def test_constant_vectors_are_not_called_fine_tuned(net: Structure, role: str) -> None:
    name = f"norm1/{role}"
    (found,) = diagnose_values(net, {name: np.full_like(trained(net)[name], 0.9)})
    assert (found.code, found.layers, found.confidence) == ("other-checkpoint", ["norm1"], 0.5)
    assert found.summary == (
        "The weights of norm1 are unrelated to the golden's: they come from another checkpoint."
    )
    assert found.evidence[0] == "1 layer of 6: shapes equal the golden's"


@ON_ALL
def test_weights_of_another_golden_name_that_golden(net: Structure) -> None:
    goldens = [
        neighbour("near@1", fingerprint(net, trained(net, 3))),
        neighbour("far@2", fingerprint(net, trained(net, 5))),
    ]
    (found,) = diagnose_values(net, trained(net, 5), neighbours=lambda: iter(goldens))
    assert (found.code, found.confidence) == ("other-checkpoint", 1.0)
    assert found.summary == "The model equals far@2."
    assert found.evidence == ["structure and weights have the digests of far@2"]
    assert found.advice == ("Compare with that golden: --golden far@2, or load the right file.")


@ON_ALL
def test_part_of_the_weights_of_another_golden_is_no_proof(net: Structure) -> None:
    """All that changed is the other golden's; what did not change is not."""
    other, first = trained(net, 5), net.layers[-1].path
    changes = {name: value for name, value in other.items() if not name.startswith(f"{first}/")}
    found = diagnose_values(
        net, changes, neighbours=lambda: iter([neighbour("far@2", fingerprint(net, other))])
    )
    assert (found[0].code, found[0].confidence) == ("other-checkpoint", 0.95)


@ON_ALL
def test_most_weights_of_another_golden_name_that_golden(net: Structure) -> None:
    changed = trained(net, 5) | {kernels(net)[0]: trained(net, 6)[kernels(net)[0]]}
    goldens = [neighbour("far@2", fingerprint(net, trained(net, 5)))]
    found, *_ = diagnose_values(net, changed, neighbours=lambda: iter(goldens))
    count = len(trained(net))
    assert (found.code, found.confidence) == ("other-checkpoint", 0.95)
    assert found.summary == "The weights are those of the golden far@2."
    assert found.evidence == [f"{count - 1} of {count} changed tensors have the digests of far@2"]


OLDER = "an older version; the newest is net@2"


@ON_ALL
def test_an_equal_older_version_is_the_only_diagnosis(net: Structure) -> None:
    """The newest version's head was scaled: without the older one this would be `rescaled`."""
    name = kernels(net)[-1]
    now = trained(net) | {name: trained(net)[name] * 2}
    older = replace(neighbour("net@1", fingerprint(net, trained(net))), relation=OLDER)
    comparison = compared(fingerprint(net, now), fingerprint(net, trained(net)))
    assert codes(diagnose(comparison)) == ["rescaled"]
    (found,) = diagnose(comparison, lambda: iter([older]))
    assert (found.code, found.confidence) == ("other-checkpoint", 1.0)
    assert found.layers == [name.rpartition("/")[0]]
    assert found.summary == "The model equals net@1, an older version; the newest is net@2."
    assert found.advice == ("Compare with that golden: --golden net@1, or load the right file.")


@ON_CONVNETS
def test_an_equal_older_version_with_another_configuration_is_named(net: Structure) -> None:
    path = next(la.path for la in net.layers if la.class_name == "BatchNormalization")
    config = {**(net.by_path[path].config or {}), "epsilon": 0.1}
    layers = (replace(la, config=config) if la.path == path else la for la in net.layers)
    edited = replace(net, layers=tuple(layers))
    older = neighbour("net@1", fingerprint(edited, trained(net)))
    comparison = compared(fingerprint(net, trained(net)), fingerprint(edited, trained(net)))
    (found,) = diagnose(comparison, lambda: iter([replace(older, relation=OLDER)]))
    assert (found.code, found.layers) == ("other-checkpoint", [path])
    # For a golden of another name, the changed configuration is the diagnosis.
    assert codes(diagnose(comparison, lambda: iter([older]))) == ["config-changed"]


@ON_ALL
def test_a_version_with_equal_weights_and_other_outputs_is_not_named(net: Structure) -> None:
    was = fingerprint(net, trained(net), outputs=outputs(net, LOGITS))
    now = fingerprint(net, trained(net), outputs=outputs(net, LOGITS + 1))
    older = replace(neighbour("net@1", was), relation=OLDER)
    found = diagnose(compared(was, now), lambda: iter([older]))
    assert "other-checkpoint" not in codes(found)


@ON_CONVNETS
def test_zeros_and_ones_do_not_identify_another_golden(net: Structure) -> None:
    bare = network(
        net.layers[0], *(la for la in net.layers if la.class_name == "BatchNormalization")
    )
    untrained = fingerprint(bare, fresh(bare))
    changes = {n: v for n, v in fresh(bare).items() if "moving" in n}
    found = diagnose_values(
        bare, changes, neighbours=lambda: iter([neighbour("untrained@1", untrained)])
    )
    assert codes(found) == ["batchnorm-statistics-reset"]


@ON_ALL
def test_a_head_of_another_model_is_head_replaced(net: Structure) -> None:
    head, weighted = net.layers[-1].path, [la.path for la in net.layers if la.tensors]
    other = trained(net, 4)
    (found,) = diagnose_values(net, {n: v for n, v in other.items() if n.startswith(f"{head}/")})
    assert (found.code, found.layers, found.confidence) == ("head-replaced", [head], 0.9)
    assert found.summary == f"Only the head differs from the golden: {head}."
    assert found.evidence == [
        f"{len(weighted) - 1} other layers with weights: equal to the golden",
        "the values of the head are unrelated to the golden's",
    ]


@ON_ALL
def test_a_head_of_another_size_is_head_replaced(net: Structure) -> None:
    path = net.layers[-1].path
    width = net.by_path[path].tensors[0].shape[0]
    sized = dense(path, net.by_path[path].inbound[0], width, 7)
    other = replace(net, layers=(*net.layers[:-1], sized))
    drawn = {n: v for n, v in trained(other, 4).items() if n.startswith(f"{path}/")}
    found = diagnose(compared(fingerprint(net), fingerprint(other, {**trained(net), **drawn})))
    assert codes(found) == ["head-replaced", "config-changed"]
    assert found[0].summary == (
        f"Only the head differs from the golden: {path}; {path}/kernel is [{width}, 7] (golden: "
        f"[{width}, 10]) and 1 more."
    )


@ON_ALL
def test_a_trained_head_or_a_changed_body_layer_is_not_head_replaced(
    net: Structure,
) -> None:
    *_, before, head = [name.partition("/")[0] for name in kernels(net)]
    values, other = trained(net), trained(net, 4)
    tuned = {n: moved(v) for n, v in values.items() if n.startswith(f"{head}/")}
    assert codes(diagnose_values(net, tuned)) == ["fine-tuned"]
    body = {n: v for n, v in other.items() if n.startswith(f"{before}/")}
    assert codes(diagnose_values(net, body)) == ["other-checkpoint"]


@ON_ALL
def test_a_head_known_by_digests_has_a_lower_confidence(net: Structure) -> None:
    head = net.layers[-1].path
    digests = bare(fingerprint(net))
    changes = {n: moved(v) for n, v in trained(net).items() if n.startswith(f"{head}/")}
    (found,) = diagnose(compared(digests, fingerprint(net, {**trained(net), **changes})))
    assert (found.code, found.confidence) == ("head-replaced", 0.6)
    assert found.evidence[1] == (
        "only digests of the head are known, so it may have been trained further"
    )
