"""Lines of log files, plain or packed with gzip, Zstandard, xz or bzip2, or of standard input, in bounded memory."""

from __future__ import annotations

import bz2
import codecs
import lzma
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from itertools import accumulate
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO, NamedTuple, Protocol

from regobs.errors import InputError, Location, MachineError

_BLOCK = 1 << 20
# Bytes; container engines cut lines at 16 KiB, the registry's longest are a few hundred KiB. DuckDB reads lines of this
# length wherever they stand in a file, some up to the double.
LONGEST_LINE = 1 << 24
_PACKED = 1 << 16
_GZIP_FORMAT = 31  # zlib: the largest window, with header and check sum of gzip
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_START = 4  # bytes that tell how a file is packed
_SKIPPABLE = tuple(bytes((first, 0x2A, 0x4D, 0x18)) for first in range(0x50, 0x60))  # frames that pzstd puts first
ZSTD_STARTS = (_ZSTD, *_SKIPPABLE)
_BY_START = {
    _GZIP: "gz",
    **dict.fromkeys(ZSTD_STARTS, "zst"),
    b"\xfd7zX": "xz",
    **{b"BZh%d" % level: "bz2" for level in range(1, 10)},
}
_TAR, _TAR_AT = b"ustar", 257
_TAR_HEADER, _SUM = 512, slice(148, 156)  # bytes before a file in such an archive, and where their sum stands
_BEGINNING = 1 << 16  # bytes that tell what a file is wrapped in; the first line is shorter
_LARGEST_DICTIONARY = 1 << 28  # bytes of memory for xz, four times what its highest level needs
BOM = b"\xef\xbb\xbf"
_UTF16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}  # Windows PowerShell's `>` writes the first
_FAULTS = {"gz": "broken gzip", "zst": "broken zstd", "xz": "broken xz", "bz2": "broken bzip2"}
BROKEN = frozenset(_FAULTS.values())  # faults of a file that ends within what was packed
BYTE_ORDER_MARKS = (BOM, *_UTF16)


class Readable(Protocol):
    """What bytes can be read of."""

    def read(self, size: int = ..., /) -> bytes:
        """The next bytes, no more than `size`."""
        ...


class Line(NamedTuple):
    """One line without its end. `number` counts from 1, `offset` is that of its first byte in the (unpacked) file.

    `fault` says why the bytes are not the whole line: `over-long`, or one of `BROKEN`. `ended` is false for a
    last line that has no end.
    """

    number: int
    offset: int
    content: bytes
    ended: bool = True
    fault: str | None = None


@dataclass(slots=True)
class LinePart:
    """Lines that follow each other: number and offset are those of the first, `fault` and `ended` those of each."""

    number: int
    offset: int
    contents: list[bytes]
    ended: bool = True
    fault: str | None = None
    _before: list[int] = field(default_factory=list)  # bytes before each line, once one is asked for

    def line(self, place: int) -> Line:
        """The line at a place, from 0."""
        if not self._before:
            self._before = list(accumulate((len(content) + 1 for content in self.contents), initial=0))
        offset = self.offset + self._before[place]
        return Line(self.number + place, offset, self.contents[place], self.ended, self.fault)


def refuse_address(name: str) -> None:
    """Raise InputError for the address of an object in a storage, unless a file is called so."""
    scheme, found, _ = name.partition("://")
    if found and scheme.isalnum() and not Path(name).exists():
        raise InputError(
            "this is an address, and logs are read from files",
            value=name,
            expected="files on this machine: DuckDB comes without its extension for S3, and regobs downloads none",
            next_step="copy the objects here first, with aws s3 cp for example, or pipe them in and give -",
        )


