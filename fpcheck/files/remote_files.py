"""Files at an address (`s3://`, `gs://`, `hf://`, `https://`, `memory://`), through fsspec.

Only what is needed is read: the places of tensors, then their values, in order.
"""

import socket
import ssl
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fpcheck.errors import FpcheckError
from fpcheck.files.address import last_name, scheme, shown

# What is fetched at a time where a library asks for a few bytes here and there.
BLOCK = 2**18
# A server that keeps silent for so long is given up; there may be two attempts.
SILENCE_SECONDS = 30.0
# The extra of fpcheck that reads a kind of address, and the package that it needs besides fsspec.
_EXTRAS = {
    "s3": ("s3", "s3fs"),
    "s3a": ("s3", "s3fs"),
    "gs": ("gs", "gcsfs"),
    "gcs": ("gs", "gcsfs"),
    "hf": ("hf", "huggingface_hub"),
    "http": ("remote", "aiohttp"),
    "https": ("remote", "aiohttp"),
}
_CHECK, _RIGHTS = "Check the address.", "Check your credentials, and what they allow."
_LATER = "Check the address and the network, or try again later."
_COPY = "Download it, and give the path of the copy."


class Stream:
    """A seekable stream of a remote file, whose errors say their cause.

    Args:
        stream: of fsspec.
        address: where the file lies.
    """

    def __init__(self, stream: Any, address: str) -> None:
        self._stream = stream
        self._address = address

    def seek(self, place: int) -> None:
        """As of any file."""
        self._stream.seek(place)

    def read(self, size: int) -> bytes:
        """As of any file."""
        try:
            return bytes(self._stream.read(size))
        except Exception as error:  # every file system has its own
            raise _failed(self._address, error) from _unless_secret(self._address, error)


def open_stream(address: str) -> tuple[Stream, int]:
    """A seekable stream of a remote file, and its size in bytes.

    Raises:
        FpcheckError: fsspec or the library for the address is not installed, or there is no file.
    """
    try:
        import fsspec
    except ImportError as error:
        raise _lacking(address, "fsspec") from error
    try:
        system, path = fsspec.core.url_to_fs(address, **_patience(address))
        stream = system.open(path, "rb", block_size=BLOCK, cache_type="blockcache")
        size = system.size(path)
    except ImportError as error:
        raise _lacking(address, str(error)) from error
    except Exception as error:  # every file system has its own
        raise _failed(address, error) from _unless_secret(address, error)
    if size is None:
        raise FpcheckError(f"{shown(address)}: its server does not tell its size", _COPY)
    return Stream(stream, address), int(size)


def download(address: str, folder: Path) -> Path:
    """The whole file, in a folder, under its own name."""
    stream, size = open_stream(address)
    target = folder / (last_name(address) or "model")
    with target.open("wb") as copy:
        while part := stream.read(min(2**24, size - copy.tell())):
            copy.write(part)
    return target


def _patience(address: str) -> dict[str, Any]:
    """Options of the file system: aiohttp's own patience is five minutes a request."""
    kind = scheme(address)
    if kind not in ("http", "https"):
        return {}
    import aiohttp

    timeout = aiohttp.ClientTimeout(
        total=None, sock_connect=SILENCE_SECONDS, sock_read=SILENCE_SECONDS
    )
    return {kind: {"client_kwargs": {"timeout": timeout}}}


def _lacking(address: str, package: str) -> FpcheckError:
    kind = scheme(address)
    if package != "fsspec" and kind not in _EXTRAS:
        fact = f"{shown(address)}: reading {kind}:// needs another package: {package}"
        return FpcheckError(fact, "Install it.")
    extra, needed = _EXTRAS.get(kind, ("remote", ""))
    return FpcheckError(
        f"{shown(address)}: reading {kind}:// needs {package if package == 'fsspec' else needed}",
        f"Install it: pip install 'fpcheck[{extra}]'.",
    )


def _unless_secret(address: str, error: Exception) -> Exception | None:
    """An error as the cause of another, unless it may repeat what is secret in the address."""
    return error if shown(address) == address else None


def _failed(address: str, error: Exception) -> FpcheckError:
    """What came of an address, in one line, and what to do."""
    # The first cause of all tells most; some file systems call whatever it is a missing file.
    told = [found for each in reversed([*_chain(error)]) if (found := _cause(each))]
    told.sort(key=lambda found: found[0] == _NOWHERE)
    if told:
        return FpcheckError(f"{shown(address)}: {told[0][0]}", told[0][1])
    words = " ".join(str(error).split())[:200] if shown(address) == address else ""
    name = type(error).__name__
    return FpcheckError(
        f"{shown(address)}: cannot be read ({name}{': ' if words else ''}{words})",
        "Check the address and your credentials.",
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


_NOWHERE = "there is no such file"


def _cause(error: BaseException) -> tuple[str, str] | None:
    """What an error means, by its class and status alone: its words may repeat the address."""
    status = _status(error)
    if status == HTTPStatus.NOT_FOUND or isinstance(error, FileNotFoundError):
        return _NOWHERE, _CHECK
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return f"access is denied ({status})", _RIGHTS
    if status is not None and status >= HTTPStatus.BAD_REQUEST:
        return f"its server answers {_phrase(status)}", _LATER
    if isinstance(error, PermissionError):
        return "access is denied", _RIGHTS
    if isinstance(error, ssl.SSLError):
        reason = str(getattr(error, "reason", None) or "").replace("_", " ").lower()
        why = getattr(error, "verify_message", None) or reason
        return f"TLS failed{f' ({why})' if why else ''}", "Check the address and its certificate."
    if isinstance(error, socket.gaierror):
        return "the name of its host is unknown", _CHECK
    if isinstance(error, ConnectionRefusedError):
        return "its host refuses the connection", "Check the address, and that the server runs."
    return _by_name(error)


def _by_name(error: BaseException) -> tuple[str, str] | None:
    """The same for libraries that need not be installed, by what their classes are called."""
    names = " ".join(kind.__name__ for kind in type(error).__mro__).lower()
    if "timeout" in names:
        return "its server does not answer in time", _LATER
    if "credential" in names:
        return "no credentials were found", _RIGHTS
    if "connection" in names or "connector" in names or "disconnected" in names:
        return "the connection failed", _LATER
    if isinstance(error, ValueError) and str(error).startswith("Protocol not known"):
        return "no such kind of address", "Allowed: https://, s3://, gs://, hf://."
    if isinstance(error, ValueError) and "support range requests" in str(error):
        return "its server gives no parts of files", _COPY
    return None


def _status(error: BaseException) -> int | None:
    """The status of an answer over HTTP, where an error tells it."""
    for name in ("status", "code", "response"):
        told = getattr(error, name, None)
        told = getattr(told, "status_code", told)
        if isinstance(told, int):
            return told
    return None


def _phrase(status: int) -> str:
    try:
        return f"{status} ({HTTPStatus(status).phrase})"
    except ValueError:
        return str(status)
