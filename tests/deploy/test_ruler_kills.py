"""kill -9 of a deployment to a ruler, which changes one group at a time: the next command puts all of it right."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from regobs.deploy.ruler_api import RulerApi
from regobs.deploy.run import Rollout
from regobs.deploy.state import StateFolder
from regobs.errors import RegobsError, ServerError
from regobs.prometheus import Prometheus
from tests.deploy.fakes import put_back, rules
from tests.deploy.ruler_stub import NAMESPACE, TENANT, RulerStub
from tests.prometheus.stub import Reply

KILLS = int(os.environ.get("REGOBS_KILLS", "10"))  # 200 in the long runs
OLD, NEW = rules(A=1, B=1, C=1, D=1), rules(A=2, B=2, D=1, E=1, F=1)  # two changed, one removed, two added
QUERIES = [
    {name: f"vector(1) > {limit}" for name, limit in one.items()}
    for one in ({"A": 1, "B": 1, "C": 1, "D": 1}, {"A": 2, "B": 2, "D": 1, "E": 1, "F": 1})
]
_SLOW = 0.02  # seconds of a change, so that a kill finds some of them done

_DEPLOYER = """
import sys
from pathlib import Path
from tests.deploy.test_ruler_kills import NEW, rollout
ours = rollout(sys.argv[1], Path(sys.argv[2]))
plan = ours.plan(NEW)
print("planned", flush=True)
ours.apply(plan)
"""


def opened(url: str) -> Prometheus:
    return Prometheus(f"{url}/prometheus", headers={"X-Scope-OrgID": TENANT})


def rollout(url: str, state: Path) -> Rollout:
    target = RulerApi("ruler", f"{url}/api/v1/rules", NAMESPACE, lambda: opened(url), patience=20)
    return Rollout(target, StateFolder(state), wait=30)


@pytest.mark.parametrize("ahead", [-3600, -2, 0, 2, 3600])
def test_rules_are_seen_to_be_evaluated_whatever_the_clock_of_the_ruler_says(ahead: float, tmp_path: Path) -> None:
    ruler = RulerStub("ABCDEF")
    ruler.stub.ahead = ahead
    with ruler.stub as stub:
        ours = rollout(stub.url, tmp_path)
        ours.apply(ours.plan(OLD))
    assert ruler.queries() == QUERIES[0]


@pytest.mark.parametrize("ahead", [-3600, 0, 3600])
def test_an_evaluation_from_before_the_deployment_does_not_count(ahead: float, tmp_path: Path) -> None:
    ruler = RulerStub("ABCDEF")
    ruler.stub.ahead, ruler.evaluated = ahead, 10
    with ruler.stub as stub:
        target = RulerApi("ruler", f"{stub.url}/api/v1/rules", NAMESPACE, lambda: opened(stub.url), patience=1)
        ours = Rollout(target, StateFolder(tmp_path))
        with pytest.raises(ServerError, match="not in use"):
            ours.apply(ours.plan(OLD))


@pytest.mark.timeout(1800)
def test_a_killed_deployment_to_a_ruler_is_put_right_by_the_next_command(tmp_path: Path) -> None:
    ruler, chance = RulerStub("ABCDEF", _SLOW), random.Random(11)  # noqa: S311 - moments
    ended = {"done": 0, "killed": 0, "mixed": 0, "put back": 0}
    with ruler.stub as stub:
        ours = rollout(stub.url, tmp_path)
        ours.apply(ours.plan(OLD))
        assert ruler.queries() == QUERIES[0]
        for number in range(KILLS):
            command = [sys.executable, "-c", _DEPLOYER, stub.url, str(tmp_path)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as process:
                assert process.stdout is not None
                assert process.stdout.readline() == b"planned\n"
                time.sleep(chance.uniform(0, 1.0) * (number + 1) / KILLS)
                process.send_signal(signal.SIGKILL)
            ended["done" if process.returncode == 0 else "killed"] += 1
            time.sleep(2 * _SLOW)  # what was sent is done
            ended["mixed"] += ruler.queries() not in QUERIES
            again = rollout(stub.url, tmp_path)
            ended["put back"] += bool(again.status().interrupted)
            put_back(again)  # whoever comes next
            assert ruler.queries() in QUERIES
            assert (again.status().interrupted, again.status().edited) == ("", ())
            assert again.status().state.objects == again.target.read()
            again.apply(again.plan(OLD))
            assert ruler.queries() == QUERIES[0]
    print(ended)
    assert ended["killed"] > KILLS / 4
    assert ended["put back"] > KILLS / 10


@pytest.mark.parametrize("status", [401, 403, 409, 422, 429, 500, 503])
def test_whatever_a_ruler_answers_at_whatever_change_the_old_groups_are_back(status: int, tmp_path: Path) -> None:
    """429 and 5xx are tried again by nobody: one error, and the old state whole."""
    for step in range(1, 6):
        ruler = RulerStub("ABCDEF")
        with ruler.stub as stub:
            ours = rollout(stub.url, tmp_path / f"{status}-{step}")
            ours.apply(ours.plan(OLD))
            plan = ours.plan(NEW)
            ruler.fails = (step, status)
            with pytest.raises(RegobsError, match="ruler"):
                ours.apply(plan)
            assert ruler.queries() == QUERIES[0]
            assert ours.status().interrupted == ""


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(302, "", "text/plain", {"Location": "/login?token=t0ken"}), "a redirect to /login, no answer of an API"),
        (Reply(307, "<html>moved</html>", "text/html"), "a redirect, no answer of an API"),
        (Reply(200, "<html>sign in</html>", "text/html"), "a web page, no answer of an API"),
        (Reply(200, "<!DOCTYPE html>\n<title>sign in</title>", "text/plain"), "a web page, no answer of an API"),
    ],
    ids=["redirect", "redirect with a page", "page", "page as text"],
)
def test_a_login_before_a_ruler_has_changed_nothing(reply: Reply, said: str, tmp_path: Path) -> None:
    for step in range(1, 6):
        ruler = RulerStub("ABCDEF")
        with ruler.stub as stub:
            ours = rollout(stub.url, tmp_path / str(step))
            ours.apply(ours.plan(OLD))
            plan = ours.plan(NEW)
            ruler.fails = (step, reply)
            with pytest.raises(ServerError, match=f"answers {reply.status}") as error:
                ours.apply(plan)
            assert error.value.value == said
            assert ruler.queries() == QUERIES[0]
