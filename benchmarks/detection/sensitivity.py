"""How small a change is found, how well sketches estimate it, and what rounding alone does."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import fpcheck
from benchmarks.detection.running import Bench, Row
from benchmarks.detection.subject import Array, Slot, Subject
from fpcheck.comparison.output_findings import compare_outputs
from fpcheck.fingerprint import outputs as measured
from fpcheck.fingerprint import sketch
from fpcheck.model.execution import Forward, forward, run
from fpcheck.model.layer_watch import LayerWatch
from fpcheck.model.preprocessing import prepare

# Relative L2 changes that are tried, from the smallest.
CHANGES = tuple(10.0**power for power in range(-7, 1))
# Of how many tensors, for each place that a fault has in the model.
TENSORS = 4


@dataclass(frozen=True)
class Sensitivity:
    """Of one model.

    Attributes:
        tensors: how many were tried.
        last_place: of how many a change of one value in its last place is found by the weights.
        outputs: the smallest relative change at which outputs fail, for each tensor; infinite
            where none of those tried makes them fail.
        estimates: for each relative change, the estimated distance by the true one.
    """

    model: str
    tensors: int
    last_place: int
    outputs: tuple[float, ...]
    estimates: dict[float, tuple[float, ...]]


def sensitivity(bench: Bench, subject: Subject, rng: np.random.Generator) -> Sensitivity:
    """Try some tensors of each model."""
    floats = [s for s in subject.slots if s.variable.dtype == "float32"]
    most = min(len(floats), TENSORS * subject.spec.places)
    slots = [floats[int(place)] for place in np.linspace(0, len(floats) - 1, most).round()]
    found = [_last_place_found(bench, subject, slot) for slot in slots]
    outputs = tuple(_smallest(bench, subject, slot, rng) for slot in slots)
    kernels = [slot for slot in slots if slot.is_kernel]
    estimates = {
        change: tuple(_estimate(subject.values[s.key], change, rng) for s in kernels)
        for change in CHANGES
    }
    return Sensitivity(subject.name, len(slots), sum(found), outputs, estimates)


def _shifted(values: Array, change: float, rng: np.random.Generator) -> Array:
    """Values moved in a random direction by a share of their own length."""
    direction = rng.normal(size=values.shape)
    length = float(np.linalg.norm(values)) or 1.0
    step = direction * (change * length / np.linalg.norm(direction))
    return (values.astype(np.float64) + step).astype(values.dtype)


def _last_place_found(bench: Bench, subject: Subject, slot: Slot) -> bool:
    values = subject.values[slot.key].copy()
    flat = values.reshape(-1)
    flat[flat.size // 2] = np.nextafter(flat[flat.size // 2], np.float32(np.inf))
    return _fails(bench, subject, slot, values, "weights")


def _smallest(bench: Bench, subject: Subject, slot: Slot, rng: np.random.Generator) -> float:
    for change in CHANGES:
        values = _shifted(subject.values[slot.key], change, rng)
        if _fails(bench, subject, slot, values, "outputs"):
            return change
    return float("inf")


def _fails(bench: Bench, subject: Subject, slot: Slot, values: Array, level: str) -> bool:
    goldens = bench.goldens(subject.name)
    levels = {"weights", level}  # outputs are run where weights differ, else they are proved
    with subject.edited({slot.key: values}) as model:
        report = fpcheck.compare(model, subject.name, goldens=goldens, levels=sorted(levels))
    return any(finding.level == level for finding in report.errors)


def _estimate(values: Array, change: float, rng: np.random.Generator) -> float:
    """The distance that sketches estimate, by the true one."""
    moved = _shifted(values, change, rng)
    true = float(np.linalg.norm(moved.astype(np.float64) - values.astype(np.float64)))
    return sketch.distance(sketch.of_array(values), sketch.of_array(moved)) / true if true else 1.0


def compiled(model: Any, arrays: list[Array], watch: LayerWatch) -> Forward:
    """One run of a model that TensorFlow compiles as a whole, with XLA."""
    import tensorflow as tf

    squashed: list[bool] = []

    def traced(inputs: list[Any]) -> tuple[list[Any], list[Any]]:
        outputs, before = forward(model, inputs, watch)
        squashed.extend(flag for _, flag in before)
        return outputs, [logits for logits, _ in before]

    inputs = [tf.constant(array) for array in arrays]
    outputs, logits = tf.function(traced, jit_compile=True)(inputs)
    return outputs, list(zip(logits, squashed, strict=True))


def rounding(bench: Bench, subject: Subject) -> Iterator[Row]:
    """Rows of benign changes that are made while running: XLA, other batch sizes."""
    golden = fpcheck.load_golden(subject.name, goldens=bench.goldens(subject.name))
    outputs = golden.fingerprint.outputs
    assert outputs is not None
    probes = outputs.probes
    arrays = prepare(probes, probes.make(), outputs.preprocess)
    allowed = golden.tolerances.allowed_outputs(outputs)
    # XLA has no text: TensorFlow ends the whole process.
    compiles = all("string" not in x.dtype for x in subject.model.inputs)
    for name in ("xla", "batch-tripled") if compiles else ("batch-tripled",):
        if name == "xla":
            answers, _ = run(subject.model, arrays, forward=compiled)
        else:
            answers, _ = run(subject.model, [np.concatenate([a, a, a]) for a in arrays])
        count = len(arrays[0])
        pairs = [
            (mine.logits, other.logits[: len(mine.logits)])
            for mine, other in zip(outputs.answers, answers, strict=True)
        ]
        mine, other = (tuple(side) for side in zip(*pairs, strict=True))
        largest = measured.largest_difference(mine, other)
        if name == "xla":
            wrong = bool(compare_outputs(outputs, _with(outputs, answers), allowed))
        else:
            wrong = not largest <= allowed
        yield Row(
            subject.name,
            name,
            f"{count} probes",
            ("match",),
            None,
            "mismatch" if wrong else "match",
            (),
            (),
            f"max/RMS {largest:.1e} of {allowed:.0e}",
            None,
            None,
            None,
            None,
            {},
        )


def _with(outputs: measured.Outputs, answers: tuple[measured.Answer, ...]) -> measured.Outputs:
    import msgspec

    return msgspec.structs.replace(outputs, answers=answers)