def is_tar(start: bytes) -> bool:
    """Whether a file that begins so is an archive of tar: by its mark, or of the oldest form by its check sum."""
    if b"\0" not in start[:_TAR_AT]:
        return False
    if start[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR:
        return True
    said = start[_SUM].strip(b" \0")
    if len(start) < _TAR_HEADER or not said.isdigit():
        return False
    counted = sum(start[:_TAR_HEADER]) - sum(start[_SUM]) + 8 * ord(" ")  # as if it stood for spaces
    return counted == int(said, 8) if set(said) <= set(b"01234567") else False


def refuse_tar(start: bytes, name: str) -> None:
    """Raise InputError for what begins as an archive of tar: what stands between its files would be read as lines."""
    if is_tar(start):
        raise tar_fault([name])


def tar_fault(files: Iterable[str]) -> InputError:
    """That these are archives of tar."""
    return InputError(
        "this is an archive of tar, and no log",
        value=", ".join(files),
        expected="log files, packed or not",
        next_step="unpack it with tar -xf and give the files, or pipe one: tar -xOf ARCHIVE FILE | regobs logs … -",
    )


def start_of(path: Path) -> tuple[str, bytes]:
    """How a file is compressed, and the beginning of what it holds."""
    with path.open("rb") as file:
        try:
            first = file.read(_START)
            file.seek(0)
            if packed := compression_of(first):
                return packed, _first(raw_blocks(file))
            return "", file.read(_BEGINNING)
        except OSError as fault:
            raise unreadable(str(path), fault) from None


def _first(found: Iterator[tuple[bytes, str | None]]) -> bytes:
    """The beginning, as far as it can be unpacked."""
    start = b""
    for block, _ in found:
        start += block
        if len(start) >= _TAR_HEADER:
            break
    return start[:_BEGINNING]


def open_log(name: str, stdin: BinaryIO) -> BinaryIO:
    """A file, or standard input for `-`. Raises InputError when it cannot be read."""
    if name == "-":
        return stdin
    refuse_address(name)
    path = Path(name)
    if path.is_dir():
        raise InputError("this is a directory", value=name, expected="a log file", next_step="name the files in it")
    try:
        return path.open("rb")
    except OSError as error:
        raise InputError(
            f"cannot read the log: {error.strerror}", location=Location(name), expected="a file that can be read"
        ) from None


def lines(file: Readable, longest: int = LONGEST_LINE) -> Iterator[Line]:
    """The lines of a file, one by one; see `parts`."""
    for part in parts(file, longest):
        for place in range(len(part.contents)):
            yield part.line(place)


def parts(file: Readable, longest: int = LONGEST_LINE) -> Iterator[LinePart]:
    """The lines of a file in parts; compressed ones are unpacked, a byte order mark at the start taken off.

    What cannot be read becomes a part of one line with a `fault`; of an over-long line only the beginning is kept.
    """
    number, offset, rest, skipped = 1, 0, b"", 0
    for block, fault in blocks(file):
        if fault:
            yield LinePart(number, offset, [rest[:longest]], ended=False, fault=fault)
            return
        *whole, rest = (rest + block).split(b"\n")
        if whole and (skipped or max(map(len, whole)) > longest):
            for content in whole:
                size = skipped + len(content)
                yield LinePart(number, offset, [content[:longest]], fault="over-long" if size > longest else None)
                number, offset, skipped = number + 1, offset + size + 1, 0
        elif whole:
            yield LinePart(number, offset, whole)
            number += len(whole)
            offset += sum(map(len, whole)) + len(whole)
        if len(rest) > longest:
            # Its beginning is enough to report it; the count of the others keeps offsets right.
            skipped += len(rest) - longest
            rest = rest[:longest]
    if rest or skipped:
        yield LinePart(number, offset, [rest], ended=False, fault="over-long" if skipped else None)


def compression_of(start: bytes) -> str:
    """How a file is packed that begins so, as the end of its name: `gz`, `zst`, `xz`, `bz2`, or nothing."""
    return next((end for begin, end in _BY_START.items() if start.startswith(begin)), "")


def blocks(file: Readable) -> Iterator[tuple[bytes, str | None]]:
    """Blocks of the unpacked content as UTF-8, without a byte order mark, or a fault as the last one."""
    unpacked = raw_blocks(file)
    head = b""
    for block, fault in unpacked:
        head += block
        if fault:
            yield head.removeprefix(BOM), fault
            return
        if len(head) >= _START and (b"\n" in head or len(head) >= _TAR_HEADER):
            break
    refuse_tar(head, _name(file))
    if decoder := decoder_of(head):
        yield decoder.decode(head[2:]).encode(), None
        yield from ((decoder.decode(block).encode(), fault) for block, fault in unpacked)
        yield decoder.decode(b"", final=True).encode(), None
        return
    yield head.removeprefix(BOM), None
    yield from unpacked


def unreadable(name: str, fault: OSError) -> InputError:
    """That a log cannot be read, or not further."""
    return InputError(
        "cannot be read", location=Location(name), value=fault.strerror, expected="a file that can be read to its end"
    )


def _name(file: object) -> str:
    name = getattr(file, "name", None)
    return name if isinstance(name, str) and name != "<stdin>" else "(standard input)"


class _Checked:
    """A file of which an error of the machine is an InputError with its name."""

    def __init__(self, file: Readable) -> None:
        self._file = file

    def read(self, size: int = -1, /) -> bytes:
        try:
            return self._file.read(size)
        except OSError as fault:
            raise unreadable(_name(self._file), fault) from None


def raw_blocks(file: Readable) -> Iterator[tuple[bytes, str | None]]:
    """Blocks of the unpacked content, or a fault as the last one. Raises InputError where the machine cannot read."""
    file = _Checked(file)
    first = file.read(_START)
    packed = compression_of(first)
    if packed:
        yield from _unpacked(first, file) if packed == "gz" else _inflated(packed, first, file)
        return
    while first:
        yield first, None
        first = file.read(_BLOCK)


def decoder_of(start: bytes) -> codecs.IncrementalDecoder | None:
    """What reads text that begins so, behind its byte order mark; none for UTF-8."""
    if start[:2] in _UTF16 and 0 in start[2:4]:  # a line begins with ASCII, of which one byte is zero
        return codecs.getincrementaldecoder(_UTF16[start[:2]])(errors="replace")
    return None


def _unpacker(packing: str) -> tuple[Callable[[], Any], type[Exception]]:
    """What unpacks a part of a file, and what that raises for one that is broken."""
    if packing == "xz":
        return lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_LARGEST_DICTIONARY), lzma.LZMAError
    if packing == "bz2":
        return bz2.BZ2Decompressor, OSError
    zstd = zstd_module()
    return zstd.ZstdDecompressor, zstd.ZstdError


