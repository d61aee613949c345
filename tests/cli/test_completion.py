"""Completion, as real shells ask for it and show it."""

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from regobs.cli.completion import _quoted
from regobs.cli.main import COMMANDS, main
from regobs.cli.main import regobs as group
from tests.prometheus.stub import Stub, success, vector
from tests.terminal import Terminal

PROGRAMS = Path(sys.executable).parent
SCRIPTS = {"bash": "complete -o nosort -F _regobs_completion regobs", "zsh": "compdef", "fish": "complete --no-files"}


def environment(home: Path, **more: str) -> dict[str, str]:
    path = f"{PROGRAMS}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {"PATH": path, "HOME": str(home), "TERM": "dumb", "LC_ALL": "C.UTF-8", **more}


def shell(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: apt-get install {name}")
    return found


def run(name: str, script: str, home: Path) -> str:
    done = subprocess.run(
        [shell(name), "-c", script], check=True, capture_output=True, text=True, env=environment(home), timeout=60
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.server
@pytest.mark.parametrize("name", SCRIPTS)
def test_the_script_of_a_shell_is_printed_by_the_command_and_by_the_variable(name: str, tmp_path: Path) -> None:
    shell(name)
    by_command = subprocess.run([PROGRAMS / "regobs", "completion", name], check=True, capture_output=True, text=True)
    by_variable = subprocess.run(
        [PROGRAMS / "regobs"], check=True, capture_output=True, text=True,
        env=environment(tmp_path, _REGOBS_COMPLETE=f"{name}_source"),
    )  # fmt: skip
    assert SCRIPTS[name].split(maxsplit=1)[0] in by_command.stdout
    assert by_command.stdout.strip() == by_variable.stdout.strip()


BASH = 'eval "$(regobs completion bash)"; COMP_WORDS=({words}); COMP_CWORD={last}; _regobs_completion regobs; '


@pytest.mark.server
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["regobs", "comp"], ["completion"]),
        (["regobs", "logs", "sch"], ["schema"]),
        (["regobs", "build", "--ou"], ["--out"]),
        (["regobs", "build", "--flavor", "d"], ["distribution"]),
        (["regobs", "catalog", "show", "registry_http_requests"], ["registry_http_requests_total"]),
        (["regobs", "nothing", "x"], []),
        (["regobs", "query", "runbook", "RegistryDatabaseH"], ["RegistryDatabaseHangs"]),
        (["regobs", "query", "alert", "RegistryDatabaseH"], ["RegistryDatabaseHangs"]),
        (["regobs", "query", "slo", "pull-manifest-l"], ["pull-manifest-latency"]),
        (["regobs", "query", "ask", "top-"], ["top-routes"]),
        (["regobs", "query", "run"], ["runbook"]),
        (["regobs", "query", "registry_http_requests"], ["registry_http_requests_total"]),
        (
            ["regobs", "query", "why", "'sum(rate(registry_http_requests'"],
            ["sum\\(rate\\(registry_http_requests_total"],
        ),
        (["regobs", "query", "panel", "storage-d"], ["storage-detail"]),
        (["regobs", "query", "values", "metho"], ["method"]),
        (["regobs", "query", "up", "--context", "x"], []),
    ],
)
def test_bash_completes_commands_options_and_names(words: list[str], expected: list[str], tmp_path: Path) -> None:
    script = BASH.format(words=" ".join(words), last=len(words) - 1) + 'printf "%s\\n" "${COMPREPLY[@]}"'
    assert list(dict.fromkeys(run("bash", script, tmp_path).split())) == expected


@pytest.mark.server
@pytest.mark.parametrize("option", ["nullglob", "failglob"])
def test_bash_takes_no_proposal_for_a_pattern_of_file_names(option: str, tmp_path: Path) -> None:
    """A window in brackets is one, and bash may drop what no file fits."""
    words = ["regobs", "query", "'rate(up[5"]
    script = BASH.format(words=" ".join(f'"{word}"' for word in words), last=2) + 'printf "%s\\n" "${COMPREPLY[@]}"'
    found = run("bash", f"shopt -s {option}; {script}", tmp_path).splitlines()
    assert any(one.startswith("rate(up[5") for one in found), found


@pytest.mark.server
def test_fish_completes_commands_with_what_they_do(tmp_path: Path) -> None:
    said = run("fish", 'regobs completion fish | source; complete -C "regobs compl"', tmp_path)
    name, description = said.strip().split("\t")
    assert name == "completion"
    assert description == COMMANDS["completion"]


@pytest.mark.server
def test_zsh_completes_what_is_typed(tmp_path: Path) -> None:
    program = shell("zsh")
    child, terminal = pty.fork()
    if child == 0:
        os.execve(program, ["zsh", "-f", "-i"], environment(tmp_path))  # noqa: S606
    try:
        os.write(terminal, b'autoload -Uz compinit && compinit -u && eval "$(regobs completion zsh)" && echo re"ady"\n')
        assert "ready" in until(terminal, "ready")
        os.write(terminal, b"regobs comple\t--help\n")
        assert "Print what completes" in until(terminal, "Print what completes")
    finally:
        os.close(terminal)
        os.waitpid(child, 0)


