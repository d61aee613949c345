"""One TOML table, read key by key: every value is checked where it is read, and every error says where it stands."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, overload

from regobs.common.addresses import fault_of_netloc, fault_of_url, host_and_port
from regobs.common.closest import did_you_mean
from regobs.config.places import Keys, Places
from regobs.config.selectors import read_selector
from regobs.errors import ConfigError, Location
from regobs.promql.durations import read_duration
from regobs.promql.nodes import Duration, Matcher
from regobs.secrets import MASK, is_secret, redacted_text

Word = TypeVar("Word", bound=StrEnum)
Item = TypeVar("Item")

LABEL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_LONGEST = 292 * 365 * 86_400_000  # milliseconds; Prometheus counts nanoseconds in 64 bits


class TomlTable:
    """A table at `keys`. Reading methods return the default when the key is absent; `known` are all its keys."""

    def __init__(self, data: dict[str, Any], places: Places, keys: Keys = (), known: Iterable[str] = ()) -> None:
        self._data = data
        self._places = places
        self._keys = keys
        names = tuple(known)
        unknown = next((key for key in data if names and key not in names), None)
        if unknown is not None:
            raise self._unknown(unknown, names)

    def _unknown(self, key: str, names: tuple[str, ...]) -> ConfigError:
        return ConfigError(
            f"unknown setting in {self._title()}",
            location=self._places.key((*self._keys, key)),
            value=key,
            expected=f"one of {', '.join(names)}",
            next_step=did_you_mean(key, names, f"remove {key!r}"),
        )

    def _title(self) -> str:
        name = ".".join(_names(self._keys))
        if self._keys and self._keys[-1].isdecimal():
            return f"[[{name}]]"
        return f"[{name}]" if name else Path(self._places.file).name

    def fail(
        self,
        key: str,
        expected: str,
        next_step: str | None = None,
        *,
        value: object = None,
        nearest: Iterable[str] = (),
    ) -> ConfigError:
        """The error of a wrong value; the right word is guessed among `nearest`."""
        next_step = next_step or did_you_mean(str(self._data.get(key)), nearest)
        name = ".".join(_names((*self._keys, key)))
        return ConfigError(
            f"wrong value of {name}",
            location=self.place(key),
            value=MASK if is_secret(key) else _toml(self._data.get(key) if value is None else value),
            expected=expected,
            next_step=next_step or f"correct {name}",
        )

    def place(self, key: str) -> Location:
        """Where the value of a key stands."""
        return self._places.value((*self._keys, key))

    def names(self) -> tuple[str, ...]:
        """The keys that are there, in the order of the file."""
        return tuple(self._data)

    def table(self, key: str, known: Iterable[str] = ()) -> TomlTable:
        """The table under a key, empty when absent."""
        data = self._data.get(key, {})
        if not isinstance(data, dict):
            raise self.fail(key, f"a table [{'.'.join((*self._keys, key))}]")
        return TomlTable(data, self._places, (*self._keys, key), known)

    def tables(self, key: str, known: Iterable[str] = ()) -> tuple[TomlTable, ...]:
        """The tables of an array `[[key]]`, none when absent."""
        data = self._data.get(key, [])
        if not isinstance(data, list) or not all(isinstance(one, dict) for one in data):
            raise self.fail(key, f"tables [[{'.'.join((*self._keys, key))}]]")
        return tuple(TomlTable(one, self._places, (*self._keys, key, str(i)), known) for i, one in enumerate(data))

    def require(self, key: str, expected: str) -> None:
        """Raise ConfigError when the key is absent."""
        if key not in self._data:
            raise ConfigError(
                f"{key} is missing in {self._title()}",
                location=self.place(key),
                expected=expected,
                next_step=f"add {key} = ...",
            )

    def text(self, key: str, default: str, *, expected: str = "text", pattern: str = r".+") -> str:
        """A text without control characters, which no path can have, that matches `pattern` as a whole."""
        value = self._data.get(key, default)
        if key in self._data and (not isinstance(value, str) or not re.fullmatch(pattern, value)):
            raise self.fail(key, expected)
        if _CONTROL.search(str(value)):
            raise self.fail(key, f"{expected}, without control characters")
        return str(value)

    def url(self, key: str, default: str = "", *, expected: str, query: bool = False, path: bool = True) -> str:
        """An http or https URL without a user; with `query` it may have a query and a fragment."""
        value = self._data.get(key, default)
        if key in self._data and (fault := _fault_of_url(value, query=query, path=path)):
            raise self._no_url(key, expected, fault)
        return str(value)

    def urls(self, key: str, default: tuple[str, ...], *, expected: str) -> tuple[str, ...]:
        """A list of http and https URLs without user, query and fragment."""
        values = self.texts(key, default)
        fault = next(filter(None, map(_fault_of_url, values)), "") if key in self._data else ""
        if fault:
            raise self._no_url(key, expected, fault)
        return values

    def _no_url(self, key: str, expected: str, fault: str) -> ConfigError:
        """What `expected` does not say stands in the next step."""
        return self.fail(key, expected, None if fault == _OTHER else f"correct it: an address {fault}")

    def label(self, key: str, default: str | None) -> str | None:
        """A label name."""
        value = self._data.get(key, default)
        if value is not None and not (isinstance(value, str) and LABEL_NAME.fullmatch(value)):
            raise self.fail(key, "a label name: letters, digits and _, no digit first")
        return value

    def switch(self, key: str, *, default: bool) -> bool:
        """true or false."""
        value = self._data.get(key, default)
        if not isinstance(value, bool):
            raise self.fail(key, "true or false")
        return value

    def choice(self, key: str, words: type[Word], default: Word) -> Word:
        """One word of a closed set."""
        return self._word(key, self._data.get(key, default), words)

    def choices(self, key: str, words: type[Word], default: Iterable[Word]) -> frozenset[Word]:
        """A list of words of a closed set, each at most once."""
        values = self.items(key, tuple(default), lambda value: self._word(key, value, words), "words")
        return frozenset(values)

    def _word(self, key: str, value: object, words: type[Word]) -> Word:
        known = [str(word) for word in words]
        if isinstance(value, str) and value in known:
            return words(value)
        raise self.fail(key, f"one of {', '.join(known)}", did_you_mean(str(value), known), value=value)

    def items(
        self, key: str, default: tuple[Item, ...], read: Callable[[Any], Item], what: str, *, again: bool = False
    ) -> tuple[Item, ...]:
        """A list whose items `read` turns into values or refuses; with `again` an item may stand there twice."""
        if key not in self._data:
            return default
        values = self._data[key]
        if not isinstance(values, list):
            raise self.fail(key, f"a list of {what}")
        repeated = next((value for index, value in enumerate(values) if value in values[:index]), None)
        if repeated is not None and not again:
            raise self.fail(key, f"a list of {what}, each at most once", value=repeated)
        return tuple(read(value) for value in values)

    def labels(self, key: str, default: Iterable[str]) -> frozenset[str]:
        """A list of label names."""

        def read(value: object) -> str:
            if not (isinstance(value, str) and LABEL_NAME.fullmatch(value)):
                raise self.fail(key, "a list of label names", value=value)
            return value

        return frozenset(self.items(key, tuple(default), read, "label names"))

    def texts(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """A list of texts of one line each."""
        return self.items(key, default, partial(self._text_of, key), "texts")

    def words(self, key: str) -> tuple[str, ...]:
        """The words of a command, in which one may stand twice; empty without the key."""
        return self.items(key, (), partial(self._text_of, key), "texts", again=True)

    def values(self, key: str) -> tuple[str, ...]:
        """The texts of one parameter, which may be empty or stand there twice."""

        def read(value: object) -> str:
            if not isinstance(value, str):
                raise self.fail(key, "a list of texts", value=value)
            return value

        return self.items(key, (), read, "texts", again=True)

    def _text_of(self, key: str, value: object) -> str:
        if isinstance(value, str) and value.strip() and "\n" not in value and not _CONTROL.search(value):
            return value
        raise self.fail(key, "a list of texts", value=value)

    def addresses(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """A list of host:port."""

        def read(value: object) -> str:
            if not isinstance(value, str) or not host_and_port(value)[1] or fault_of_netloc(value):
                raise self.fail(key, "host:port without a scheme, such as 127.0.0.1:5001", value=value)
            return value

        return self.items(key, default, read, "addresses")

    def path(self, key: str, file: Path) -> Path | None:
        """A path, relative to the folder of `file`; None when absent."""
        text = self.text(key, "", expected="the path of a file")
        return file.parent / Path(text).expanduser() if text else None

    @overload
    def duration(self, key: str, default: Duration) -> Duration: ...
    @overload
    def duration(self, key: str, default: None) -> Duration | None: ...
    def duration(self, key: str, default: Duration | None) -> Duration | None:
        """A Prometheus duration above zero, which it can hold."""
        if key not in self._data:
            return default
        value = self._data[key]
        duration = read_duration(value) if isinstance(value, str) and not value.startswith(("$", "-")) else None
        if duration is None or duration.ms <= 0:
            raise self.fail(key, 'a duration such as "15s", "1h30m" or "28d"')
        if duration.ms > _LONGEST:
            raise self.fail(key, 'a duration of at most "292y", the longest that Prometheus takes')
        return duration

    def number(self, key: str, expected: str, accept: Callable[[Decimal], bool]) -> Decimal | None:
        """An exact number that `accept` takes, or None when absent."""
        value = self._data.get(key)
        if value is None:
            return None
        number = Decimal(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else None
        if number is None or not number.is_finite() or not accept(number):
            raise self.fail(key, expected)
        return number

    def whole(self, key: str, default: int, *, least: int, most: int) -> int:
        """A whole number from `least` to `most`."""
        found = self.number(key, f"a whole number from {least} to {most}", lambda x: least <= x <= most and x % 1 == 0)
        return default if found is None else int(found)

    def numbers(self, key: str, default: tuple[float, ...], expected: str) -> tuple[float, ...]:
        """A list of numbers; a number may stand in it twice."""
        values = self._data.get(key)
        if values is None:
            return default
        if not isinstance(values, list):
            raise self.fail(key, expected)
        wrong = next((one for one in values if isinstance(one, bool) or not isinstance(one, int | Decimal)), None)
        if wrong is not None:
            raise self.fail(key, expected, value=wrong)
        return tuple(float(one) for one in values)

    def moment(self, key: str, default: float) -> float:
        """A date and time with its offset, as Unix time."""
        value = self._data.get(key)
        if value is None:
            return default
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise self.fail(key, "a date and time with an offset, such as 2026-11-23T06:00:00Z, without quotes")
        return value.timestamp()

    def selector(self, key: str, default: tuple[Matcher, ...]) -> tuple[Matcher, ...]:
        """Label matchers, written as in PromQL with or without braces; an empty text selects everything."""
        if key not in self._data:
            return default
        value = self._data[key]
        expected = """label matchers as in PromQL, such as 'job="registry", env="prod"'"""
        if not isinstance(value, str):
            raise self.fail(key, expected)
        matchers = read_selector(value)
        if isinstance(matchers, str):
            raise self.fail(key, f"{expected}: {matchers}")
        other = next((one.label for one in matchers if LABEL_NAME.fullmatch(one.label) is None), None)
        if other is not None:
            raise self.fail(
                key, "matchers of labels whose names are letters, digits and _, no digit first", value=other
            )
        return matchers


def _names(keys: Keys) -> Iterator[str]:
    """The keys without the numbers of tables in arrays."""
    return (key for key in keys if not key.isdecimal())


def _toml(value: object) -> str:
    """A value roughly as it stands in the file, without what looks like a secret."""
    if isinstance(value, bool):
        return str(value).lower()
    text = redacted_text(str(value))
    return f'"{text}"' if isinstance(value, str) else text


_OTHER = "is not of the kind that is expected"


def _fault_of_url(value: object, *, query: bool = False, path: bool = True) -> str:
    if not isinstance(value, str) or not value.startswith(("http://", "https://")) or "@" in value:
        return _OTHER
    if not path and "/" in value.removesuffix("/").partition("://")[2]:
        return "has a path"
    return fault_of_url(value, query=True) or (_OTHER if fault_of_url(value, query=query) else "")
