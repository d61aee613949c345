"""A directory of rule files that a Prometheus, a Thanos Ruler or a vmalert reads.

The directory changes in one step; what others wrote there stays as it is. The server reads it when it is told to
(`/-/reload`), and says at /api/v1/rules what it made of it.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal

from regobs.common.directories import files_in, finish_replacing, one_moment_of, replace_directory
from regobs.common.files import StaleFileError
from regobs.common.programs import find_program
from regobs.deploy.loaded_rules import await_groups, gone_groups, groups_of, not_loaded
from regobs.deploy.rule_changes import rule_changes
from regobs.deploy.state import Objects
from regobs.deploy.target import PlannedChange
from regobs.documents import load_yaml
from regobs.errors import InputError, MachineError, RulesError, ServerError
from regobs.prometheus import Prometheus, RuleGroup
from regobs.slo.outputs import RULES

VERIFY_SECONDS = 180.0  # the longest interval of the pack's groups is a minute
_RULE_FILES = {".yaml", ".yml"}
_READS_NONE = (
    "where the server refuses it too, it reads no rules again and apply is rolled back; correct this file, or "
    "move it away"
)
_SAID = 200  # characters of what promtool says of a file of others


class RulesDirectory:
    """The rule files of a server on this machine. `open_server` gives a client of it."""

    keeps_bytes: Literal[True] = True

    def __init__(
        self,
        name: str,
        directory: Path,
        open_server: Callable[[], Prometheus],
        *,
        patience: float = VERIFY_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._name, self._directory, self._open = name, Path(os.path.realpath(directory)), open_server
        self._named = os.path.abspath(directory)  # noqa: PTH100 - `rule_files` may name a link to the directory
        self._patience, self._sleep = patience, sleep
        self._written: tuple[Objects, Objects] = ({}, {})  # what was there before the last `write`, and after it
        self._made = False  # whether the directory was missing before the first `write`

    @property
    def name(self) -> str:
        """As regobs.toml calls it."""
        return self._name

    def wanted(self, files: Mapping[str, bytes]) -> dict[str, bytes]:
        """The rule files of a build."""
        return {name.removeprefix(f"{RULES}/"): data for name, data in files.items() if name.startswith(f"{RULES}/")}

    def read(self) -> dict[str, bytes]:
        """Every YAML file of the directory; nothing where there is none yet."""
        if not self._directory.parent.is_dir():
            raise MachineError(
                "the folder of the rules directory is missing",
                value=str(self._directory.parent),
                next_step="create it, or correct `directory` in regobs.toml",
            )
        try:
            with one_moment_of(self._directory) as place:
                found = {}
                for path in (path for _, paths in files_in(place) for path in paths):
                    if path.suffix in _RULE_FILES and path.is_file():
                        with suppress(FileNotFoundError):  # somebody removed it since it was listed
                            found[str(path.relative_to(place))] = path.read_bytes()
                return dict(sorted(found.items()))
        except OSError as error:
            raise self._unusable(error) from error

    def fits(self, name: str, content: bytes) -> bool:
        """Whether it is a rule file in the directory itself, not above or below it, that every pattern finds."""
        del content
        path = Path(name)
        return path.name == name and not name.startswith(".") and path.suffix in _RULE_FILES

    def check(self, objects: Objects) -> None:
        """Refuse what is no rule file, what promtool refuses where it is installed, and a server that is not there."""
        with self._open() as server:
            server.rules()
        refuse_rules(objects)

    def write(self, before: Objects, after: Objects) -> None:
        """The whole directory in one rename, and then the server is told. What does not change is not touched."""
        changed = {name: content for name, content in after.items() if before.get(name) != content}
        removed = before.keys() - after.keys()
        self._written = before, after
        try:
            if changed or removed:
                self._made = self._made or not self._directory.exists()
                replace_directory(self._directory, changed, removed, before=before)
            else:
                finish_replacing(self._directory)
            if self._made and not after:
                with suppress(OSError):  # somebody else has put something there meanwhile
                    self._directory.rmdir()
        except StaleFileError as error:
            raise InputError(
                "somebody changed a file while it was to be replaced",
                value=str(error.filename),
                next_step="make the plan again, and look at it",
            ) from error
        except OSError as error:
            raise self._unusable(error) from error
        self._reload()

    def finish(self) -> None:
        """Carry over what others did in the directory at the moment in which a process was killed that replaced it."""
        if self._directory.parent.is_dir():
            try:
                finish_replacing(self._directory)
            except OSError as error:
                raise self._unusable(error) from error

    def _reload(self) -> None:
        with self._open() as server:
            server.reload()

    def _unusable(self, error: OSError) -> MachineError:
        return MachineError(
            "the rules directory cannot be written or read",
            value=f"{error.filename or self._directory}: {error.strerror}",
            next_step="free some space, or give the right to replace this directory in its folder; where it is a mount "
            "point, let `directory` be a folder in it",
        )

    def verify(self, objects: Objects) -> None:
        """Every group of these files is loaded as it is there, and each of its rules was evaluated since, and well.

        Groups that the last `write` took away are not loaded any more; of other groups nothing is said.
        """
        with self._open() as server:
            await_groups(
                server,
                dict(groups_of(objects)),
                self._file_of,
                gone=gone_groups(*self._written),
                patience=self._patience,
                sleep=self._sleep,
            )

    def _file_of(self, group: RuleGroup) -> str | None:
        """Its path in this directory, None where it is of another; links that lead there are the directory too."""
        for prefix in (f"{self._directory}/", f"{self._named}/"):
            if group.file.startswith(prefix):
                return group.file.removeprefix(prefix)
        folder, name = os.path.split(group.file)
        return name if os.path.isabs(folder) and os.path.realpath(folder) == str(self._directory) else None  # noqa: PTH117

    def unread(self, objects: Objects) -> str:
        """Which group of these files the server has not loaded as it is there, as after a reload that never came."""
        with suppress(ServerError), self._open() as server:
            return not_loaded(server, dict(groups_of(objects)), self._file_of)
        return ""

    def hindrances(self, others: Objects) -> list[str]:
        """The files of others that promtool refuses: a server that refuses one reads no file again."""
        beside = {name: content for name, content in others.items() if "/" not in name and not name.startswith(".")}
        found: dict[str, list[str]] = {}
        for line in _faults(beside):
            name, _, reason = line.partition(": ")
            if name in beside:
                found.setdefault(name, []).append(reason)
            elif found:  # more of the same fault
                found[list(found)[-1]].append(line)
        return [
            f"{self._directory / name} is not ours, and promtool refuses it ({' '.join(said)[:_SAID]}): {_READS_NONE}"
            for name, said in found.items()
        ]

    def same(self, ours: bytes, live: bytes) -> bool:
        """Whether both are equal: `read` leaves out what is not ours."""
        return ours == live

    def announce(self, text: str) -> None:
        """Nothing: a server of rules shows no such things."""

    def changes(self, before: Objects, after: Objects) -> list[PlannedChange]:
        """Rules added, removed and changed."""
        return rule_changes(before, after)


def refuse_rules(objects: Objects) -> None:
    """Raise RulesError for what is no rule file, InputError for what promtool refuses where it is installed."""
    for name, content in objects.items():
        if name.endswith((".yaml", ".yml")):
            load_yaml(content, name, error=RulesError)
    if faults := _faults(objects):
        raise InputError(
            "promtool refuses the rules",
            value="; ".join(faults)[:600],
            next_step="correct the pack; nothing was changed",
        )


def _faults(files: Objects) -> list[str]:
    """What promtool says of rule files that it refuses, each line with the file's name; nothing where there is none."""
    try:
        promtool = find_program("promtool", package="prometheus")
    except MachineError:
        return []  # the server itself judges them when it reads them
    if not files:
        return []  # promtool would read its standard input
    with tempfile.TemporaryDirectory(prefix="regobs-deploy.") as folder:
        paths = {f"{folder}/{number}-{Path(name).name}": name for number, name in enumerate(sorted(files))}
        for path, name in paths.items():
            Path(path).write_bytes(files[name])
        command = [str(promtool), "check", "rules", *paths]
        done = subprocess.run(command, check=False, capture_output=True, text=True, errors="replace")
    if done.returncode == 0:
        return []
    said = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    faults = [line for line in said if "SUCCESS" not in line and "Checking" not in line and line != "FAILED:"]
    return [_named(line, paths) for line in dict.fromkeys(faults)] or [f"exit code {done.returncode}"]


def _named(line: str, paths: Mapping[str, str]) -> str:
    """A line of promtool with the name of the file instead of its path."""
    path = line.partition(": ")[0]
    return f"{paths[path]}{line.removeprefix(path)}" if path in paths else line
