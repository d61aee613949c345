"""Deploys in a time: what `regobs deploy` keeps of its targets, and the annotations of a Grafana that tell of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from regobs.config import Config
from regobs.errors import RegobsError
from regobs.query.complete import Gap
from regobs.snapshot.taken import SnapshotEvent

KIND = "deploy"
Kept = Callable[[str, Path], Iterable[tuple[float, str]]]  # of a target by its name and folder: time and text
_LONGEST = 200  # characters of an annotation's text


@dataclass(frozen=True, slots=True)
class AskedGrafana:
    """A Grafana whose annotations are read, and the file of its token; without one GRAFANA_TOKEN has it, if any."""

    url: str
    token_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Deploys:
    """The deploys of a time, what could not be read of them, and what to know where nothing tells of them."""

    events: tuple[SnapshotEvent, ...] = ()
    gaps: tuple[Gap, ...] = ()
    notes: tuple[str, ...] = ()


def grafanas(config: Config, url: str | None, token_file: Path | None) -> list[AskedGrafana]:
    """The one of the command line, else that of [grafana], else those of the targets of `regobs deploy`."""
    targets = {
        one.url.rstrip("/"): AskedGrafana(one.url, one.token_file)
        for one in config.deploy.values()
        if one.kind == "grafana"
    }
    named = url or config.grafana.url
    if not named:
        return list(targets.values())
    known = targets.get(named.rstrip("/"), AskedGrafana(named))
    return [AskedGrafana(named, token_file or known.token_file)]


def read_deploys(config: Config, asked: Sequence[AskedGrafana], kept: Kept, start: float, end: float) -> Deploys:
    """The deploys from start to end, seconds since 1970, in order of time. What cannot be read is one of the gaps.

    `kept` tells what `regobs deploy` keeps of a target.
    """
    events: list[SnapshotEvent] = []
    found: list[Gap] = []
    told = config.grafana.deploy_tags and asked
    for name, settings in config.deploy.items():
        try:
            events += [SnapshotEvent(moment, KIND, text) for moment, text in kept(name, settings.state)]
        except (RegobsError, OSError) as error:
            found.append(_gap(f"deploys to {name} are not known", error))
    for grafana in asked if told else ():
        try:
            events += _annotated(grafana, config.grafana.deploy_tags, start, end)
        except RegobsError as error:
            found.append(_gap(f"deploys that {grafana.url} tells of are not known", error))
    notes = () if told or config.deploy else (_nobody_tells(config),)
    within = {event: None for event in events if start <= event.time <= end}
    return Deploys(tuple(sorted(within, key=lambda event: (event.time, event.text))), tuple(found), notes)


def _nobody_tells(config: Config) -> str:
    what = (
        "no Grafana is named (--grafana URL, or `url` of [grafana] in regobs.toml)"
        if config.grafana.deploy_tags
        else "`deploy_tags` of [grafana] in regobs.toml is empty"
    )
    return f"deploys are seen as restarts and versions only: {what}"


def _gap(what: str, error: Exception) -> Gap:
    if not isinstance(error, RegobsError):
        return Gap("partial", f"{what}: {getattr(error, 'strerror', None) or error}")
    said = (error.message, str(error.value) if error.value is not None else "", error.next_step or "")
    return Gap("partial", f"{what}: {'; '.join(filter(None, said))}")


def _annotated(grafana: AskedGrafana, tags: Sequence[str], start: float, end: float) -> Iterator[SnapshotEvent]:
    from regobs.grafana.live import read_annotations, read_token  # noqa: PLC0415

    for one in read_annotations(grafana.url, read_token(grafana.token_file), tags, start, end):
        text = one.text if len(one.text) <= _LONGEST else f"{one.text[: _LONGEST - 3]}..."
        yield SnapshotEvent(one.time, KIND, text or "a deploy, of which its annotation says nothing")
