"""Files at an address: only what is needed is read, and what cannot be had is said."""

import functools
import http.server
import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import fsspec
import h5py
import numpy as np
import pytest

from fpcheck.errors import FpcheckError
from fpcheck.files import remote_files
from fpcheck.files.address import beside, shown
from fpcheck.model.source import Options
from fpcheck.workflows.compare import compare_source
from fpcheck.workflows.hash_ import hash_weights
from fpcheck.workflows.plan import CompareRequest, RecordRequest
from fpcheck.workflows.record import record_source

STATIC = Options(static=True)


class Ranges(http.server.SimpleHTTPRequestHandler):
    """Serves parts of files, and counts the bytes that it sends."""

    sent = 0

    def do_HEAD(self) -> None:
        if not self._refused():
            super().do_HEAD()

    def do_GET(self) -> None:
        if self._refused():
            return
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

    def _refused(self) -> bool:
        """Answers a path that begins with a number by that status, after the seconds behind it."""
        status, _, seconds = self.path[1:].partition("?")[0].partition("-")
        if not status.isdecimal():
            return False
        time.sleep(float(seconds or 0))
        with suppress(OSError):  # nobody may wait any more
            self.send_error(int(status))
        return True

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
    assert Ranges.sent < 80_000 + 8 * remote_files.BLOCK


def test_a_file_in_memory_is_compared_with_its_golden(here: Path) -> None:
    from fpcheck import demo

    record_source(demo.MODEL, RecordRequest(name="digits"), STATIC)
    fsspec.filesystem("memory").pipe("/models/digits.keras", demo.MODEL.read_bytes())
    report = compare_source("memory://models/digits.keras", CompareRequest(), STATIC)
    assert (report.verdict, report.golden.name) == ("match", "digits")


CHECK = "Check the address."
RIGHTS = "Check your credentials, and what they allow."
LATER = "Check the address and the network, or try again later."
# What comes of an address, and what to do.
FAILURES = {
    "memory://nothing/here.keras": ("there is no such file", CHECK),
    "{server}/404": ("there is no such file", CHECK),
    "{server}/401": ("access is denied (401)", RIGHTS),
    "{server}/403": ("access is denied (403)", RIGHTS),
    "{server}/500": ("its server answers 500 (Internal Server Error)", LATER),
    "{server}/500-2": ("its server does not answer in time", LATER),
    "http://127.0.0.1:9/model.keras": (
        "its host refuses the connection",
        "Check the address, and that the server runs.",
    ),
    "http://model.invalid/model.keras": ("the name of its host is unknown", CHECK),
    "sftp://host/model.keras": (
        'reading sftp:// needs another package: SFTPFileSystem requires "paramiko" to be installed',
        "Install it.",
    ),
    "nowhere://model.keras": (
        "no such kind of address",
        "Allowed: https://, s3://, gs://, hf://.",
    ),
    "s3://bucket/model.keras": (
        "reading s3:// needs s3fs",
        "Install it: pip install 'fpcheck[s3]'.",
    ),
    "gs://bucket/model.keras": (
        "reading gs:// needs gcsfs",
        "Install it: pip install 'fpcheck[gs]'.",
    ),
    "hf://user/model.keras": (
        "reading hf:// needs huggingface_hub",
        "Install it: pip install 'fpcheck[hf]'.",
    ),
}


@pytest.mark.parametrize("address", FAILURES)
def test_a_file_that_cannot_be_read_is_reported_with_the_cause(
    address: str, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_files, "SILENCE_SECONDS", 0.5)
    place = address.format(server=server)
    fact, advice = FAILURES[address]
    with pytest.raises(FpcheckError) as raised:
        remote_files.open_remote(place)
    assert str(raised.value) == f"{place}: {fact}\n{advice}"


def test_a_failure_of_tls_is_reported(server: str) -> None:
    place = server.replace("http:", "https:") + "/model.keras"
    with pytest.raises(FpcheckError) as raised:
        remote_files.open_remote(place)
    assert raised.value.fact.startswith(f"{place}: TLS failed (")
    assert raised.value.advice == "Check the address and its certificate."


