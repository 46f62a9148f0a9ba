"""Files at an address (`s3://`, `gs://`, `hf://`, `https://`, `memory://`), through fsspec.

Only what is needed is read: the places of tensors, then their values, in order.
"""

import re
from pathlib import Path
from typing import Any

from fpcheck.errors import FpcheckError

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://.+")
# What is fetched at a time where a library asks for a few bytes here and there.
BLOCK = 2**18


def is_address(text: str) -> bool:
    """Whether a source names a remote file."""
    return _ADDRESS.fullmatch(text) is not None


def open_stream(address: str) -> tuple[Any, int]:
    """A seekable stream of a remote file, and its size in bytes.

    Raises:
        FpcheckError: fsspec or the library for the address is not installed, or there is no file.
    """
    try:
        import fsspec  # type: ignore[import-untyped]
    except ImportError as error:
        raise FpcheckError(
            f"{address}: reading addresses needs fsspec",
            "Install it: pip install 'fpcheck[remote]'.",
        ) from error
    try:
        system, path = fsspec.core.url_to_fs(address)
        stream = system.open(path, "rb", block_size=BLOCK, cache_type="blockcache")
        return stream, int(system.size(path))
    except ImportError as error:
        raise FpcheckError(f"{address}: {error}", "Install the library that it names.") from error
    except Exception as error:  # every file system has its own
        told = " ".join(str(error).split())[:200] or type(error).__name__
        raise FpcheckError(
            f"{address}: cannot be opened: {told}", "Check the address and your credentials."
        ) from error


def download(address: str, folder: Path) -> Path:
    """The whole file, in a folder, under its own name."""
    stream, _ = open_stream(address)
    target = folder / address.rpartition("/")[2]
    with stream, target.open("wb") as copy:
        while part := stream.read(2**24):
            copy.write(part)
    return target
