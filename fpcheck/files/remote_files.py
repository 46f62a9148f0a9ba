"""Files at an address (`s3://`, `gs://`, `hf://`, `https://`, `memory://`), through fsspec.

Only the needed parts are read: the locations of tensors, then their values, in order.
"""

import socket
import ssl
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fpcheck.errors import FpcheckError
from fpcheck.files.address import last_name, scheme, shown

# How many bytes are read at a time when a library needs a few bytes in several places.
BLOCK = 2**18
# The timeout for a server that sends nothing; there may be two attempts.
SILENCE_SECONDS = 30.0
# By scheme, the extra of fpcheck, and the package that it needs besides fsspec.
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
    """A seekable stream of a remote file, whose errors name their cause.

    Args:
        stream: of fsspec.
        address: of the file.
    """

    def __init__(self, stream: Any, address: str) -> None:
        self._stream = stream
        self._address = address

    def seek(self, offset: int) -> None:
        """See `io.IOBase`."""
        self._stream.seek(offset)

    def read(self, size: int) -> bytes:
        """See `io.RawIOBase`."""
        try:
            return bytes(self._stream.read(size))
        except Exception as error:  # every file system has its own exceptions
            raise _failed(self._address, error) from _unless_secret(self._address, error)


def open_stream(address: str) -> tuple[Stream, int]:
    """A seekable stream of a remote file, and its size in bytes.

    Raises:
        FpcheckError: a needed package is not installed, or the file cannot be read.
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
    except Exception as error:  # every file system has its own exceptions
        raise _failed(address, error) from _unless_secret(address, error)
    if size is None:
        raise FpcheckError(f"{shown(address)}: its server does not send its size", _COPY)
    return Stream(stream, address), int(size)


def download(address: str, folder: Path) -> Path:
    """Copies the whole file to a folder, under its own name."""
    stream, size = open_stream(address)
    target = folder / (last_name(address) or "model")
    with target.open("wb") as copy:
        while part := stream.read(min(2**24, size - copy.tell())):
            copy.write(part)
    return target


def _patience(address: str) -> dict[str, Any]:
    """The timeouts of the file system: aiohttp's own timeout is five minutes per request."""
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
    """The error, unless its message may contain credentials from the address."""
    return error if shown(address) == address else None


def _failed(address: str, error: Exception) -> FpcheckError:
    """The error for an address that cannot be read."""
    # The first cause is the most specific; some file systems report any cause as a missing file.
    causes = [cause for each in reversed([*_chain(error)]) if (cause := _cause(each))]
    causes.sort(key=lambda cause: cause[0] == _MISSING)
    if causes:
        return FpcheckError(f"{shown(address)}: {causes[0][0]}", causes[0][1])
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


_MISSING = "there is no such file"


def _cause(error: BaseException) -> tuple[str, str] | None:
    """Fact and advice by the class and status of an error: its text may contain credentials."""
    status = _status(error)
    if status == HTTPStatus.NOT_FOUND or isinstance(error, FileNotFoundError):
        return _MISSING, _CHECK
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
    """The same by the name of the class, for libraries that need not be installed."""
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
        return "its server does not send parts of files", _COPY
    return None


def _status(error: BaseException) -> int | None:
    """The HTTP status in an error; None if there is none."""
    for name in ("status", "code", "response"):
        value = getattr(error, name, None)
        status = getattr(value, "status_code", value)
        if isinstance(status, int):
            return status
    return None


def _phrase(status: int) -> str:
    try:
        return f"{status} ({HTTPStatus(status).phrase})"
    except ValueError:
        return str(status)
