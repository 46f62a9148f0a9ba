"""Diagnoses of constructed faults, with the closer look that an open model allows."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
import pytest
from builders import Values, convnet, fingerprint, outputs, perceptron, trained
from msgspec.structs import replace

from fpcheck.codec import Array
from fpcheck.comparison.compare import CloserLook, Comparison, compare_fingerprints
from fpcheck.comparison.tolerance import Tolerances
from fpcheck.diagnosis import diagnose
from fpcheck.diagnosis.case import Neighbour, Neighbours, nobody
from fpcheck.fingerprint import digest
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.outputs import Noise
from fpcheck.fingerprint.structure import Structure
from fpcheck.fingerprint.undoing import undo
from fpcheck.fingerprint.undone import Undone, Wanted
from fpcheck.report.result import Diagnosis

NETS = {"convnet": convnet(), "wide": convnet(16, 5), "perceptron": perceptron(12)}
CONVNETS = {name: NETS[name] for name in ("convnet", "wide")}
ON_ALL = pytest.mark.parametrize("net", NETS.values(), ids=NETS)
ON_CONVNETS = pytest.mark.parametrize("net", CONVNETS.values(), ids=CONVNETS)
Change = Callable[[Array], Array]
LOGITS = np.random.default_rng(9).normal(size=(4, 10)).astype(np.float32)
NORMALISED = ("gamma", "beta", "moving_mean", "moving_variance")


def compared(golden: Fingerprint, candidate: Fingerprint) -> Comparison:
    return compare_fingerprints(golden, candidate, Tolerances())


def reader(tensors: Mapping[bytes, Array]) -> Callable[[bytes], AbstractContextManager[Array]]:
    """Gives tensors by their digest, as an open model does."""

    @contextmanager
    def read(asked: bytes) -> Iterator[Array]:
        yield tensors[asked]

    return read


def with_closer_look(
    comparison: Comparison, values: Mapping[str, Array], **more: Any
) -> Comparison:
    """The comparison with the changes that are recognised in the candidate's values."""
    tensors = {}
    for owner, tensor in comparison.candidate.structure.tensors:
        own = values[f"{owner.path}/{tensor.role}"]
        tensors[digest.of_array(own, tensor.dtype)] = own
    items = [item for item in comparison.changed if item.both is not None]
    wanted = [Wanted(item.candidate, item.golden, item.tensor.dtype) for item in items]
    found = zip(items, undo(wanted, reader(tensors)), strict=True)
    undone: dict[tuple[str, int], Undone] = {i.place: how for i, how in found if how is not None}
    return replace(comparison, closer_look=CloserLook(undone, **more))


def diagnose_values(
    net: Structure, changes: Values, base: Values | None = None, neighbours: Neighbours = nobody
) -> list[Diagnosis]:
    """The diagnoses of a model in which some tensors have other values."""
    golden = trained(net) if base is None else base
    values = {**golden, **changes}
    comparison = compared(fingerprint(net, golden), fingerprint(net, values))
    return diagnose(with_closer_look(comparison, values), neighbours)


def neighbour(label: str, measured: Fingerprint) -> Neighbour:
    """Another golden in reach."""
    own, structure = measured.content_id, measured.structure
    shape = digest.text(structure.shape_digest)
    return Neighbour(
        label, digest.text(own) if own else None, shape, structure.parameters, lambda: measured
    )


def diagnose_outputs(
    net: Structure,
    logits: Array,
    *,
    live: Structure | None = None,
    noise: Noise | None = None,
    **changes: Any,
) -> list[Diagnosis]:
    """The diagnoses of a model with other outputs, after a closer look at it."""
    was = fingerprint(net, outputs=outputs(net, LOGITS))
    now = fingerprint(net, outputs=outputs(net, logits, **changes))
    closer = CloserLook(structure=live, noise=noise)
    return diagnose(replace(compared(was, now), closer_look=closer))


def codes(found: list[Diagnosis]) -> list[str]:
    return [diagnosis.code for diagnosis in found]


def kernels(net: Structure) -> list[str]:
    return [f"{la.path}/{t.role}" for la, t in net.tensors if t.role == "kernel"]


def rounded(through: type) -> Change:
    return lambda values: values.astype(through).astype(np.float32)


def moved(values: Array, by: float = 1e-3, seed: int = 3) -> Array:
    """All values changed a little, each by itself."""
    noise = np.random.default_rng(seed).normal(size=values.shape)
    return np.asarray(values * (1 + by * noise)).astype(values.dtype)


def exchanged(values: Values, first: str, second: str, *roles: str) -> Values:
    pairs = ((first, second), (second, first))
    return {f"{a}/{role}": values[f"{b}/{role}"] for a, b in pairs for role in roles}


STATISTICS = {"moving_mean": np.zeros, "moving_variance": np.ones}


def reset(net: Structure, *paths: str) -> Values:
    width = net.layers[2].tensors[0].shape
    return {f"{p}/{r}": make(width, np.float32) for p in paths for r, make in STATISTICS.items()}


def glorot(net: Structure, path: str, seed: int = 5) -> Values:
    """What Keras gives a fresh convolution or dense layer."""
    kernel, bias = net.by_path[path].tensors
    field = np.prod(kernel.shape[:-2])
    limit = np.sqrt(6 / ((kernel.shape[-2] + kernel.shape[-1]) * field))
    drawn = np.random.default_rng(seed).uniform(-limit, limit, kernel.shape).astype(np.float32)
    return {f"{path}/kernel": drawn, f"{path}/bias": np.zeros(bias.shape, np.float32)}


def fresh(net: Structure) -> Values:
    """All initial values of a model."""
    found: Values = {}
    for item in net.layers:
        if item.class_name == "BatchNormalization":
            ones = ("gamma", "moving_variance")
            found |= {
                f"{item.path}/{t.role}": (np.ones if t.role in ones else np.zeros)(
                    t.shape, np.float32
                )
                for t in item.tensors
            }
        elif item.tensors:
            found |= glorot(net, item.path, len(found))
    return found
