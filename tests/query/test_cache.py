"""What is kept of long ranges: only what cannot change and is whole, for whoever may see it, within a limit."""

from __future__ import annotations

import math
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from regobs.prometheus import Address, Connection, Prometheus, ThanosParameters
from regobs.prometheus.answers import QueryAnswer, RangeSeries
from regobs.promql import parse
from regobs.query.cache import MARGIN, RangeCache, cache_folder, looks_ahead, names_folder, open_cache
from regobs.query.times import AskedRange
from tests.prometheus.stub import NOT_FOUND, Reply, Stub, success, vector

MOST = 4
WINDOW = AskedRange(8_000, 11_000, 1_000)
LATER = 11 + MARGIN + 1
POINTS = tuple((8.0 + number, value) for number, value in enumerate((1.5, math.inf, -0.0, 1e300)))
ANSWER = QueryAnswer("matrix", ranges=(RangeSeries({"a": "é\n"}, POINTS), RangeSeries({}, POINTS[:2], 3)), infos=("i",))


def cache(folder: Path, **more: Any) -> RangeCache:
    return RangeCache(folder / "ranges", ("http://a",), **{"now": lambda: LATER, **more})


def test_a_kept_answer_is_the_same_to_the_last_bit(tmp_path: Path) -> None:
    kept = cache(tmp_path)
    assert kept.read("up", WINDOW) is None
    kept.write("up", WINDOW, ANSWER, MOST)
    assert repr(kept.read("up", WINDOW)) == repr(ANSWER)
    nan = QueryAnswer("matrix", ranges=(RangeSeries({}, ((8.0, math.nan),)),))
    kept.write("nan", WINDOW, nan, MOST)
    assert repr(kept.read("nan", WINDOW)) == repr(nan)


def test_another_query_step_window_or_server_has_an_answer_of_its_own(tmp_path: Path) -> None:
    cache(tmp_path).write("up", WINDOW, ANSWER, MOST)
    assert cache(tmp_path).read("down", WINDOW) is None
    for other in (AskedRange(8_000, 11_000, 500), AskedRange(12_000, 15_000, 1_000), AskedRange(8_001, 11_001, 1_000)):
        assert cache(tmp_path).read("up", other) is None
    assert RangeCache(tmp_path / "ranges", ("http://b",)).read("up", WINDOW) is None


@pytest.mark.parametrize(
    ("part", "answer", "more"),
    [
        (AskedRange(8_000, 10_000, 1_000), ANSWER, {}),
        (AskedRange(9_000, 12_000, 1_000), ANSWER, {}),
        (WINDOW, QueryAnswer("matrix", warnings=("a store is away",)), {}),
        (WINDOW, QueryAnswer("matrix", partial=True), {}),
        (WINDOW, ANSWER, {"now": lambda: 11 + MARGIN}),
        (WINDOW, ANSWER, {"whole": lambda: False}),
    ],
    ids=["a part of a window", "across an edge", "a warning", "partial", "too new", "a store went away"],
)
def test_what_may_change_or_lacks_something_is_not_kept(
    part: AskedRange, answer: QueryAnswer, more: dict[str, Any], tmp_path: Path
) -> None:
    kept = cache(tmp_path, **more)
    kept.write("up", part, answer, MOST)
    assert kept.read("up", part) is None
    assert not (tmp_path / "ranges").exists()


def test_a_damaged_file_is_asked_again(tmp_path: Path) -> None:
    kept = cache(tmp_path)
    kept.write("up", WINDOW, ANSWER, MOST)
    (file,) = (tmp_path / "ranges").iterdir()
    whole = file.read_bytes()
    for damage in (b"", whole[:-1], whole[:60] + bytes([whole[60] ^ 1]) + whole[61:], b"x" + whole[1:]):
        file.write_bytes(damage)
        assert kept.read("up", WINDOW) is None
        assert not file.exists()
    kept.write("up", WINDOW, ANSWER, MOST)
    assert kept.read("up", WINDOW) is not None


def test_only_the_user_can_read_it(tmp_path: Path) -> None:
    cache(tmp_path).write("up", WINDOW, ANSWER, MOST)
    folder = tmp_path / "ranges"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()] == [0o600]


