"""Deploys in a time: what `regobs deploy` keeps of its targets, and the annotations of a Grafana that tell of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from regobs.config import Config
from regobs.errors import MachineError, RegobsError
from regobs.query.complete import Gap
from regobs.snapshot.taken import SnapshotEvent

KIND = "deploy"
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


def read_deploys(config: Config, asked: Sequence[AskedGrafana], start: float, end: float) -> Deploys:
    """The deploys from start to end, seconds since 1970, in order of time. What cannot be read is one of the gaps."""
    events: list[SnapshotEvent] = []
    found: list[Gap] = []
    told = config.grafana.deploy_tags and asked
    for name, settings in config.deploy.items():
        try:
            events += _kept(name, settings.state)
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


def _kept(name: str, folder: Path) -> Iterator[SnapshotEvent]:
    """The states that were applied to a target of `regobs deploy`, and one that was begun and has not ended."""
    from regobs.deploy.state import StateFolder  # noqa: PLC0415 - few have deployed from here

    states = StateFolder(folder)
    for one in states.states():
        words = (f"state {one.number} of {name}", f"regobs {one.version}", one.environment)
        yield SnapshotEvent(_time(folder, one.applied), KIND, f"regobs deploy: {', '.join(filter(None, words))}")
    pending = states.unfinished()
    if pending is not None:
        text = f"regobs deploy: state {pending.number} of {name} was begun, and has not ended"
        yield SnapshotEvent(_time(folder, pending.begun), KIND, text)


def _time(folder: Path, text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise MachineError("a kept state has no time", value=f"{folder}: {text[:60]!r}") from None


def _annotated(grafana: AskedGrafana, tags: Sequence[str], start: float, end: float) -> Iterator[SnapshotEvent]:
    from regobs.grafana.live import read_annotations, read_token  # noqa: PLC0415

    for one in read_annotations(grafana.url, read_token(grafana.token_file), tags, start, end):
        text = one.text if len(one.text) <= _LONGEST else f"{one.text[: _LONGEST - 3]}..."
        yield SnapshotEvent(one.time, KIND, text or "a deploy, of which its annotation says nothing")