REPLIES = {
    "/api/v1/query": vector(({}, "1")),
    "/api/v1/label/__name__/values": success(["up", "my_own_series"]),
    "/api/v1/metadata": success({}),
    "/api/v1/labels": success(["rack", "code"]),
    "/api/v1/label/rack/values": success(["rack-a1"]),
}
STARTS = {
    "bash": ["--norc", "-i"],
    "zsh": ["-f", "-i"],
    "fish": ["--no-config", "-i"],
}
PREPARES = {
    "bash": "PS1='> '; eval \"$(regobs completion bash)\" && echo re'ady'\r",
    "zsh": "PS1='> '; autoload -Uz compinit && compinit -u && eval \"$(regobs completion zsh)\" && echo re'ady'\r",
    "fish": "function fish_prompt; echo -n '> '; end; regobs completion fish | source && echo re'ady'\r",
}
BEGIN = "rate(registry_http_requests_total{"
# What is typed, and what the shell makes of it with one Tab; bash leaves a quote open, the others may close it.
TYPED = [
    ("regobs query 'sum(rate(registry_http_requ", "'sum(rate(registry_http_request"),
    (f"regobs query '{BEGIN}meth", f"'{BEGIN}method"),
    (f"regobs query '{BEGIN}method=\"pat", f"'{BEGIN}method=\"patch"),
    ("regobs query why 'topk(5, my_o", "'topk(5, my_own_series"),
    ("regobs query 'my_own_series{ra", "'my_own_series{rack"),
    ("regobs query 'my_own_series{rack=\"r", "'my_own_series{rack=\"rack-a1"),
    ("regobs query panel overview 'HTTP lat", "'HTTP latency"),
    ("regobs query alert RegistryDatabaseHa", "RegistryDatabaseHangs"),
    ("regobs query up --context he", "--context here"),
    ("regobs query cod", "query codes"),
    ("regobs query codes --set ro", "--set route="),
]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A folder with settings, whose server has names of its own."""
    with Stub(REPLIES) as stub:
        (tmp_path / "regobs.toml").write_text(
            f"context = 'here'\n[contexts.here]\nurl = '{stub.url}'\n[queries.codes]\nexpr = 'up{{job=\"$route\"}}'\n"
        )
        yield tmp_path


@pytest.mark.server
@pytest.mark.parametrize("name", STARTS)
def test_a_shell_completes_promql_panels_alerts_contexts_and_saved_queries_where_they_are_typed(
    name: str, home: Path
) -> None:
    term = "xterm" if name == "fish" else "dumb"
    env = environment(home, REGOBS_CACHE=str(home / "cache")) | {"TERM": term}
    with Terminal([shell(name), *STARTS[name]], env, home) as terminal:
        terminal.type(PREPARES[name], "\nready")
        for typed, expected in TYPED if name == "bash" else TYPED[:5] + TYPED[-3:]:
            terminal.send("\x15")  # the line of before is gone
            terminal.type(typed + "\t", expected)
    assert (home / "cache" / "names").is_dir()


def test_a_token_of_a_command_is_not_asked_for_while_a_person_types(home: Path) -> None:
    file = home / "regobs.toml"
    file.write_text(file.read_text().replace("[queries", "token_command = ['touch', 'called']\n[queries"))
    script = BASH.format(words="regobs query my_own", last=2) + 'printf "%s\\n" "${COMPREPLY[@]}"'
    assert run("bash", f"cd {home}; {script}", home).split() == []
    assert not (home / "called").exists()


@pytest.mark.parametrize(
    ("value", "quote", "quoted"),
    [
        ("a(b) c", "", r"a\(b\)\ c"),
        ("it's", "'", "it'\\''s"),
        ('x{a="b$`\\', '"', r"x{a=\"b\$\`\\"),
        ("registry_x:y", "", "registry_x:y"),
    ],
)
def test_a_value_is_quoted_for_its_place_in_bash(value: str, quote: str, quoted: str, tmp_path: Path) -> None:
    assert _quoted(value, quote) == quoted
    assert run("bash", f"printf %s {quote}{quoted}{quote}", tmp_path) == value


def until(terminal: int, text: str) -> str:
    """What the terminal shows, until the text is there or a minute has passed."""
    shown, deadline = b"", time.monotonic() + 60
    waiting = select.poll()
    waiting.register(terminal, select.POLLIN)
    while text.encode() not in shown and time.monotonic() < deadline:
        if waiting.poll(200):
            shown += os.read(terminal, 4096)
    return shown.decode(errors="replace")


def test_completing_a_command_imports_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regobs.cli.main.import_module", None)
    with group.make_context("regobs", []) as context:
        found = group.shell_complete(context, "s")
    assert [item.value for item in found] == [name for name in COMMANDS if name.startswith("s")]


def test_a_shell_that_is_not_known_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_REGOBS_COMPLETE", "tcsh_source")
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 1
