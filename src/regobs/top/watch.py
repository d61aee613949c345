"""What was asked when, and how old what is shown is. It starts no thread and reads no clock: both are given to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf

from regobs.errors import RegobsError, ServerError
from regobs.top.place import HOME, TopPlace
from regobs.top.rows import since
from regobs.top.take import Taken

_MOST_ASKING = 3  # requests for pages that a slow server still owes; more pages wait
_SKEW = 30  # seconds between the clocks of the server and of this machine that are told
_LATE = 3  # intervals without an answer after which what is shown is called old


@dataclass(frozen=True, slots=True)
class Ask:
    """One question to the server: when it began (seconds of a clock that only goes forward), the page, the moment."""

    began: float
    place: TopPlace
    moment: float | None


@dataclass(slots=True)
class Watch:
    """The state of a view that asks every so many seconds. All times but `moment` are of a clock that goes forward.

    `moment` is the time that a person wants to see, seconds since 1970; None: now.
    """

    every: float
    moment: float | None = None
    place: TopPlace = HOME
    shown: Taken | None = None
    asking: list[Ask] = field(default_factory=list)
    error: RegobsError | None = None
    skew: float = 0.0
    _shown_for: Ask | None = None
    _next: float = 0.0
    _wait: float = 0.0  # until when a server that said Retry-After is left alone

    def go(self, place: TopPlace) -> None:
        """Open a page."""
        if place != self.place:
            self.place = place
            self._next = 0.0

    def travel(self, moment: float | None) -> None:
        """Show a moment, or with None now."""
        if moment != self.moment:
            self.moment, self.error = moment, None
            self._next = 0.0

    def refresh(self) -> None:
        """Ask as soon as the server may be asked."""
        self._next = 0.0

    @property
    def fits(self) -> bool:
        """Whether what is known has the open page."""
        return self.shown is not None and (self.place.of_status or self.shown.place == self.place)

    def due(self, now: float) -> bool:
        """Whether to ask again."""
        if now < max(self._next, self._wait) or len(self.asking) >= _MOST_ASKING:
            return False
        return not any((one.place, one.moment) == (self.place, self.moment) for one in self.asking)

    def begin(self, now: float) -> Ask:
        """A question that is sent now."""
        asked = Ask(now, self.place, self.moment)
        self.asking.append(asked)
        return asked

    def answered(self, asked: Ask, taken: Taken, now: float, clock: float) -> None:
        """Its answer. `clock` is this machine's time, seconds since 1970."""
        self.asking.remove(asked)
        if asked.moment is None:
            self.skew = taken.report.now - clock
        late = self._shown_for is not None and self._shown_for.began > asked.began
        elsewhere = asked.place != self.place and not self.place.of_status
        if asked.moment != self.moment or (self.fits and (late or elsewhere)):
            return  # of a time or page that nobody looks at any more, or older than what is shown
        self.shown, self._shown_for, self.error = taken, asked, None
        if asked.place == self.place:
            self._next = inf if asked.moment is not None else max(asked.began + self.every, now)

    def failed(self, asked: Ask, error: RegobsError, now: float) -> None:
        """It got no answer."""
        self.asking.remove(asked)
        if asked.moment == self.moment:
            self.error = error
        after = error.retry_after if isinstance(error, ServerError) else None
        self._wait = now + (after or 0.0)
        self._next = now + self.every

    def age(self, now: float) -> float | None:
        """How long ago what is shown was asked, in seconds; None while nothing is."""
        return None if self._shown_for is None else now - self._shown_for.began

    def news(self, now: float) -> tuple[str, bool]:
        """How fresh what is shown is, in words, and whether that is bad."""
        age = self.age(now)
        old = "nothing is shown yet" if age is None else f"what is shown is {since(age)} old"
        pending = [one for one in self.asking if one.moment == self.moment]
        waited = now - min(one.began for one in pending) if pending else 0.0
        if self.error is not None:
            value = f": {self.error.value}" if self.error.value is not None else ""
            again = "asking again" if pending else f"asked again in {since(max(self._next, self._wait) - now)}"
            return f"NO ANSWER, {old}, {again}. {self.error.message}{value}", True
        if self.moment is not None and (self.shown is None or not self._is_shown()):
            return f"asking for another time; {old}", waited > _LATE * self.every
        if age is None:
            return f"asking the server for {since(waited)}", waited > _LATE * self.every
        if pending and age > _LATE * self.every:
            return f"NO ANSWER for {since(waited)}, {old}", True
        said = f"answered {since(age)} ago" + ("" if self.moment is not None else f", asked every {since(self.every)}")
        if abs(self.skew) > _SKEW:
            side = "ahead of" if self.skew > 0 else "behind"
            said += f"; the server's clock is {since(abs(self.skew))} {side} this machine's"
        return said, False

    def _is_shown(self) -> bool:
        return self._shown_for is not None and self._shown_for.moment == self.moment