def _inflated(packing: str, first: bytes, file: Readable) -> Iterator[tuple[bytes, str | None]]:
    """What a file holds that is packed with anything but gzip, of a broken one up to the break."""
    new, broken = _unpacker(packing)
    unpacker = new()
    packed = first + file.read(_PACKED)
    while packed or not (unpacker.needs_input or unpacker.eof):  # it may hold more than one block of what it has read
        try:
            block = unpacker.decompress(packed, _BLOCK)
        except broken:
            yield b"", _FAULTS[packing]
            return
        if block:
            yield block, None
        packed = b""
        if unpacker.eof:  # several frames or streams, one after the other, are one file; padding is zeros
            packed = unpacker.unused_data.lstrip(b"\0") or file.read(_PACKED).lstrip(b"\0")
            unpacker = new() if packed else unpacker
        elif unpacker.needs_input:
            packed = file.read(_PACKED)
    if not unpacker.eof:
        yield b"", _FAULTS[packing]


def zstd_module() -> ModuleType:
    """The module that unpacks, of the extra `logs`; only such files need it."""
    name = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    try:
        return import_module(name)
    except ImportError:
        raise MachineError(
            "logs compressed with zstd need the package backports.zstd, which is not installed",
            expected="the extra `logs` of regobs",
            next_step="install it: pip install 'regobs[logs]'",
        ) from None


def _unpacked(first: bytes, file: Readable) -> Iterator[tuple[bytes, str | None]]:
    """What a gzip file holds, of a broken one up to the break. Not GzipFile: it keeps back what it read before it."""
    unpacker = zlib.decompressobj(_GZIP_FORMAT)
    packed = first + file.read(_PACKED)
    while packed:
        try:
            block = unpacker.decompress(packed, _BLOCK)
        except zlib.error:
            yield b"", _FAULTS["gz"]
            return
        if block:
            yield block, None
        packed = unpacker.unconsumed_tail
        if unpacker.eof:  # rotated logs are often several packed parts, one after the other; padding is zeros
            packed = unpacker.unused_data.lstrip(b"\0") or file.read(_PACKED).lstrip(b"\0")
            unpacker = zlib.decompressobj(_GZIP_FORMAT) if packed else unpacker
        elif not packed:
            packed = file.read(_PACKED)
    if not unpacker.eof:
        yield b"", _FAULTS["gz"]
