"""What a log file has among its lines that DuckDB cannot read in place, told before or after it was asked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from regobs.logs.reading.listed import is_batch
from regobs.logs.reading.read import LONGEST_LINE, Line, LinePart, Readable, blocks, compression_of, parts
from regobs.logs.reading.values import read_record
from regobs.logs.reading.wrapping import MARKS_OF_OBJECTS, Unwrapper, is_around_a_line

_ODD_LINE = re.compile(rb"\n(?:[^{\n]|\{[ \t\r]{0,9}(?=\n))")  # no JSON, or the begin of JSON over several lines
_MARK = re.compile(b"|".join(map(re.escape, MARKS_OF_OBJECTS)))  # a third of the time of a search for each
_ONE_BEHIND_ANOTHER, _LONGEST_BETWEEN = re.compile(rb'\}[ \t\r]{0,9}\{"'), 12
_MOST_ODD = 1000  # such lines that are looked at before a log is read line by line
_AT_ONCE = 1 << 20  # bytes that are searched
_PIECE = 1 << 12


def has_other_forms(path: Path) -> bool:
    """Whether a line that does not begin as JSON can be read all the same, or is a part of what can; unsure of many."""
    return any(number == _MOST_ODD or _is_of_other_form(content) for number, content in enumerate(odd_lines(path)))


def _is_of_other_form(content: bytes) -> bool:
    content = content.strip()
    found = Unwrapper().add(Line(1, 0, content))
    return [one.content for one in found] != [content] or read_record(content) is not None


def has_batches(path: Path) -> bool:
    """Whether a line has several events one behind the other; looked for only where an object ends before another."""
    with path.open("rb") as file:
        if not _is_in(file, _ONE_BEHIND_ANOTHER, _LONGEST_BETWEEN):
            return False
    return any(is_batch(content) for part in _whole(path) for content in part.contents)


def has_bare_values(path: Path) -> bool:
    """Whether a line may be a value of JSON that is no object: it begins with no brace."""
    return any(content.strip()[:1] not in {b"{", b""} for content in odd_lines(path))


def has_wrapped_objects(path: Path) -> bool:
    """Whether an object holds a line of a registry, as Docker and shippers write them."""
    with path.open("rb") as file:
        if not _is_in(file, _MARK, max(map(len, MARKS_OF_OBJECTS))):
            return False
        file.seek(0)
        return any(
            is_around_a_line(content)
            for part in parts(file)
            for content in map(bytes.strip, part.contents)
            if content[:1] == b"{" and part.fault is None
        )


def _is_in(file: Readable, mark: re.Pattern[bytes], longest: int) -> bool:
    """Whether a mark, of so many bytes at most, stands anywhere in a file: most files without messages have none."""
    end = b""  # of the block before, in which a mark may begin
    for block, _ in blocks(file):
        text = end + block
        if mark.search(text):
            return True
        end = text[-longest:]
    return False


def has_over_long(path: Path) -> bool:
    """Whether a line of a plain file is longer than any is read: it covers a whole block of half that length."""
    half, end = LONGEST_LINE // 2, path.stat().st_size
    with path.open("rb") as file:
        if compression_of(file.read(4)):
            return False
        for begin in range(half, end - half + 1, half):
            file.seek(begin)
            if all(b"\n" not in file.read(_PIECE) for _ in range(half // _PIECE)):
                return any(one.fault for one in _whole(path))
    return False


def _whole(path: Path) -> Iterator[LinePart]:
    with path.open("rb") as file:
        yield from parts(file)


def odd_lines(path: Path) -> Iterator[bytes]:
    """The lines that do not begin with a brace; all others are passed over in one search.

    Not mapped to memory: a log may be truncated meanwhile, which would end the process.
    """
    with path.open("rb") as file:
        packed = compression_of(file.read(4))
        file.seek(0)
        if packed:
            for part in parts(file):
                yield from (content for content in part.contents if content[:1] not in {b"{", b""} or content == b"{")
            return
        text = bytearray(b"\n") + bytearray(2 * _AT_ONCE)  # one for all, which saves a third of the time
        size = 1
        while read := file.readinto(memoryview(text)[size : size + _AT_ONCE]):
            size += read
            end = max(text.rfind(b"\n", 0, size), 0)
            for odd in _ODD_LINE.finditer(text, 0, end + 1):
                yield bytes(text[odd.start() + 1 : text.find(b"\n", odd.start() + 1, end + 1)])
            kept = min(size - end, _AT_ONCE)  # of a longer line the beginning
            text[:kept] = text[end : end + kept]
            size = kept
        if size > 1 and text[1:2] != b"{":
            yield bytes(text[1:size])
