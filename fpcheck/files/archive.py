"""The members of a .keras archive: checked, and read in place if they are not compressed."""

import stat
import struct
import tempfile
import zipfile
import zlib
from collections import deque
from collections.abc import Iterator
from typing import IO

from fpcheck.errors import FpcheckError
from fpcheck.files import limits
from fpcheck.files.refusals import damaged, refused
from fpcheck.files.region import FileRegion, Region, RegionFile
from fpcheck.processes.process_limits import allow_time

_LOCAL = struct.Struct("<4s5H3I2H")
_STEP = 2**20
_END = struct.Struct("<4s4H2LH")
_MEMBER_MAGIC = b"PK\x03\x04"
_END_MAGIC = b"PK\x05\x06"
# The value of a field whose number is in the zip64 record.
_ZIP64 = 0xFFFF
_ENCRYPTED, _STREAMED, _UTF8 = 0x1, 0x8, 0x800
# The size of the checksum and sizes that may follow a streamed member.
_DESCRIPTOR = 24
_ZIP_ERRORS = (zipfile.BadZipFile, OSError, ValueError, struct.error, NotImplementedError)


class Archive:
    """A checked zip archive."""

    def __init__(self, region: Region, label: str) -> None:
        self.region = region
        self.label = label
        try:
            with zipfile.ZipFile(RegionFile(region)) as archive:
                entries, comment = archive.infolist(), archive.comment
                directory = archive.start_dir
        except _ZIP_ERRORS as error:
            raise self._damaged(str(error)) from error
        if len(entries) > limits.ZIP_MEMBERS:
            raise self._refused(f"has {len(entries):,} members, more than {limits.ZIP_MEMBERS:,}")
        self._spools: list[IO[bytes]] = []
        self.members: dict[str, zipfile.ZipInfo] = {}
        for entry in entries:
            self._check(entry)
            self.members[entry.filename] = entry
        self._places = {name: self._place(entry) for name, entry in self.members.items()}
        self._end(len(entries), len(comment))
        self._tiled(directory)

    def _damaged(self, why: str) -> FpcheckError:
        return damaged(f"{self.label}: damaged .keras archive", why)

    def _refused(self, what: str) -> FpcheckError:
        return refused(self.label, f"the archive {what}")

    def _check(self, entry: zipfile.ZipInfo) -> None:
        name, shown = entry.filename, entry.filename[:80]
        if name in self.members:
            raise self._refused(f"has the member {shown} twice")
        parts = name.replace("\\", "/").split("/")
        inner = parts[:-1] if name.endswith("/") else parts
        special = {"", ".", ".."} & {*inner} or ":" in parts[0] or "\0" in entry.orig_filename
        if not inner or special:
            raise self._refused(f"has a member whose name leads out of it: {shown!r}")
        if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise self._refused(f"has a member that is a link or a device: {shown}")
        if entry.flag_bits & _ENCRYPTED:
            raise self._refused(f"has an encrypted member: {shown}")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise self._refused(f"has a member that is neither stored nor deflated: {shown}")
        if entry.compress_type == zipfile.ZIP_STORED and entry.file_size != entry.compress_size:
            raise self._refused(f"gives two sizes for the stored member {shown}")
        if entry.file_size > limits.expanded(entry.compress_size):
            sizes = f"{entry.file_size:,} bytes made from {entry.compress_size:,}"
            raise self._refused(f"has a member of {sizes}: {shown}")

    def _place(self, entry: zipfile.ZipInfo) -> tuple[int, int]:
        """The offsets of a member and of its data; checks that both headers agree."""
        start = entry.header_offset
        head = self.region.read(start, _LOCAL.size)
        if len(head) < _LOCAL.size or not head.startswith(_MEMBER_MAGIC):
            raise self._damaged(f"{entry.filename[:80]} is not where the directory says")
        (_, _, flags, method, _, _, crc, packed, size, name_length, extra) = _LOCAL.unpack(head)
        name = self.region.read(start + _LOCAL.size, name_length)
        coding = "utf-8" if flags & _UTF8 else "cp437"
        agree = name.decode(coding, errors="replace") == entry.orig_filename
        sizes = (packed, size) in ((entry.compress_size, entry.file_size), (0, 0), (2**32 - 1,) * 2)
        sums = crc == entry.CRC or bool(flags & _STREAMED)
        same = method == entry.compress_type and flags == entry.flag_bits
        if not (agree and same and sizes and sums):
            raise self._refused(f"describes {entry.filename[:80]} in two ways")
        data = start + _LOCAL.size + name_length + extra
        if data + entry.compress_size > self.region.size:
            raise self._damaged(f"{entry.filename[:80]} is cut off")
        return start, data

    def _end(self, count: int, comment: int) -> None:
        """Check that the archive ends where the file ends, and the number of members."""
        record = self.region.read(self.region.size - _END.size - comment, _END.size)
        magic, *disks, here, total, _, _, _ = _END.unpack(record.ljust(_END.size, b"\0"))
        if magic != _END_MAGIC:
            raise self._refused("is followed by something else")
        if any(disk not in (0, _ZIP64) for disk in disks):
            raise self._refused("is one of several parts")
        if any(number not in (count, _ZIP64) for number in (here, total)):
            raise self._refused("counts its members wrongly")

    def _tiled(self, directory: int) -> None:
        """Check that every byte belongs to one member: others may hide data, or be shared."""
        end = slack = 0
        for name, (start, data) in sorted(self._places.items(), key=lambda item: item[1]):
            if start < end:
                raise self._refused(f"has members that overlap: {name[:80]}")
            if start > end + slack:
                raise self._refused(f"has bytes that belong to no member before {name[:80]}")
            entry = self.members[name]
            end = data + entry.compress_size
            slack = _DESCRIPTOR if entry.flag_bits & _STREAMED else 0
        if not end <= directory <= end + slack:
            raise self._refused("has bytes that belong to no member before its directory")

    def read(self, name: str, most: int) -> bytes:
        """All bytes of a member, with the checksum verified; refuses more than `most` bytes."""
        size = self.members[name].file_size
        if size > most:
            raise self._refused(f"has a {name[:80]} of {size:,} bytes, of {most:,} allowed")
        return b"".join(self._inflated(name))

    def verify(self, name: str) -> None:
        """Verify the checksum of a member that is read in place."""
        if self.members[name].compress_type == zipfile.ZIP_STORED:
            deque(self._inflated(name), maxlen=0)

    def open(self, name: str) -> Region:
        """A member as a region: in place if it is not compressed, else in a temporary file."""
        entry, (_, data) = self.members[name], self._places[name]
        if entry.compress_type == zipfile.ZIP_STORED:
            return self.region.part(data, entry.file_size)
        allow_time(entry.file_size)
        spool = tempfile.TemporaryFile()  # noqa: SIM115  # the region reads it later
        for part in self._inflated(name):
            spool.write(part)
        spool.flush()
        self._spools.append(spool)  # keeps it open as long as the archive
        return FileRegion(spool.fileno(), 0, entry.file_size)

    def _inflated(self, name: str) -> Iterator[bytes]:
        """The bytes of a member, at most as many as declared, with the checksum verified."""
        entry, (_, data) = self.members[name], self._places[name]
        checksum, left, unpack = 0, entry.file_size, zlib.decompressobj(-zlib.MAX_WBITS)
        stored = entry.compress_type == zipfile.ZIP_STORED
        for start in range(data, data + entry.compress_size, _STEP):
            packed = self.region.read(start, min(_STEP, data + entry.compress_size - start))
            try:
                while packed:
                    part = packed if stored else unpack.decompress(packed, _STEP)
                    packed = b"" if stored else unpack.unconsumed_tail
                    left -= len(part)
                    if left < 0:
                        raise self._refused(f"has a member longer than it says: {name[:80]}")
                    checksum = zlib.crc32(part, checksum)
                    yield part
            except zlib.error as error:
                raise self._damaged(f"{name[:80]}: {error}") from error
        if left or (not stored and (not unpack.eof or unpack.unused_data)):
            raise self._damaged(f"{name[:80]} is not as long as it says")
        if checksum != entry.CRC:
            raise self._damaged(f"the checksum of {name[:80]} is wrong")