@pytest.mark.parametrize("package", ["fsspec", "aiohttp"])
def test_the_extra_is_named_where_its_package_is_not_installed(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(FpcheckError) as raised:
        remote_files.open_remote("https://host/model.keras")
    assert str(raised.value) == (
        f"https://host/model.keras: reading https:// needs {package}\n"
        "Install it: pip install 'fpcheck[remote]'."
    )


def test_a_connection_that_ends_while_reading_is_reported(server: str) -> None:
    write("weights.h5")
    region = remote_files.open_remote(f"{server}/weights.h5")
    Path("weights.h5").unlink()
    with pytest.raises(FpcheckError) as raised:
        region.read(0, region.size)
    assert str(raised.value) == f"{server}/weights.h5: the connection failed\n{LATER}"


# --- what is secret in an address ---

SHOWN = {
    "https://alice:s3cret@host:1/m.keras?sig=T0P#x": "https://host:1/m.keras",
    "https://T0P@host/m.keras": "https://host/m.keras",
    "--model=https://alice:s3cret@host/m.keras?sig=T0P": "--model=https://host/m.keras",
    "https:/alice:s3cret@host/m.keras": "https:/host/m.keras",
    "zip://m.keras::https://alice:s3cret@host/m.zip?sig=T0P": "zip://m.keras::https://host/m.zip",
    "https://host/m.keras?to=https://alice:s3cret@host/T0P": "https://host/m.keras",
    "hf://alice:s3cret@user/m.keras": "hf://user/m.keras",
    # Nothing is secret here.
    "hf://model@main/m.keras": "hf://model@main/m.keras",
    "s3://bucket/models@2/m.keras": "s3://bucket/models@2/m.keras",
    "models/who?/m@2.keras": "models/who?/m@2.keras",
    "package.module:function": "package.module:function",
}


@pytest.mark.parametrize("text", SHOWN)
def test_an_address_is_shown_without_what_is_secret_in_it(text: str) -> None:
    assert shown(text) == SHOWN[text]


def test_a_file_beside_another_is_opened_with_the_same_rights() -> None:
    index = "https://alice:s3cret@host/m.weights.json?sig=T0/P"
    assert beside(index, "m_0.h5") == "https://alice:s3cret@host/m_0.h5?sig=T0/P"


def _command(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fpcheck", *args], capture_output=True, text=True, check=False
    )


def test_no_secret_of_an_address_is_stored_or_printed(server: str, here: Path) -> None:
    from fpcheck import demo

    shutil.copy(demo.MODEL, "digits.keras")
    write("other.h5")
    secret = server.replace("//", "//alice:s3cret@")
    place = f"{secret}/digits.keras?sig=T0P"
    recorded = _command("record", place, "--static")
    assert recorded.returncode == 0, recorded.stderr
    assert f"text: {server}/digits.keras\n" in Path("fingerprints/digits/1.yaml").read_text()
    matched = f"✓ match  {server}/digits.keras (keras)\n  golden     digits@1, the golden of "
    assert _command("compare", place, "--static").stdout.startswith(matched)
    unlike = _command("diff", place, f"{secret}/other.h5?sig=T0P", "--static", "--format", "json")
    told = [
        unlike,
        _command("compare", f"{secret}/other.h5?sig=T0P", "--golden", "digits", "--static"),
        _command("compare", f"{secret}/404?sig=T0P", "--debug"),
        _command("hash", "other.h5", f"--model={secret}/404?sig=T0P", "--static", "--debug"),
        _command("hash", f"{secret}/other.h5?sig=T0P", "--weights", place),
        _command("gate", place),
    ]
    assert [done.returncode for done in told] == [1, 1, 2, 2, 2, 2]
    assert json.loads(unlike.stdout)["candidate"]["source"] == f"{server}/other.h5"
    texts = [text for done in told for text in (done.stdout, done.stderr)]
    texts += [path.read_text(errors="replace") for path in here.rglob("*.yaml")]
    assert [t for t in texts if "s3cret" in t or "T0P" in t] == []
