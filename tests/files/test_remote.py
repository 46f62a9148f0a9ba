"""Files at an address: only what is needed is read, and what cannot be had is said."""

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import fsspec
import h5py
import numpy as np
import pytest

from fpcheck.errors import FpcheckError
from fpcheck.files import remote
from fpcheck.model.source import Options
from fpcheck.workflows import recording
from fpcheck.workflows.comparing import Request, compare_source
from fpcheck.workflows.hashing import hash_weights
from fpcheck.workflows.recording import record_source

STATIC = Options(static=True)


class Ranges(http.server.SimpleHTTPRequestHandler):
    """Serves parts of files, and counts the bytes that it sends."""

    sent = 0

    def do_GET(self) -> None:
        data = Path(self.translate_path(self.path)).read_bytes()
        start, _, end = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
        part = data[int(start) : int(end or len(data) - 1) + 1]
        Ranges.sent += len(part)
        self.send_response(206)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(part)))
        self.send_header("Content-Range", f"bytes {start}-{int(start) + len(part) - 1}/{len(data)}")
        self.end_headers()
        self.wfile.write(part)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(here: Path) -> Iterator[str]:
    """A real server of the working folder."""
    handler = functools.partial(Ranges, directory=str(here))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def write(path: str, optimizer: int = 0) -> None:
    """Legacy weights of one layer, and beside them state of training that nobody asks for."""
    values = np.random.default_rng(1).normal(size=(200, 100)).astype(np.float32)
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = ["head"]
        group = file.create_group("head")
        group.attrs["weight_names"] = ["head/kernel:0"]
        group["head/kernel:0"] = values
        file["optimizer_weights/slots"] = np.ones(optimizer, np.float32)


def test_a_file_on_a_server_has_the_id_of_its_copy(server: str) -> None:
    write("weights.h5")
    assert hash_weights(f"{server}/weights.h5", STATIC) == hash_weights("weights.h5", STATIC)


def test_state_of_training_is_not_fetched(server: str) -> None:
    write("weights.h5", optimizer=5_000_000)
    Ranges.sent = 0
    hash_weights(f"{server}/weights.h5", STATIC)
    assert Path("weights.h5").stat().st_size > 20_000_000
    assert Ranges.sent < 80_000 + 8 * remote.BLOCK


def test_a_file_in_memory_is_compared_with_its_golden(here: Path) -> None:
    from fpcheck import demo

    record_source(demo.MODEL, recording.Request(name="digits"), STATIC)
    fsspec.filesystem("memory").pipe("/models/digits.keras", demo.MODEL.read_bytes())
    report = compare_source("memory://models/digits.keras", Request(), STATIC)
    assert (report.verdict, report.golden.name) == ("match", "digits")


def test_what_is_not_there_is_said(here: Path) -> None:
    with pytest.raises(FpcheckError) as raised:
        hash_weights("memory://nothing/here.keras", STATIC)
    assert str(raised.value) == (
        "memory://nothing/here.keras: cannot be opened: /nothing/here.keras\n"
        "Check the address and your credentials."
    )


def test_what_reads_a_kind_of_address_is_named_where_it_is_not_installed(here: Path) -> None:
    with pytest.raises(FpcheckError) as raised:
        hash_weights("s3://bucket/model.keras", STATIC)
    assert raised.value.fact == "s3://bucket/model.keras: Install s3fs to access S3"
    assert raised.value.advice == "Install the library that it names."
