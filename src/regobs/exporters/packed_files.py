"""Rotated logs that are packed, with whatever logrotate's `compresscmd` names: gzip, xz, bzip2, zstd."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

from regobs.errors import MachineError
from regobs.logs.reading.read import ZSTD_STARTS, zstd_module

LONGEST_MAGIC = 6
ENDINGS = (".gz", ".xz", ".bz2", ".zst")  # of names, for a file that is too short to tell
DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError)  # what reading such a file may raise


class DamagedError(OSError):
    """A packed file ends before its end, or cannot be unpacked. `status` is that of the file that was read."""

    status: os.stat_result | None = None


def _zstd(packed: IO[bytes]) -> Any:
    return zstd_module().ZstdFile(packed)


_UNPACKERS: dict[bytes, Callable[[IO[bytes]], Any]] = {
    b"\x1f\x8b": lambda packed: gzip.GzipFile(fileobj=packed),
    b"\xfd7zXZ\0": lzma.LZMAFile,
    b"BZh": bz2.BZ2File,
    **dict.fromkeys(ZSTD_STARTS, _zstd),
}
_TELLS_SIZE = b"\x1f\x8b"


def is_of_the_disk(fault: BaseException) -> bool:
    """Whether one of `DAMAGED` says that the disk could not be read, and nothing of the file: it has a number."""
    return isinstance(fault, OSError) and fault.errno is not None


def packing_of(start: bytes) -> bytes:
    """How a file that begins so is packed; nothing for a plain one."""
    return next((magic for magic in _UNPACKERS if start.startswith(magic)), b"")


def tells_size(packing: bytes) -> bool:
    """Whether the last four bytes of such a file are its size unpacked, modulo 2^32 (RFC 1952)."""
    return packing == _TELLS_SIZE


@contextmanager
def unpacked(packing: bytes, packed: IO[bytes]) -> Iterator[IO[bytes]]:
    """The content of a packed file. What that raises is one of `DAMAGED`, also where a package for it is missing."""
    try:
        with _UNPACKERS[packing](packed) as file:
            yield file
    except MachineError as fault:
        raise OSError(str(fault).partition("\n")[0]) from fault
    except Exception as fault:
        if type(fault).__name__ == "ZstdError":  # of a module that may be missing
            raise OSError(str(fault)) from fault
        raise
