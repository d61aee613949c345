"""Warnings of a pack: many of one kind are told once, with how many there are; a mistake is always told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from regobs.cli.main import run
from regobs.slo.warning_kinds import PackWarning, one_of_each_kind
from tests.slo.packs import pack_of
from tests.slo.test_warned import RULES

LACKS = "registry_notifications_errors_total"


def off(number: int, about: str = "redis", places: int = 1) -> PackWarning:
    return PackWarning(f"a.yaml:{number}: x needs {about}", "a capability that is off", about, places)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_up_to_three_of_a_kind_are_each_told(count: int) -> None:
    given = [off(number) for number in range(count)]
    assert list(one_of_each_kind(given)) == given


def test_of_more_the_first_is_told_with_their_number_and_what_they_are_about() -> None:
    mistake = PackWarning("a.yaml:9: no exporter has a metric x")
    given = [off(1), mistake, off(2, "cdn"), off(3, "cdn", places=4), mistake, off(4)]
    many, *rest = one_of_each_kind(given)
    assert many == (
        "7 lines of the pack are warned of for one cause, a capability that is off: cdn 5, redis 2."
        " Such as a.yaml:1: x needs redis; --all-warnings names each"
    )
    assert rest == [mistake, mistake]


def built(directory: Path, *more: str) -> int:
    return run(["build", "--pack", str(directory), "--out", str(directory / "out"), *more])


def test_a_build_tells_one_of_a_kind_and_all_of_it_when_asked_or_as_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named = {f"rules{number}": RULES.replace("one", f"r{number}") % f"sum({LACKS})" for number in range(4)}
    directory = tmp_path / "pack"
    directory.mkdir()
    pack_of(directory, **named)
    assert built(directory) == 0
    [told] = capsys.readouterr().err.splitlines()
    assert told.startswith("Warning: 4 lines of the pack are warned of for one cause, a capability that is off: notif")
    assert f"Such as {directory}/alerts/rules0.rules.yaml:5: {LACKS} needs the capability" in told
    assert built(directory, "--all-warnings") == 0
    assert [line.split(": ")[1] for line in capsys.readouterr().err.splitlines()] == [
        f"{directory}/alerts/rules{number}.rules.yaml:5" for number in range(4)
    ]
    assert built(directory, "--format", "json") == 0
    data: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert sum("so this is left out" in one for one in data["told"]) == 4
