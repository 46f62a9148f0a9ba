"""HDF5 that is larger than it looks: what is declared, and what is packed."""

import struct
import zlib
from collections.abc import Callable
from typing import Any

import h5py

from attacks.register import UNNAMED, attack, dataset, everywhere
from attacks.valid import CONTAINERS, WEIGHTS, Image, Place

_UNWRITTEN = {"chunks": (2**16,), "fillvalue": 3.0}
BOMBS: dict[str, dict[str, Any]] = {
    "never-written": {"shape": (1_000_000_000,)},
    "never-written-chunks": {"shape": (1_046_898_278,), **_UNWRITTEN},
    "elements-overflow": {"shape": (2**40, 2**40), "chunks": (1, 1)},
    "rank-32": {"shape": (2,) * 32, "chunks": (2,) * 10 + (1,) * 22, "fillvalue": 3.0},
}
for _name, _how in BOMBS.items():
    everywhere(_name, dataset(**_how))
# Nothing times much is nothing: there are no values to read.
_NOTHING = {"shape": (0, 2**62, 2**62), "chunks": (1, 1, 1), "maxshape": (None,) * 3}
everywhere("no-element-huge-axes", dataset(**_NOTHING), harmless=CONTAINERS)


@attack(harmless=UNNAMED)
def many_large_datasets(at: Place) -> None:
    """A hundred datasets of 64 MiB, none of them written."""
    parent = at.kernel.rpartition("/")[0]
    for number in range(2, 102):
        at.file.create_dataset(f"{parent}/{number}", shape=(2**24,), dtype="f4", **_UNWRITTEN)


@attack()
def beyond_the_end(at: Place) -> Callable[[Image], Image]:
    """The kernel's bytes begin in the last eight of the file."""
    begin = at.file[at.kernel].id.get_offset()

    def move(image: Image) -> Image:
        old = struct.pack("<QQ", begin, 48)
        assert image.count(old) == 1
        return image.replace(old, struct.pack("<QQ", len(image) - 8, 48))

    return move


def deflate_bomb(fill: bytes, megabytes: int, first: bytes = b"") -> bytes:
    """Bytes, then MiB of one byte, as raw deflate: about a thousandth of what they become."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    head = packer.compress(first) + packer.flush(zlib.Z_FULL_FLUSH)
    piece = packer.compress(fill * 2**20) + packer.flush(zlib.Z_FULL_FLUSH)
    return head + piece * megabytes + b"\x03\x00"


def zeros(megabytes: int) -> bytes:
    """MiB of zeros as HDF5 packs them: deflate in zlib's frame, whose sum of zeros is known."""
    total = (megabytes * 2**20 % 65521) << 16 | 1
    return b"\x78\xda" + deflate_bomb(b"\0", megabytes) + struct.pack(">I", total)


@attack()
def gzip_bomb(at: Place) -> None:
    """Two GiB of zeros in 32 chunks of 64 kB."""
    made = at.dataset((2**29,), chunks=(2**24,), compression="gzip")
    piece = zeros(64)
    for number in range(32):
        made.id.write_direct_chunk((number * 2**24,), piece)


@attack()
def gzip_bomb_in_a_small_chunk(at: Place) -> None:
    """A chunk of 256 kB that unpacks to two GiB."""
    made = at.dataset(chunks=(256, 256), maxshape=(None, None), compression="gzip")
    made.id.write_direct_chunk((0, 0), zeros(2048))


@attack()
def scale_offset_bomb(at: Place) -> None:
    """Two GiB of one number, packed to no bits at all."""
    made = at.dataset((2**29,), "i4", chunks=(2**26,), scaleoffset=0)
    one = struct.pack("<IBQ", 0, 8, 7).ljust(21, b"\0")
    for number in range(8):
        made.id.write_direct_chunk((number * 2**26,), one)


@attack()
def unknown_filter(at: Place) -> None:
    """A chunk that only a plug-in could read."""
    how = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    how.set_chunk((4, 3))
    how.set_filter(32987, h5py.h5z.FLAG_OPTIONAL, (1, 2, 3))
    del at.file[at.kernel]
    space = h5py.h5s.create_simple((4, 3))
    made = h5py.h5d.create(at.file.id, at.kernel.encode(), h5py.h5t.IEEE_F32LE, space, how)
    made.write_direct_chunk((0, 0), b"packed by a plug-in")


@attack()
def wrong_checksum(at: Place) -> None:
    """A chunk whose checksum is not that of its bytes."""
    made = at.dataset(chunks=(4, 3), fletcher32=True)
    made.id.write_direct_chunk((0, 0), WEIGHTS["hidden"]["kernel"].tobytes() + b"\1\2\3\4")


def _by_h5py(at: Place, held: bytes, chunk: int) -> None:
    """A chunk that the filter of h5py is to unpack to so many bytes."""
    how = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    how.set_chunk((4, 3))
    how.set_filter(h5py.h5z.FILTER_LZF, h5py.h5z.FLAG_OPTIONAL, (4, 261, chunk))
    del at.file[at.kernel]
    space = h5py.h5s.create_simple((4, 3))
    made = h5py.h5d.create(at.file.id, at.kernel.encode(), h5py.h5t.IEEE_F32LE, space, how)
    made.write_direct_chunk((0, 0), held)


@attack()
def lzf_of_noise(at: Place) -> None:
    """A chunk that begins with a reference to what is before it."""
    _by_h5py(at, b"\xff" * 40, 48)


@attack()
def lzf_longer(at: Place) -> None:
    """A chunk that promises more bytes than there are."""
    _by_h5py(at, b"\x1fabc", 48)
