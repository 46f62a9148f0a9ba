"""Weights that were trained on, or in another run; `python -m benchmarks.detection.training`."""

import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.detection.case import Case, Cases, Known, edit, fault, given
from benchmarks.detection.graph import Graph
from benchmarks.detection.models import SPECS
from benchmarks.detection.subject import Array, Slot, Subject, slots_of

GROUP = "trained on, or otherwise"
STEPS = 3
RATE = 1e-3


def _drawn(subject: Subject, slot: Slot, rng: np.random.Generator) -> Array:
    """Values of the size of those trained, and independent of them."""
    values = subject.values[slot.key].astype(np.float64)
    if slot.role in ("moving_variance", "variance"):
        logs = np.log(np.maximum(values, 1e-12))
        return np.exp(rng.normal(logs.mean(), logs.std(), values.shape)).astype(np.float32)
    if slot.is_kernel:
        std = values.std(axis=tuple(range(values.ndim - 1)))
        return np.asarray(rng.normal(values.mean(), rng.permutation(std), values.shape), np.float32)
    return rng.normal(values.mean(), values.std(), values.shape).astype(np.float32)


def _floats(subject: Subject) -> list[Slot]:
    return [slot for slot in subject.slots if "float" in str(slot.variable.dtype)]


def another(subject: Subject) -> dict[tuple[str, int], Array]:
    """All weights as another training run might have left them."""
    rng = subject.rng
    return {slot.key: _drawn(subject, slot, rng) for slot in _floats(subject)}


@fault("other-checkpoint", GROUP, "other-checkpoint")
def other_checkpoint(subject: Subject) -> Cases:
    """The weights of another training run."""
    yield from edit(subject, "all", another(subject), layers=None)


@fault("other-checkpoint-known", GROUP, "other-checkpoint")
def other_checkpoint_known(subject: Subject) -> Cases:
    """The weights of another training run, of which there is a golden, too."""
    name = f"{subject.name}-other"
    values = another(subject)
    known = Known(name, partial(subject.edited, values))
    yield from edit(subject, "all", values, layers=None, known=known, mentions=name)


@fault("head-replaced", GROUP, "head-replaced")
def head_replaced(subject: Subject) -> Cases:
    """A trained head for other classes, as many."""
    rng = subject.rng
    edits = {slot.key: _drawn(subject, slot, rng) for slot in subject.head}
    yield from edit(subject, subject.head[0].layer, edits)


@fault("head-resized", GROUP, "head-replaced")
def head_resized(subject: Subject) -> Cases:
    """A head for two more classes."""
    path = subject.head[0].layer
    rng = subject.rng

    def make() -> Any:
        graph = Graph(subject.model)
        config = dict(graph.every())[path]["config"]
        config["units" if "units" in config else "filters"] += 2
        model = graph.built()
        for slot in slots_of(model):
            if slot.layer == path:
                std = float(subject.values[slot.key].std())
                slot.variable.assign(rng.normal(0, std or 0.1, slot.shape))
        return model

    yield Case(path, given(make), (path,))


def _moved(values: Array, share: float, rng: np.random.Generator) -> Array:
    """Values with noise of a share of their own size; variances stay positive."""
    size = values.std() or np.abs(values).mean()
    noise = (share * size * rng.normal(size=values.shape)).astype(values.dtype)
    moved = values + noise
    kept: Array = np.where(values > 0, np.maximum(moved, values / 10), moved)
    return kept.astype(values.dtype)


@fault("fine-tuned-noise", GROUP, "fine-tuned")
def fine_tuned_noise(subject: Subject) -> Cases:
    """Every weight moved a little: by 0.1 %, 2 % and 20 % of its tensor's size."""
    for share in (0.001, 0.02, 0.2):
        rng = subject.rng
        edits = {s.key: _moved(subject.values[s.key], share, rng) for s in _floats(subject)}
        yield from edit(subject, f"all by {share:.1%}", edits, layers=None)


@fault("fine-tuned-head", GROUP, "fine-tuned")
def fine_tuned_head(subject: Subject) -> Cases:
    """The head alone moved by 5 % of its size."""
    rng = subject.rng
    edits = {slot.key: _moved(subject.values[slot.key], 0.05, rng) for slot in subject.head}
    yield from edit(subject, subject.head[0].layer, edits)


@fault("fine-tuned-new-head", GROUP, "fine-tuned head-replaced")
def fine_tuned_new_head(subject: Subject) -> Cases:
    """The body moved by 2 % of its size below a new head: transfer learning."""
    rng = subject.rng
    edits = {s.key: _moved(subject.values[s.key], 0.02, rng) for s in _floats(subject)}
    edits |= {slot.key: _drawn(subject, slot, rng) for slot in subject.head}
    yield from edit(subject, "all", edits, layers=None)


@fault("fine-tuned-steps", GROUP, "fine-tuned")
def fine_tuned_steps(subject: Subject) -> Cases:
    """Three real steps of training with Adam."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trained.npz"
        # TensorFlow 2.21 with oneDNN was seen to crash in a backward pass.
        environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": "0", "TF_CPP_MIN_LOG_LEVEL": "3"}
        command = [sys.executable, "-m", "benchmarks.detection.training", subject.name, str(path)]
        subprocess.run(command, env=environment, check=True, capture_output=True)
        with np.load(path) as archive:
            arrays = [archive[f"arr_{place}"] for place in range(len(subject.slots))]
    edits = {slot.key: array for slot, array in zip(subject.slots, arrays, strict=True)}
    yield from edit(subject, "all", edits, layers=None)


def train(name: str, path: Path) -> None:
    """Train a good model for a few steps on its probes and random targets; keep its weights."""
    import keras
    import tensorflow as tf

    from fpcheck.fingerprint import probes
    from fpcheck.model.live_structure import read_structure
    from fpcheck.model.preprocessing import prepare

    spec = SPECS[name]
    model = spec.build()
    recipe = probes.fit(read_structure(model))
    inputs = [tf.constant(x) for x in prepare(recipe, recipe.make(), spec.preprocess)]
    optimizer = keras.optimizers.Adam(RATE)
    rng = np.random.default_rng(0)
    for _ in range(STEPS):
        with tf.GradientTape() as tape:
            found = model(inputs if len(inputs) > 1 else inputs[0], training=True)
            outputs = keras.tree.flatten(found)
            loss = sum(tf.reduce_mean((y - rng.normal(size=y.shape)) ** 2) for y in outputs)
        gradients = tape.gradient(loss, model.trainable_variables)
        pairs = zip(gradients, model.trainable_variables, strict=True)
        optimizer.apply_gradients([(g, v) for g, v in pairs if g is not None])
    np.savez(path, *[np.asarray(slot.variable) for slot in slots_of(model)])


if __name__ == "__main__":
    train(sys.argv[1], Path(sys.argv[2]))
