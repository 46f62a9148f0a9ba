"""A Keras model in memory: in the user's own process, or in a worker."""

from contextlib import nullcontext
from typing import Any

import msgspec
import numpy as np

from fpcheck.codec import Array
from fpcheck.errors import FpcheckError, UnavailableError
from fpcheck.fingerprint.digest import of_array
from fpcheck.fingerprint.measurement import Measurement
from fpcheck.fingerprint.outputs import (
    Activation,
    Answer,
    Noise,
    Outputs,
    Reach,
    largest_difference,
)
from fpcheck.fingerprint.structure import Structure
from fpcheck.fingerprint.undoing import undo
from fpcheck.fingerprint.undone import Undone, Wanted
from fpcheck.fingerprint.weights import measure
from fpcheck.model import live_graph, live_structure
from fpcheck.model.activation_functions import named_functions
from fpcheck.model.environment import environment
from fpcheck.model.execution import predicted, run
from fpcheck.model.labels import Label, imagenet_labels
from fpcheck.model.preprocessing import applied, mistakes, prepare, right_step
from fpcheck.model.recorder import running_backend
from fpcheck.model.runner import OutputPlan
from fpcheck.model.sensitivity import reach

# Examples that go through the model at once when it predicts.
PREDICT_BATCH = 32


class LiveKerasModel:
    """Answers from a live `keras.Model`; see `LiveModel`.

    Args:
        model: a built Keras model.
        kind: the name of its format.
        disposable: whether this process may crash.
    """

    def __init__(self, model: Any, kind: str, disposable: bool = False) -> None:
        self.disposable = disposable
        self.backend = running_backend().name
        self.model = model
        self.format = kind
        self.notes: list[str] = []

    def structure(self) -> Structure:
        """See `Contents`."""
        return live_structure.read_structure(self.model)

    def weights(self, known: frozenset[bytes] = frozenset()) -> tuple[Measurement, ...]:
        """See `Contents`."""
        return tuple(
            measure(values, dtype, known)
            for values, dtype in live_structure.read_tensors(self.model)
        )

    def digests(self) -> tuple[bytes, ...]:
        """See `Contents`."""
        return tuple(
            of_array(values, dtype) for values, dtype in live_structure.read_tensors(self.model)
        )

    def undone(self, wanted: tuple[Wanted, ...]) -> tuple[Undone | None, ...]:
        """See `Contents`."""
        asked = {item.candidate.digest for item in wanted}
        held = {
            own: values
            for values, dtype in live_structure.read_tensors(self.model)
            if (own := of_array(values, dtype)) in asked
        }
        return undo(wanted, lambda digest: nullcontext(held[digest]))

    def words(self) -> tuple[str, ...]:
        """See `Contents`."""
        return live_structure.vocabulary_words(self.model)

    def outputs(self, plan: OutputPlan) -> Outputs:
        """See `Runner`."""
        raw = plan.probes.make()
        arrays = prepare(plan.probes, raw, plan.preprocess)
        answers, activations = run(self.model, arrays, activations=True)
        taken = Outputs(
            probes=plan.probes,
            preprocess=plan.preprocess,
            answers=answers,
            activations=activations,
            environment=environment(self.backend),
            functions=named_functions(self.structure()),
        )
        if not plan.recording:
            return taken
        return msgspec.structs.replace(
            taken,
            noise=self._noise(arrays, answers, activations),
            alternatives=self._alternatives(plan, raw, arrays, answers),
        )

    def answers(self, plan: OutputPlan) -> tuple[Answer, ...]:
        """See `Runner`."""
        return run(self.model, prepare(plan.probes, plan.probes.make(), plan.preprocess))[0]

    def reach(self, plan: OutputPlan) -> Reach:
        """See `Runner`."""
        arrays = prepare(plan.probes, plan.probes.make(), plan.preprocess)
        return reach(self.model, arrays, plan.allowed, self.disposable)

    def noise(self, plan: OutputPlan) -> Noise:
        """See `Runner`."""
        arrays = prepare(plan.probes, plan.probes.make(), plan.preprocess)
        return self._noise(arrays, *run(self.model, arrays, activations=True))

    def predict(self, images: Array, preprocess: str) -> Array:
        """See `Runner`."""
        prepared = applied(preprocess, images)
        parts: list[Array] = []
        for start in range(0, len(prepared), PREDICT_BATCH):
            try:
                (answer, *others), _ = run(self.model, [prepared[start : start + PREDICT_BATCH]])
            except UnavailableError as error:
                raise FpcheckError(
                    f"images of shape {images.shape[1:]}: {error.fact}",
                    "Give images of the size and channels that the model takes.",
                ) from error
            if others or len(answer.shape) != 2:
                raise UnavailableError(
                    "the model is no classifier of single images",
                    "Accuracy needs one output of shape (examples, classes).",
                )
            parts.append(answer.final)
        return np.concatenate(parts)

    def labels(self) -> tuple[Label, ...]:
        """See `Runner`."""
        return imagenet_labels()

    def _noise(
        self, arrays: list[Array], answers: tuple[Answer, ...], activations: tuple[Activation, ...]
    ) -> Noise:
        logits = tuple(a.logits for a in answers)
        again, then = run(self.model, arrays, activations=True)
        final, steady = tuple(a.final for a in answers), predicted(self.model, arrays)
        pairs = zip(activations, then, strict=False)
        varies = (a.layer for a, b in pairs if not np.array_equal(a.sketch, b.sketch))
        noise = Noise(
            largest_difference(logits, tuple(a.logits for a in again)),
            predict=None if steady is None else largest_difference(final, steady),
            where=next(varies, None),
        )
        count = len(arrays[0])
        # Neither a fixed batch nor an output over the whole batch can be taken apart.
        if any(size is not None for size in live_graph.fixed_batches(self.model)) or any(
            len(a.logits) != count for a in answers
        ):
            return noise
        single = [
            run(self.model, [a[place : place + 1] for a in arrays])[0] for place in range(count)
        ]
        joined = tuple(
            np.concatenate([answer[output].logits for answer in single])
            for output in range(len(answers))
        )
        return msgspec.structs.replace(noise, batch_size=largest_difference(logits, joined))

    def _alternatives(
        self, plan: OutputPlan, raw: list[Array], right: list[Array], answers: tuple[Answer, ...]
    ) -> dict[str, tuple[Array, ...]]:
        images = plan.probes.images
        if not images:
            return {}
        found: dict[str, tuple[Array, ...]] = {}
        right_way = right_step(plan.probes, plan.preprocess)
        usual = mistakes(plan.preprocess, raw[images[0]].shape[-1], right_way)
        for name, wrong in usual.items():
            arrays = [wrong(a) if i in images else right[i] for i, a in enumerate(raw)]
            if all(np.array_equal(a, b) for a, b in zip(arrays, right, strict=True)):
                continue
            logits = tuple(a.logits for a in run(self.model, arrays)[0])
            if largest_difference(tuple(a.logits for a in answers), logits) > plan.allowed:
                found[name] = logits
        return found
