"""`regobs deploy` to real Prometheus servers: what runs is the new state or the old one, whatever happens between."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from regobs.common.programs import Supervisor, free_port
from regobs.demo import servers
from regobs.deploy.risk import alert_risks
from regobs.errors import InputError, MachineError, RegobsError, ServerError
from regobs.prometheus import Prometheus
from tests.deploy.fakes import PREFIX, put_back, rule_file, rules
from tests.e2e.conftest import require
from tests.e2e.deployed_rules import NEW, OLD, Place, differing, files_of, pack_rules
from tests.peers import metric_servers, required_thanos, required_victoriametrics, required_vmalert
from tests.prometheus.stub import Reply, Stub
from tests.slo.conftest import DEBIAN, PEER, promtool_of

KILLS = int(os.environ.get("REGOBS_KILLS", "10"))  # 200 in the long runs


def test_the_rules_of_the_pack_are_recognised_as_prometheus_prints_them(place: Place) -> None:
    files = pack_rules(place.directory)
    with Prometheus(place.url) as client:
        client.reload()
        assert differing(client, files) == []


@pytest.fixture(params=[DEBIAN, PEER])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    promtool = promtool_of(request.param)
    if request.param == "debian":
        require("prometheus", package="prometheus")
    with Supervisor() as supervisor:
        config = {"rule_files": [f"{tmp_path}/rules/*.yaml"], "scrape_configs": []}
        url = servers.prometheus(supervisor, config, program=promtool.with_name("prometheus")).url
        yield Place(url, tmp_path / "rules", tmp_path / "state")


def test_a_deployment_is_in_use_before_it_is_called_done(place: Place) -> None:
    ours = place.rollout()
    assert ours.apply(ours.plan(OLD)) is not None
    assert place.loaded() == {"High": "vector(1) > 5", "Low": "vector(1) > 1"}
    state = ours.apply(ours.plan(NEW))
    assert state is not None
    assert state.number == 2
    assert place.loaded() == {"High": "vector(1) > 9", "Fresh": "vector(1) > 3"}
    (place.directory / "zz-theirs.yaml").write_bytes(rule_file("Theirs", 1))
    with Prometheus(place.url) as server:
        server.reload()
    ours.verify()  # what is there of others is none of our business
    (place.directory / "zz-theirs.yaml").unlink()
    ours.apply(ours.plan_back(None))
    assert place.loaded() == {"High": "vector(1) > 5", "Low": "vector(1) > 1"}
    assert place.files() == files_of(OLD)


def test_rules_that_are_loaded_and_then_fail_are_rolled_back(place: Place) -> None:
    ours = place.rollout()
    ours.apply(ours.plan(OLD))
    # many-to-many: PromQL that is right, and that no evaluation can answer
    twice = 'label_replace(vector(1), "a", "1", "", "") or label_replace(vector(1), "a", "2", "", "")'
    failing = {f"{PREFIX}bad.yaml": rule_file("Bad", 0, f"({twice}) + on() ({twice})")}
    with pytest.raises(ServerError, match="not in use as they should be") as error:
        ours.apply(ours.plan(OLD | failing))
    assert "many-to-many" in str(error.value.value)
    assert "what was there before is back" in (error.value.next_step or "")
    assert place.files() == files_of(OLD)
    assert set(place.loaded()) == {"High", "Low"}
    assert ours.status().state.number == 1


def test_rules_that_promtool_refuses_change_nothing(place: Place) -> None:
    ours = place.rollout()
    ours.apply(ours.plan(OLD))
    with pytest.raises(InputError, match="promtool refuses"):
        ours.apply(ours.plan(OLD | {f"{PREFIX}bad.yaml": rule_file("Bad", 0, "sum(")}))
    assert place.files() == files_of(OLD)


def test_a_directory_that_the_server_does_not_read_is_emptied_again(place: Place) -> None:
    elsewhere = Place(place.url, place.directory.parent / "unread", place.state)
    ours = elsewhere.rollout(patience=1)
    with pytest.raises(ServerError, match="not in use") as error:
        ours.apply(ours.plan(OLD))
    assert "is not loaded" in str(error.value.value)
    assert elsewhere.files() == {}
    assert not elsewhere.directory.exists()  # as before


HTML = Reply(200, "<html>sign in</html>", "text/html")


@pytest.mark.parametrize(
    "reply",
    [
        Reply(401, "no token"), Reply(403, "forbidden"), Reply(404, "404 page not found"), Reply(409, "conflict"),
        Reply(429, "", headers={"Retry-After": "1"}), Reply(500, "broken"), Reply(503, "starting"), HTML,
    ],
    ids=lambda reply: str(reply.status),
)  # fmt: skip
def test_whatever_the_server_answers_it_is_one_error_and_the_old_state(place: Place, reply: Reply) -> None:
    ours = place.rollout()
    ours.apply(ours.plan(OLD))
    with Stub({}, default=reply) as stub:
        broken = place.rollout(f"http://{stub.address}")
        with pytest.raises(ServerError):
            broken.apply(broken.plan(NEW))
    assert place.files() == files_of(OLD)
    assert place.loaded() == {"High": "vector(1) > 5", "Low": "vector(1) > 1"}


def test_what_others_keep_in_the_directory_stays_as_it_is(place: Place) -> None:
    """As with owner and permissions of the directory: a server of another user goes on reading it."""
    place.directory.mkdir()
    (place.directory / "password").write_bytes(b"swordfish")
    (place.directory / "password").chmod(0o600)
    (place.directory / "link").symlink_to("password")
    place.directory.chmod(0o751)
    ours = place.rollout()
    ours.apply(ours.plan(OLD))
    with pytest.raises(InputError):
        ours.apply(ours.plan(OLD | {f"{PREFIX}bad.yaml": rule_file("Bad", 0, "sum(")}))
    ours.apply(ours.plan(NEW))
    assert (place.directory / "password").stat().st_mode & 0o777 == 0o600
    assert (place.directory / "link").is_symlink()
    assert place.directory.stat().st_mode & 0o777 == 0o751
    assert not [path for path in place.state.rglob("*") if path.is_file() and b"swordfish" in path.read_bytes()]


def test_a_deployment_that_is_told_to_end_puts_the_old_state_back(place: Place, tmp_path: Path) -> None:
    """SIGTERM is what a pipeline sends when somebody cancels it."""
    ours = place.rollout()
    ours.apply(ours.plan(OLD))
    command = [sys.executable, "-c", DEPLOYER, place.url, str(place.directory), str(place.state), "new"]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root) as process:
        while not (place.directory / "Fresh.yaml").exists():
            time.sleep(0.01)
        process.terminate()
    assert process.returncode == 128 + signal.SIGTERM
    assert place.files() == files_of(OLD)
    assert place.rollout().status().interrupted == ""


def test_a_server_that_is_away_changes_nothing(place: Place) -> None:
    ours = place.rollout("http://127.0.0.1:1")
    with pytest.raises(RegobsError, match="cannot be reached"):
        ours.apply(ours.plan(OLD))
    assert place.files() == {}


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a small file system")
def test_a_full_disk_is_one_error_and_the_old_state(place: Place, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], check=False)
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        full = Place(place.url, small / "rules", place.state)
        ours = full.rollout(patience=0.2)
        large = {f"{PREFIX}large.yaml": rule_file("Large", 1) + b"# filled\n" * 20_000}
        with pytest.raises(MachineError, match="cannot be written"):
            ours.apply(ours.plan(large))
        assert full.files() == {}
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


DEPLOYER = """
import sys
from pathlib import Path
from regobs.deploy.risk import alert_risks
from regobs.deploy.ruler_api import RulerApi
from regobs.deploy.rules_directory import RulesDirectory
from regobs.deploy.run import Rollout
from regobs.deploy.state import StateFolder
from regobs.prometheus import Prometheus
from regobs.slo import outputs
from tests.e2e.deployed_rules import NEW, OLD
url, directory, state, which = sys.argv[1:]
ours = Rollout(RulesDirectory("rules", Path(directory), lambda: Prometheus(url)), StateFolder(Path(state)), wait=30)
plan = ours.plan({"old": OLD, "new": NEW}[which])
print("planned", flush=True)
ours.apply(plan)
"""


def await_begun(place: Place, process: subprocess.Popen[bytes]) -> None:
    """Wait until a deployment has noted what was there, or has ended."""
    while process.poll() is None and not (place.state / "pending.json").exists():
        time.sleep(0.01)


@pytest.mark.timeout(1800)
def test_a_deployment_that_is_killed_at_any_moment_leaves_the_old_state_or_the_new(place: Place) -> None:
    """A mix is neither on the disk at any moment, nor in the server once somebody has come to the target again."""
    ours = place.rollout()
    ours.apply(ours.plan(OLD))
    whole = [files_of(OLD), files_of(NEW)]
    ended, chance = {"killed": 0, "done": 0, "put back": 0}, random.Random(7)  # noqa: S311 - moments
    root = Path(__file__).parents[2]
    for number in range(KILLS):
        which = "new" if place.files() == whole[0] else "old"
        arguments = [place.url, str(place.directory), str(place.state), which]
        command = [sys.executable, "-c", DEPLOYER, *arguments]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"planned\n"
            if number % 2:  # on a loaded machine too, half of the kills meet a deployment that has begun
                await_begun(place, process)
            time.sleep(chance.uniform(0, 2.5) * (number + 1) / KILLS)
            process.send_signal(signal.SIGKILL)
        ended["done" if process.returncode == 0 else "killed"] += 1
        assert place.files() in whole
        ended["put back"] += bool(place.rollout().status().interrupted)
        again = place.rollout()
        put_back(again)  # whoever comes next
        assert place.files() in whole
        assert again.status().interrupted == ""
        assert again.status().edited == ()
        assert set(place.loaded()) == {Path(name).stem for name in place.files()}
    assert ended["killed"] > KILLS / 4
    assert ended["put back"] > KILLS / 10
    print(ended)


@pytest.mark.peer
def test_a_thanos_ruler_reads_them_too(tmp_path: Path, supervisor: Supervisor) -> None:
    thanos = required_thanos()
    prometheus = servers.prometheus(supervisor, {"scrape_configs": []}).url
    (tmp_path / "rules").mkdir()
    url = f"http://127.0.0.1:{free_port()}"
    command: list[str | Path] = [
        *(thanos, "rule", f"--http-address={url.removeprefix('http://')}", f"--grpc-address=127.0.0.1:{free_port()}"),
        *(f"--data-dir={tmp_path}/data", f"--rule-file={tmp_path}/rules/*.yaml", f"--query={prometheus}"),
        '--label=ruler="a"',
    ]
    supervisor.wait_until_ready(supervisor.start("thanos-rule", command), f"{url}/-/ready")
    place = Place(url, tmp_path / "rules", tmp_path / "state")
    ours = place.rollout()
    ours.apply(ours.plan(OLD))
    ours.apply(ours.plan(NEW))
    assert place.loaded() == {"High": "vector(1) > 9", "Fresh": "vector(1) > 3"}
    shutil.rmtree(place.directory)
    files = pack_rules(place.directory)
    with Prometheus(url) as client:
        client.reload()
        assert differing(client, files) == []


@pytest.mark.peer
def test_a_vmalert_reads_them_too_and_gets_its_old_rules_back(tmp_path: Path, supervisor: Supervisor) -> None:
    data = metric_servers.victoriametrics(supervisor, required_victoriametrics())
    (tmp_path / "rules").mkdir()
    url = f"http://127.0.0.1:{free_port()}"
    command: list[str | Path] = [
        *(required_vmalert(), f"-httpListenAddr={url.removeprefix('http://')}", f"-datasource.url={data}"),
        *(
            f"-rule={tmp_path}/rules/*.yaml",
            "-notifier.blackhole",
            "-evaluationInterval=1s",
            f"-remoteWrite.url={data}",
        ),
    ]
    supervisor.wait_until_ready(supervisor.start("vmalert", command), f"{url}/-/healthy")
    place = Place(url, tmp_path / "rules", tmp_path / "state")
    ours = place.rollout()
    ours.apply(ours.plan(OLD))
    ours.apply(ours.plan(NEW))
    assert place.loaded() == {"High": "vector(1) > 9", "Fresh": "vector(1) > 3"}
    twice = 'label_replace(vector(1), "a", "1", "", "") or label_replace(vector(1), "a", "2", "", "")'
    failing = {f"{PREFIX}bad.yaml": rule_file("Bad", 0, f"({twice}) + on() ({twice})")}
    with pytest.raises(ServerError, match="not in use as they should be"):
        ours.apply(ours.plan(NEW | failing))
    assert place.loaded() == {"High": "vector(1) > 9", "Fresh": "vector(1) > 3"}
    # A file of others breaks after it was loaded: vmalert answers 200 to the reload, and goes on with all old rules.
    (place.directory / "zz-theirs.yaml").write_bytes(rule_file("Theirs", 1))
    ours.apply(ours.plan(OLD))
    ours.verify()
    (place.directory / "zz-theirs.yaml").write_bytes(rule_file("Theirs", 1, "sum("))
    broken = place.rollout(patience=180)
    begun = time.monotonic()
    with pytest.raises(ServerError, match="not in use as they should be") as error:
        broken.apply(broken.plan(rules(High=8, Low=1)))
    assert "its expression is vector(1) > 5, not vector(1) > 8" in str(error.value.value)
    assert "could not read its files again" in str(error.value.value)
    assert time.monotonic() - begun < 60
    assert files_of(OLD).items() <= place.files().items()
    shutil.rmtree(place.directory)
    files = pack_rules(place.directory)
    with Prometheus(url) as client:
        client.reload()
        assert differing(client, files) == []


@pytest.mark.parametrize("release", [DEBIAN, PEER])
def test_a_plan_says_how_often_a_new_alert_would_have_fired(
    release: str, tmp_path: Path, supervisor: Supervisor
) -> None:
    promtool, now = promtool_of(release), int(time.time()) // 60 * 60
    high = [*range(60, 71), *range(120, 123), *range(300, 341)]  # minutes ago: eleven looks, three, and 41
    lines = [f"depth {9 if ago in high else 1} {now - 60 * ago}" for ago in range(600, 0, -1)]
    (tmp_path / "history.om").write_text("\n".join(["# TYPE depth gauge", *lines, "# EOF", ""]))
    made = [str(promtool), "tsdb", "create-blocks-from", "openmetrics", f"{tmp_path}/history.om", f"{tmp_path}/data"]
    subprocess.run(made, check=True, capture_output=True, timeout=60)
    program = promtool.with_name("prometheus")
    url = servers.prometheus(supervisor, {"scrape_configs": []}, data=tmp_path / "data", program=program).url
    files = {f"{PREFIX}deep.yaml": rule_file("Deep", 5, "depth").replace(b"    labels", b"    for: 5m\n    labels")}
    place = Place(url, tmp_path / "rules", tmp_path / "state")
    with Prometheus(url) as server:
        (risk,) = alert_risks(place.rollout().plan(files), server, now, 86_400)
    assert (risk.alert, risk.times, risk.note) == ("Deep", 2, "")
    assert risk.seconds == pytest.approx(60 * (11 - 5 + 41 - 5), abs=2)
