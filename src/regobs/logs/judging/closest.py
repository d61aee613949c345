"""Which generation of schemas lines are closest to, whether or not they fit it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from regobs.logs.fields.since import since_name, until
from regobs.logs.judging.judge import Judge, Judges
from regobs.logs.reading.record import Record

_MOST_RELEASES = 5


@dataclass(frozen=True, slots=True)
class Closest:
    """The closest schemas of a file: `fit` is the part of its first `lines` that they know and find valid.

    `releases` are what the lines themselves say that they are written by; `since` is the oldest release of the GitLab
    registry that has all of their fields and `until` the newest, as far as `told_by` tells.
    """

    file: str
    schemas: str
    title: str
    fit: float
    lines: int
    releases: tuple[str, ...]
    since: str = ""
    until: str = ""
    told_by: tuple[str, ...] = ()


def closest(judges: Judges, records: Sequence[Record], file: str) -> Closest | None:
    """The closest schemas of these lines; None where there is no line of JSON or logfmt but notification envelopes."""
    records = [one for one in records if "events" not in one or "msg" in one]
    if not records:
        return None
    generations = {
        "gitlab": ("GitLab Container Registry 4.x", judges.older),
        "gitlab-labkit": ("GitLab Container Registry in the names of labkit-spec 1.0", judges.newer),
        "distribution": ("CNCF Distribution 2.8 and 3.x", judges.distribution),
    }
    found = {name: _fit(judge, records) for name, (_, judge) in generations.items()}
    name = max(found, key=lambda one: found[one])
    said = dict.fromkeys(one["version"] for one in records if isinstance(one.get("version"), str))
    releases = [release for release in said if release != "unknown"]  # a build that was told no release says so
    title, fit = generations[name][0], found[name][0] / len(records)
    told = _bounds(judges.older, records) if name == "gitlab" else ("", "", ())
    return Closest(file, name, title, fit, len(records), tuple(releases)[:_MOST_RELEASES], *told)


def _bounds(judge: Judge, records: Sequence[Record]) -> tuple[str, str, tuple[str, ...]]:
    """The oldest and the newest release that fields of known messages can be of, and these fields."""
    known = [record for record in records if judge.rule(record).known]
    fields = {name for record in known for name in record.keys() & judge.fields}
    oldest = {name: came.earliest for name in fields if (came := since_name(name)).earliest}
    newest = {name: last for name in fields if (last := until(name))}
    first = max(oldest.values(), key=_version, default="")
    last = min(newest.values(), key=_version, default="")
    told = sorted(
        {name for name in oldest if oldest[name] == first} | {name for name in newest if newest[name] == last}
    )
    return first, last, tuple(told)[:_MOST_RELEASES]


def _version(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in release.split("."))


def _fit(judge: Judge, records: Sequence[Record]) -> tuple[int, int, float]:
    """How many lines fit, how many have a known message, and how many of their fields are known."""
    fits = known = 0
    fields = 0.0
    for record in records:
        rule = judge.rule(record)
        known += rule.known
        fields += len(record.keys() & judge.fields) / max(1, len(record))
        try:
            fits += rule.fits(record)
        except ValueError:  # nested deeper than the engine follows
            continue
    return fits, known, fields
