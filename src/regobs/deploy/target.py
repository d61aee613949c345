"""What a deployment can be made to: anything that holds named objects, reads them back and judges them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Literal, Protocol, runtime_checkable

from regobs.common.reasons import shape_of
from regobs.deploy.state import Objects
from regobs.errors import InputError, RegobsError

_LONGEST = 255  # bytes of the name of a file (NAME_MAX of linux/limits.h), and of one of an object in a cluster at most
_SHOWN = 80  # characters of a name that is none
NOT_WHOLE = (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError)  # what is wrong in shape


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """One difference that a person cares about: `what` is `alert added`, `threshold changed` and the like.

    `before` and `after` are texts, "" on the side that has none; `breaks` says what of others no longer works, "" for
    nothing.
    """

    thing: str
    what: str
    before: str = ""
    after: str = ""
    breaks: str = ""

    def as_data(self) -> dict[str, str]:
        """For JSON: every field by its name."""
        return asdict(self)


class DeployTarget(Protocol):
    """One target. Every method raises ServerError or MachineError, with the target's address in it."""

    @property
    def name(self) -> str:
        """As regobs.toml calls it."""

    def wanted(self, files: Mapping[str, bytes]) -> dict[str, bytes]:
        """Its objects among the files of a build."""

    def read(self) -> dict[str, bytes]:
        """Everything that is there now and that a deployment might replace, ours or not."""

    def fits(self, name: str, content: bytes) -> bool:
        """Whether a build can give an object of this name and content: plan files may come from anybody.

        May raise any error for what is not even of the right form.
        """

    def check(self, objects: Objects) -> None:
        """Refuse what it would not take, before anything is changed. Raises InputError."""

    def write(self, before: Objects, after: Objects) -> None:
        """Put `after` in the place of `before`, in one step where the target has one. May be repeated."""

    def verify(self, objects: Objects) -> None:
        """Wait until what is there is in use and works."""

    def same(self, ours: bytes, live: bytes) -> bool:
        """Whether an object that is there is the one that we wrote, apart from what the target itself adds."""

    def announce(self, text: str) -> None:
        """Tell of a deployment that is done, where the target shows such things."""

    def changes(self, before: Objects, after: Objects) -> list[PlannedChange]:
        """What differs in meaning."""


@runtime_checkable
class ReadsItsWork(Protocol):
    """A target whose `read` depends on settings that may have been others when something was deployed."""

    def owns(self, names: Collection[str]) -> None:
        """Let `read` give objects of these names too; what was said of others before holds no longer."""


@runtime_checkable
class IsReadByServer(Protocol):
    """A target whose server goes on with what it has read until it is told to read again."""

    def unread(self, objects: Objects) -> str:
        """What of these objects, which are there, the server uses otherwise; "" where nothing is seen, or no server."""


@runtime_checkable
class MarksItsWork(Protocol):
    """A target that tells what we wrote from what others did though it is not what we would write now."""

    def untouched(self, ours: bytes, live: bytes) -> bool:
        """Whether nobody but us changed an object that we wrote."""


@runtime_checkable
class KeepsItsBytes(Protocol):
    """A target that gives back what was written as it was, so that anything else there is somebody's edit."""

    keeps_bytes: Literal[True]


@runtime_checkable
class SeesEdits(Protocol):
    """A target whose server tells what was written after us."""

    def edited_since(self, found: Objects) -> Collection[str]:
        """The names of our last `write` that somebody else has written or deleted before `found` was read."""


@runtime_checkable
class TellsRefusal(Protocol):
    """A target that can say without a server that `check` will refuse something."""

    def refuse(self, objects: Objects) -> None:
        """Raise RegobsError for what is wrong on this machine, such as a receiver without contents."""


@runtime_checkable
class TellsHindrances(Protocol):
    """A target where work of others can make every deployment fail, as far as that is seen on this machine."""

    def hindrances(self, others: Objects) -> list[str]:
        """What of `others`, which are there and not ours, the server will not take."""


@runtime_checkable
class LeavesOut(Protocol):
    """A target of which something is in no state, so that it does not go back; `left_out` says what."""

    left_out: str


@runtime_checkable
class FinishesWrites(Protocol):
    """A target whose killed `write` leaves something to be done before anybody reads what is there."""

    def finish(self) -> None:
        """Do it; nothing where nothing is left."""


def is_same(target: DeployTarget, ours: bytes, live: bytes) -> bool:
    """Whether what is live is what we wrote; not where it is of a shape that nobody can compare."""
    try:
        return ours == live or target.same(ours, live)
    except (*NOT_WHOLE, RegobsError):
        return False


def is_untouched(target: DeployTarget, ours: bytes, live: bytes) -> bool:
    """Whether nobody but us changed what we wrote, where the target tells."""
    try:
        return isinstance(target, MarksItsWork) and target.untouched(ours, live)
    except (*NOT_WHOLE, RegobsError):
        return False


def refuse_strange(target: DeployTarget, objects: Objects) -> None:
    """Raise InputError for what no build gives to such a target: names become paths and addresses there."""
    for name, content in objects.items():
        try:
            fits = _is_writable(name) and target.fits(name, content)
        except (*NOT_WHOLE, RegobsError):
            fits = False
        if not fits:
            raise _strange(name if _is_writable(name) else ascii(name)[:_SHOWN])


@contextmanager
def only_whole_objects() -> Iterator[None]:
    """Raise InputError for objects of the right names that nobody can compare, as those of a plan file may be."""
    try:
        yield
    except NOT_WHOLE as error:
        raise _strange(shape_of(error)) from error


def _strange(value: str) -> InputError:
    return InputError(
        "this is no object of such a target, so nothing is changed",
        value=value,
        expected="what a build gives, under the name that a build gives it",
        next_step="make the plan again; where it is a kept state, go back to another one",
    )


def _is_writable(name: str) -> bool:
    """Whether a name has nothing that no screen shows, and no part that is too long for a file."""
    return name.isprintable() and all(len(part.encode()) <= _LONGEST for part in name.split("/"))
