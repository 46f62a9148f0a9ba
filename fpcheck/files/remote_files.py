"""Files at an address (`s3://`, `gs://`, `hf://`, `https://`, `memory://`), through fsspec.

Only the needed parts are read: the locations of tensors, then their values, in order.
"""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.client import responses
from pathlib import Path
from typing import Any

from fpcheck.errors import FpcheckError
from fpcheck.files.address import last_name, shown
from fpcheck.files.region import StreamRegion

# How many bytes are read at a time when a library needs a few bytes in several places.
BLOCK = 2**18
# The timeout for a server that sends nothing; there may be two attempts.
SILENCE_SECONDS = 30.0
# By scheme, the extra of fpcheck, and the package that it needs besides fsspec.
_EXTRAS = {
    **dict.fromkeys(("s3", "s3a"), ("s3", "s3fs")),
    **dict.fromkeys(("gs", "gcs"), ("gs", "gcsfs")),
    **dict.fromkeys(("http", "https"), ("remote", "aiohttp")),
    "hf": ("hf", "huggingface_hub"),
}
_CHECK, _RIGHTS = "Check the address.", "Check your credentials, and what they allow."
_LATER = "Check the address and the network, or try again later."
_COPY = "Download it, and give the path of the copy."
_MISSING = "there is no such file"
_BROKEN = ("the connection failed", _LATER)
# Fact and advice by the class of an error.
_BY_CLASS = {
    PermissionError: ("access is denied", _RIGHTS),
    socket.gaierror: ("the name of its host is unknown", _CHECK),
    ConnectionRefusedError: (
        "its host refuses the connection",
        "Check the address, and that the server runs.",
    ),
}
# The same by words in the names of its classes, for libraries that need not be installed.
_BY_NAME = {
    "timeout": ("its server does not answer in time", _LATER),
    "credential": ("no credentials were found", _RIGHTS),
    **dict.fromkeys(("connection", "connector", "disconnected"), _BROKEN),
}
# The same by the text of a ValueError of fsspec.
_BY_TEXT = {
    "Protocol not known": ("no such kind of address", "Allowed: https://, s3://, gs://, hf://."),
    "support range requests": ("its server does not send parts of files", _COPY),
}


@dataclass(eq=False)
class RemoteRegion(StreamRegion):
    """A range of a remote file, whose errors name their cause."""

    address: str = ""

    def _read(self, start: int, size: int) -> bytes:
        with _named_causes(self.address):
            return super()._read(start, size)


def open_remote(address: str) -> RemoteRegion:
    """All bytes of a remote file; FpcheckError also if a package is not installed."""
    with _named_causes(address):
        import fsspec

        system, path = fsspec.core.url_to_fs(address, **_patience(address))
        stream = system.open(path, "rb", block_size=BLOCK, cache_type="blockcache")
        size = system.size(path)
    if size is None:
        raise FpcheckError(f"{shown(address)}: its server does not send its size", _COPY)
    return RemoteRegion(stream, 0, int(size), address=address)


def download(address: str, folder: Path) -> Path:
    """Copies the whole file to a folder, under its own name."""
    region = open_remote(address)
    target = folder / (last_name(address) or "model")
    with target.open("wb") as copy:
        while part := region.read(copy.tell(), 2**24):
            copy.write(part)
    return target


def _patience(address: str) -> dict[str, Any]:
    """The timeouts of the file system: aiohttp's own timeout is five minutes per request."""
    kind = address.partition("://")[0]
    if kind not in ("http", "https"):
        return {}
    import aiohttp

    timeout = aiohttp.ClientTimeout(
        total=None, sock_connect=SILENCE_SECONDS, sock_read=SILENCE_SECONDS
    )
    return {kind: {"client_kwargs": {"timeout": timeout}}}


@contextmanager
def _named_causes(address: str) -> Iterator[None]:
    """A context whose errors say what is the matter with the address."""
    try:
        yield
    except ImportError as error:
        raise _lacking(address, error) from error
    except Exception as error:  # every file system has its own exceptions
        # The message may contain credentials from the address.
        raise _failed(address, error) from (error if shown(address) == address else None)


def _lacking(address: str, error: ImportError) -> FpcheckError:
    kind = address.partition("://")[0]
    extra, package = _EXTRAS.get(kind, ("remote", ""))
    package = "fsspec" if error.name == "fsspec" else package
    needs = f"{shown(address)}: reading {kind}:// needs"
    if not package:
        return FpcheckError(f"{needs} another package: {error}", "Install it.")
    return FpcheckError(f"{needs} {package}", f"Install it: pip install 'fpcheck[{extra}]'.")


def _failed(address: str, error: Exception) -> FpcheckError:
    """The error for an address that cannot be read."""
    # The first cause is the most specific; some file systems report any cause as a missing file.
    causes: list[tuple[str, str]] = []
    each: BaseException | None = error
    while each is not None:
        causes = [*filter(None, [_cause(each)]), *causes]
        each = each.__cause__ or each.__context__
    causes.sort(key=lambda cause: cause[0] == _MISSING)
    if causes:
        return FpcheckError(f"{shown(address)}: {causes[0][0]}", causes[0][1])
    words = " ".join(str(error).split())[:200] if shown(address) == address else ""
    name = type(error).__name__
    return FpcheckError(
        f"{shown(address)}: cannot be read ({name}{': ' if words else ''}{words})",
        "Check the address and your credentials.",
    )


def _cause(error: BaseException) -> tuple[str, str] | None:
    """Fact and advice by the class and status of an error: its text may contain credentials."""
    status = _status(error)
    if status == HTTPStatus.NOT_FOUND or isinstance(error, FileNotFoundError):
        return _MISSING, _CHECK
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return f"access is denied ({status})", _RIGHTS
    if status is not None and status >= HTTPStatus.BAD_REQUEST:
        phrase = f" ({responses[status]})" if status in responses else ""
        return f"its server answers {status}{phrase}", _LATER
    if isinstance(error, ssl.SSLError):
        reason = str(getattr(error, "reason", None) or "").replace("_", " ").lower()
        why = getattr(error, "verify_message", None) or reason
        return f"TLS failed{f' ({why})' if why else ''}", "Check the address and its certificate."
    names = " ".join(kind.__name__ for kind in type(error).__mro__).lower()
    text = str(error) if isinstance(error, ValueError) else ""
    found = (
        *(said for kind, said in _BY_CLASS.items() if isinstance(error, kind)),
        *(said for word, said in _BY_NAME.items() if word in names),
        *(said for words, said in _BY_TEXT.items() if words in text),
    )
    return found[0] if found else None


def _status(error: BaseException) -> int | None:
    """The HTTP status in an error; None if there is none."""
    for name in ("status", "code", "response"):
        value = getattr(error, name, None)
        status = getattr(value, "status_code", value)
        if isinstance(status, int):
            return status
    return None
