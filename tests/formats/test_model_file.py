"""A model file is opened once, and its bytes are hashed whole."""

import os
import shutil
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from fpcheck import demo
from fpcheck.errors import FpcheckError
from fpcheck.files import region
from fpcheck.fingerprint import digest
from fpcheck.formats.model_file import ModelFile, Whole, file_digest, open_regular


def test_each_byte_is_read_once(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = here / "large.bin"
    path.write_bytes(np.arange(2**22, dtype="<u4").tobytes() + b"and a rest")
    read: list[int] = []
    mapped = region._mapped

    def counting(descriptor: int, start: int, size: int) -> object:
        read.append(size)
        return mapped(descriptor, start, size)

    monkeypatch.setattr(region, "_mapped", counting)
    expected = digest.text(digest.of_bytes(path.read_bytes()))
    descriptor = open_regular(str(path), "large.bin")
    assert file_digest(descriptor, "large.bin") == expected
    assert sum(read) == path.stat().st_size
    assert max(read) <= region.WINDOW
    os.close(descriptor)
    with closing(ModelFile(str(path), "large.bin")) as file:
        assert file.whole() == Whole(path.stat().st_size, expected)


def test_a_file_that_is_written_to_while_it_is_recorded_is_no_golden(here: Path) -> None:
    path = Path(shutil.copy(demo.MODEL, here))
    file = ModelFile(str(path), "digits.keras")
    file.reading(None)
    with path.open("r+b") as other:
        other.seek(-1, os.SEEK_END)
        other.write(b"x")
    os.utime(path, ns=(1, 1))
    with pytest.raises(FpcheckError) as raised:
        file.whole()
    file.close()
    assert str(raised.value) == (
        "digits.keras: was changed while it was read\nRun this again when nothing writes to it."
    )