def test_the_folder_stays_below_its_limit_and_what_was_used_stays(tmp_path: Path) -> None:
    kept = cache(tmp_path)
    kept.write("query 0", WINDOW, ANSWER, MOST)
    (file,) = (tmp_path / "ranges").iterdir()
    kept = cache(tmp_path, limit=file.stat().st_size * 10)
    for number in range(1, 30):
        kept.write(f"query {number}", WINDOW, ANSWER, MOST)
        assert kept.read("query 0", WINDOW) is not None, number
        for place, one in enumerate((tmp_path / "ranges").iterdir()):
            assert place < 11
            if one != file:
                os.utime(one, (number, number))
    os.utime(file, (40, 40))
    assert sum(one.stat().st_size for one in (tmp_path / "ranges").iterdir()) <= kept.limit


def test_a_disk_that_cannot_be_written_costs_nothing_but_the_time(tmp_path: Path) -> None:
    (tmp_path / "ranges").write_text("a file")
    kept = cache(tmp_path)
    kept.write("up", WINDOW, ANSWER, MOST)
    assert kept.read("up", WINDOW) is None


@pytest.mark.parametrize(
    ("text", "ahead"),
    [
        ("rate(a_total[5m] offset 1h)", False),
        ("rate(a_total[5m] offset -1h)", True),
        ("max_over_time(up[1h:1m] offset -1m)", True),
        ("up @ 7", True),
        ("up - up @ end()", True),
        ("sum(up)", False),
    ],
)
def test_what_reads_behind_its_own_time_is_not_kept(text: str, *, ahead: bool) -> None:
    assert looks_ahead(parse(text)) is ahead


RUN = success({"startTime": "2026-11-28T20:00:00Z"})
SIDECAR = {"name": "a:1", "lastError": None}


def key(replies: dict[str, Reply], tmp_path: Path, **connection: Any) -> tuple[Any, ...] | None:
    """What the answers of a server are kept under, its address left out; None when they are not."""
    with Stub({"/api/v1/query": vector(({}, "1")), "/api/v1/stores": NOT_FOUND, **replies}) as stub:
        server = Prometheus(Connection(Address.parse(stub.url), **connection))
        found = open_cache(server, parse("up"), tmp_path)
        assert found is None or found.identity[0] == stub.url
        return None if found is None else found.identity[1:]


def test_a_server_on_this_machine_is_known_by_when_it_began(tmp_path: Path) -> None:
    flags = "/api/v1/status/runtimeinfo"
    first = key({flags: RUN}, tmp_path)
    assert first is not None
    assert first[-1] == "2026-11-28T20:00:00Z"
    assert key({flags: success({"startTime": "2026-11-28T21:00:00Z"})}, tmp_path) != first
    assert key({}, tmp_path) is None  # whatever it is: a forwarded port is another server tomorrow
    assert key({flags: success({})}, tmp_path) is None


def test_the_key_has_tenant_context_and_stores_and_no_secret(tmp_path: Path) -> None:
    run = {"/api/v1/status/runtimeinfo": RUN}
    token = {"Authorization": "Bearer s3cr3t", "X-Scope-OrgID": "team-a"}
    assert key(run, tmp_path, headers=token) is None  # who sees it is not known
    found = key(run, tmp_path, headers=token, context="prod")
    assert "s3cr3t" not in repr(found)
    assert found is not None
    assert found[:2] == ("prod", [("X-Scope-OrgID", "team-a")])
    assert found != key(run, tmp_path, headers={**token, "X-Scope-OrgID": "team-b"}, context="prod")
    assert found != key(run, tmp_path, headers=token, context="prod", thanos=ThanosParameters(dedup=False))


def test_stores_of_thanos_are_part_of_the_key_and_one_that_is_away_prevents_all(tmp_path: Path) -> None:
    stores = "/api/v1/stores"
    one = key({stores: success({"sidecar": [SIDECAR]})}, tmp_path)
    two = key({stores: success({"sidecar": [SIDECAR, {**SIDECAR, "name": "b:1"}]})}, tmp_path)
    assert one is not None
    assert None is not two != one
    assert key({stores: success({"sidecar": [{**SIDECAR, "lastError": "EOF"}]})}, tmp_path) is None


def test_the_folder_is_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert str(cache_folder()) == os.environ["REGOBS_CACHE"]
    assert names_folder() == cache_folder() / "names", "what a person sets aside for the cache holds all of it"
    monkeypatch.delenv("REGOBS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "regobs" / "ranges"
    assert names_folder() == tmp_path / "regobs" / "names"
    for odd in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", odd)
        assert cache_folder() == Path.home() / ".cache" / "regobs" / "ranges"
