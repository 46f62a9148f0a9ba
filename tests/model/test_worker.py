"""A worker answers as a model in this process does, and nothing that a model does disturbs it."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from fpcheck import demo
from fpcheck.codec import PathText, pack, unpack
from fpcheck.errors import FpcheckError, UnavailableError
from fpcheck.fingerprint import probes
from fpcheck.model import worker_client
from fpcheck.model.questions import Host, OutputRequest, question
from fpcheck.model.source import Kind, Options, Source, parse
from fpcheck.model.worker_client import WorkerClient
from fpcheck.processes.reply import types_of

NOISY = """
import os, sys
import keras

def build():
    os.write(1, b"raw noise")
    print("noise" * 10_000)
    assert sys.stdin.read() == ""
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])

def die():
    print("last words", flush=True)
    os._exit(3)
"""
METHODS = [name for name in dir(Host) if not name.startswith("_")]


@pytest.fixture
def noisy(here: Path) -> Iterator[WorkerClient]:
    (here / "noisy.py").write_text(NOISY)
    path = os.pathsep.join([str(here), os.environ["PYTHONPATH"]])
    with WorkerClient({"PYTHONPATH": path}) as session:
        yield session


@pytest.mark.parametrize("method", METHODS)
def test_the_types_of_each_question_can_cross(method: str) -> None:
    arguments, result = types_of(getattr(Host, method))
    for kind in (arguments, result):
        msgspec.msgpack.Decoder(kind, dec_hook=lambda kind, value: value)


def test_defaults_and_names_of_arguments_cross() -> None:
    kind, _ = types_of(Host.weights)
    sent: dict[str, Any] = {
        "default": question("weights"),
        "placed": question("weights", frozenset([b"x"])),
        "named": question("weights", known=frozenset([b"x"])),
    }
    received = {name: unpack(asked.arguments, kind) for name, asked in sent.items()}
    known = (frozenset([b"x"]),)
    assert received == {"default": (frozenset(),), "placed": known, "named": known}


def test_arrays_cross_in_both_directions() -> None:
    kind, result = types_of(Host.predict)
    images = np.arange(6, dtype="float16").reshape(1, 2, 3)
    received, preprocess = unpack(question("predict", images, "tf").arguments, kind)
    assert (received.dtype, received.tolist(), preprocess) == ("float16", images.tolist(), "tf")
    assert unpack(pack(images), result).tolist() == images.tolist()


def test_it_answers_what_a_model_in_this_process_answers(worker: WorkerClient) -> None:
    import keras

    from fpcheck.model.live_model import LiveKerasModel

    worker.open(parse(str(demo.MODEL)), Options())
    here = LiveKerasModel(keras.models.load_model(demo.MODEL), "memory")
    request = OutputRequest(probes.fit(here.structure(), 2), "tf")
    names = [answer.name for answer in here.answers(request)]
    for live in (worker.model, here):
        assert live.structure() == here.structure()
        assert live.digests() == here.digests()
        assert live.words() == ()
        assert [answer.name for answer in live.answers(request)] == names
        known = live.weights(frozenset(here.digests()))
        assert {measured.details is None for measured in known} == {True}
        assert {measured.details is None for measured in live.weights()} == {False}


def test_what_a_model_prints_disturbs_nothing_and_a_dead_worker_is_replaced(
    noisy: WorkerClient,
) -> None:
    with pytest.raises(UnavailableError) as raised:
        noisy.open(parse("noisy:die"), Options())
    assert str(raised.value) == (
        "the process that loads the model ended with status 3\n"
        "It may have run out of memory, or the file is damaged; --debug shows what it said."
    )
    assert raised.value.__notes__[-1].endswith("last words\n")
    noisy.open(parse("noisy:build"), Options())
    assert noisy.format == "callable"
    assert [layer.class_name for layer in noisy.model.structure().layers] == ["Dense"]


def test_a_reply_that_is_too_large_is_refused(
    worker: WorkerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.open(parse(str(demo.MODEL)), Options())
    monkeypatch.setattr(worker_client, "REPLY_BYTES", 100)
    with pytest.raises(FpcheckError) as raised:
        worker.model.structure()
    assert str(raised.value) == (
        "the process that loads the model gave a reply of more than 100 bytes\n"
        "Give fewer examples or probes."
    )


def test_a_load_that_nobody_waited_for_is_not_the_answer_to_the_next(here: Path) -> None:
    Path("bad.keras").write_bytes(b"PK")
    good = parse(str(demo.MODEL))
    with WorkerClient() as worker:
        worker.begin(Source("bad.keras", Kind.FILE, PathText(here / "bad.keras")), Options())
        worker.begin(good, Options())
        worker.open(good, Options())
        assert worker.format == "keras"
        assert worker.model.words() == ()
