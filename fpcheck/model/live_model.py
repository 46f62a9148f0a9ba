"""A Keras model in memory: in the user's own process, or in a worker."""

from contextlib import nullcontext
from typing import Any

import msgspec
import numpy as np

from fpcheck.codec import Array
from fpcheck.errors import FpcheckError, UnavailableError
from fpcheck.fingerprint.digest import of_array
from fpcheck.fingerprint.measurement import Measurement
from fpcheck.fingerprint.outputs import Answer, Noise, Outputs, Reach, largest_difference
from fpcheck.fingerprint.structure import Structure
from fpcheck.fingerprint.undoing import undo
from fpcheck.fingerprint.undone import Undone, Wanted
from fpcheck.fingerprint.weights import measure
from fpcheck.model.environment import environment
from fpcheck.model.execution import Run, named_functions, predicted, run
from fpcheck.model.layer_watch import running_backend
from fpcheck.model.live_graph import graph_of
from fpcheck.model.live_structure import read_structure, read_tensors, vocabulary_words
from fpcheck.model.preprocessing import applied, mistakes, prepare, right_step
from fpcheck.model.questions import IMAGENET_CLASSES, Label, OutputRequest
from fpcheck.model.sensitivity import reach
from fpcheck.model.user_code import attempt

# Examples that go through the model at once when it predicts.
PREDICT_BATCH = 32


class LiveKerasModel:
    """Answers from a built `keras.Model`; see `LiveModel`. A disposable process may crash."""

    def __init__(self, model: Any, format: str, disposable: bool = False) -> None:
        self.model = model
        self.format = format
        self.disposable = disposable
        self.backend = running_backend().name

    def structure(self) -> Structure:
        """See `Contents`."""
        return read_structure(self.model)

    def weights(self, known: frozenset[bytes] = frozenset()) -> tuple[Measurement, ...]:
        """See `Contents`."""
        return tuple(measure(values, dtype, known) for values, dtype in read_tensors(self.model))

    def digests(self) -> tuple[bytes, ...]:
        """See `Contents`."""
        return tuple(of_array(values, dtype) for values, dtype in read_tensors(self.model))

    def undone(self, wanted: tuple[Wanted, ...]) -> tuple[Undone | None, ...]:
        """See `Contents`."""
        asked = {item.candidate.digest for item in wanted}
        held = {
            own: values
            for values, dtype in read_tensors(self.model)
            if (own := of_array(values, dtype)) in asked
        }
        return undo(wanted, lambda digest: nullcontext(held[digest]))

    def words(self) -> tuple[str, ...]:
        """See `Contents`."""
        return vocabulary_words(self.model)

    def outputs(self, request: OutputRequest) -> Outputs:
        """See `LiveModel`."""
        raw = request.probes.make()
        arrays = prepare(request.probes, raw, request.preprocess)
        first = run(self.model, arrays, activations=True)
        taken = Outputs(
            probes=request.probes,
            preprocess=request.preprocess,
            answers=first[0],
            activations=first[1],
            environment=environment(self.backend),
            functions=named_functions(self.structure()),
        )
        if not request.recording:
            return taken
        noise = self._noise(arrays, first)
        alternatives = self._alternatives(request, raw, arrays, first[0])
        return msgspec.structs.replace(taken, noise=noise, alternatives=alternatives)

    def answers(self, request: OutputRequest) -> tuple[Answer, ...]:
        """See `LiveModel`."""
        return run(self.model, _inputs(request))[0]

    def reach(self, request: OutputRequest) -> Reach:
        """See `LiveModel`."""
        return reach(self.model, _inputs(request), request.allowed, self.disposable)

    def noise(self, request: OutputRequest) -> Noise:
        """See `LiveModel`."""
        arrays = _inputs(request)
        return self._noise(arrays, run(self.model, arrays, activations=True))

    def predict(self, images: Array, preprocess: str) -> Array:
        """See `LiveModel`."""
        prepared = applied(preprocess, images)
        parts: list[Array] = []
        for start in range(0, len(prepared), PREDICT_BATCH):
            try:
                (answer, *others), _ = run(self.model, [prepared[start : start + PREDICT_BATCH]])
            except UnavailableError as error:
                fact = f"images of shape {images.shape[1:]}: {error.fact}"
                advice = "Give images of the size and channels that the model takes."
                raise FpcheckError(fact, advice) from error
            if others or len(answer.shape) != 2:
                fact = "the model is no classifier of single images"
                advice = "Accuracy needs one output of shape (examples, classes)."
                raise UnavailableError(fact, advice)
            parts.append(answer.final)
        return np.concatenate(parts)

    def labels(self) -> tuple[Label, ...]:
        """See `LiveModel`."""
        from keras.applications.imagenet_utils import decode_predictions

        # A bare Exception if a download fails.
        rows: list[Any] = attempt(lambda: decode_predictions(np.eye(IMAGENET_CLASSES), top=1), [])
        return tuple(Label(str(row[0][0]), str(row[0][1])) for row in rows)

    def _noise(self, arrays: list[Array], first: Run) -> Noise:
        answers, activations = first
        again, then = run(self.model, arrays, activations=True)
        final, steady = tuple(a.final for a in answers), predicted(self.model, arrays)
        pairs = zip(activations, then, strict=False)
        varies = (a.layer for a, b in pairs if not np.array_equal(a.sketch, b.sketch))
        return Noise(
            repeat=largest_difference(_logits(answers), _logits(again)),
            batch_size=self._noise_of_batches(arrays, answers),
            predict=None if steady is None else largest_difference(final, steady),
            where=next(varies, None),
        )

    def _noise_of_batches(self, arrays: list[Array], answers: tuple[Answer, ...]) -> float | None:
        graph, count = graph_of(self.model), len(arrays[0])
        # Neither a fixed batch nor an output over the whole batch can be taken apart.
        fixed = graph is not None and any(tensor.shape[0] is not None for tensor in graph.inputs)
        if fixed or any(len(a.logits) != count for a in answers):
            return None
        single = [_logits(run(self.model, [a[i : i + 1] for a in arrays])[0]) for i in range(count)]
        joined = tuple(np.concatenate(parts) for parts in zip(*single, strict=True))
        return largest_difference(_logits(answers), joined)

    def _alternatives(
        self, how: OutputRequest, raw: list[Array], right: list[Array], answers: tuple[Answer, ...]
    ) -> dict[str, tuple[Array, ...]]:
        images = how.probes.images
        if not images:
            return {}
        found: dict[str, tuple[Array, ...]] = {}
        right_way = right_step(how.probes, images[0], how.preprocess)
        usual = mistakes(how.preprocess, raw[images[0]].shape[-1], right_way)
        for name, wrong in usual.items():
            arrays = [wrong(a) if i in images else right[i] for i, a in enumerate(raw)]
            if all(np.array_equal(a, b) for a, b in zip(arrays, right, strict=True)):
                continue
            logits = _logits(run(self.model, arrays)[0])
            if largest_difference(_logits(answers), logits) > how.allowed:
                found[name] = logits
        return found


def _inputs(request: OutputRequest) -> list[Array]:
    return prepare(request.probes, request.probes.make(), request.preprocess)


def _logits(answers: tuple[Answer, ...]) -> tuple[Array, ...]:
    return tuple(answer.logits for answer in answers)
