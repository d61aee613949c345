"""Files that were made to break whoever reads them, files that nobody may read or that change, and odd revisions."""

from __future__ import annotations

import json
import os
import subprocess
import time
import xml.dom.minidom
from collections.abc import Callable
from pathlib import Path

import pytest

from regobs.cli.main import run
from regobs.errors import InputError
from regobs.lint import LintContext, lint_paths, lint_text
from regobs.lint.changed import changed_lines
from regobs.lint.fix import fix_files
from regobs.lint.linted_files import LintedFile
from regobs.lint.report import FORMATS, as_text

_LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + at)}: &{chr(98 + at)} [{', '.join([f'*{chr(97 + at)}'] * 9)}]\n" for at in range(12)
)
_ROWS = "p0: &p0 [{id: 1, type: stat}]\n" + "".join(
    f"p{at + 1}: &p{at + 1} [{', '.join([f'{{type: row, panels: *p{at}}}'] * 9)}]\n" for at in range(11)
)
REPEATED = {
    "tests": f"{_LAUGHS}rule_files: [a]\ntests: *m\n",
    "an SLO": f"apiVersion: openslo/v1\nkind: SLO\n{_LAUGHS}spec: *m\n",
    "rows in rows": f"{_ROWS}title: a\npanels: *p11\n",
    "rules of many groups": "groups:\n- &g\n  name: a\n  rules:\n  - &x {alert: a, expr: up == 0}\n"
    + "  - *x\n" * 2000
    + "- *g\n" * 300,
}


@pytest.mark.parametrize("text", REPEATED.values(), ids=REPEATED)
def test_aliases_that_make_a_file_endless_are_refused_at_once(text: str) -> None:
    start = time.process_time()
    (one,) = lint_text(text, "a.yaml", ".yaml").findings
    assert (one.check, one.what.split()[:2]) == ("not-read", ["aliases", "make"])
    assert time.process_time() - start < 3


def test_aliases_that_repeat_little_are_read() -> None:
    text = "groups:\n- name: a\n  rules:\n  - &x {record: 'a:b:c', expr: up}\n" + "  - *x\n" * 100
    assert lint_text(text, "a.yaml", ".yaml").rules == 101


CYCLES = {
    "rules": "groups: &a\n- name: x\n  rules: *a\n",
    "labels": "groups:\n- name: a\n  rules:\n  - &r\n    alert: a\n    expr: up\n    labels: *r\n",
    "panels": "title: a\npanels: &p\n- panels: *p\n",
    "items": "kind: List\nitems: &a\n- kind: ConfigMap\n  data: *a\n",
}


@pytest.mark.parametrize("text", CYCLES.values(), ids=CYCLES)
def test_an_alias_of_what_contains_it_is_refused(text: str) -> None:
    assert "unreadable-file" in {one.check for one in lint_text(text, "a.yaml", ".yaml").findings}


@pytest.mark.parametrize("number", ["9" * 5000, "1e" + "9" * 30, "-1.5e" + "9" * 30])
def test_a_number_that_is_too_long_is_refused_at_its_place(number: str) -> None:
    text = f"groups:\n- name: a\n  interval: {number}\n  rules: []\n"
    (one,) = lint_text(text, "a.yaml", ".yaml").findings
    assert (one.check, one.line, one.column) == ("not-read", 3, 13)


@pytest.mark.parametrize("value", ["9" * 5000 + "s", "9" * 26 + "y", "-" + "1" * 19 + "ms", "\u0661\u0662m"])
def test_a_time_that_is_too_long_is_no_duration(value: str) -> None:
    text = f"groups:\n- name: a\n  rules:\n  - {{alert: a, expr: up == 0, for: '{value}'}}\n"
    assert "broken-rule" in {one.check for one in lint_text(text, "a.yaml", ".yaml").findings}


@pytest.mark.parametrize(
    "text",
    ["up > 1e999999999", "a / a > 1e-999999999", "up > 1e" + "9" * 40, "up[" + "9" * 30 + "y]", "up > 0x" + "f" * 3000,
     "(" * 3000 + "up" + ")" * 3000, "-" * 5000 + "up", "max_over_time(" * 2000 + "up" + "[5m:1m])" * 2000, "up\0"],
    ids=["huge", "tiny", "exponent", "time", "hexadecimal", "parentheses", "signs", "subqueries", "nul"],
)  # fmt: skip
def test_a_hostile_query_is_judged_in_no_time(text: str) -> None:
    start = time.process_time()
    lint_text(text, "a.promql", ".promql")
    assert time.process_time() - start < 3


def test_allowances_of_many_panels_cost_no_more_than_their_number() -> None:
    def seconds(count: int) -> float:
        shown = {"type": "text", "title": "a", "description": "regobs: allow raw-counter: x"}
        text = json.dumps({"title": "a", "panels": [{**shown, "id": number} for number in range(count)]})
        start = time.process_time()
        assert len(lint_text(text, "a.json", ".json").findings) >= count
        return time.process_time() - start

    seconds(10)
    assert seconds(2000) < 10 * seconds(500) + 0.05


_SHOWN = {"id": 1, "type": "stat", "title": "\udfff", "targets": [{"expr": "rate(x_ratio[5m])"}]}
HALF = json.dumps({"title": "\ud800", "panels": [_SHOWN]})


@pytest.mark.parametrize("shape", [*FORMATS, "text"])
def test_half_a_surrogate_pair_and_a_name_of_any_bytes_are_written_in_each_format(
    shape: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\n\x1b[31m.json")
    Path(file).write_text(HALF)
    assert run(["lint", "--notes", "--format", shape, file]) == 1
    out = capfd.readouterr().out
    assert "\x1b" not in out
    if shape in {"json", "sarif", "gitlab"}:
        assert json.loads(out)
    if shape == "junit":
        xml.dom.minidom.parseString(out.encode())  # noqa: S318 - our own text
    if shape == "github":
        assert all(line.startswith("::") for line in out.splitlines())


def test_links_in_circles_and_what_is_no_file_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("groups: []\n")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "up").symlink_to(tmp_path)
    (tmp_path / "self.yaml").symlink_to(tmp_path / "self.yaml")
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")
    (tmp_path / "folder.yaml").mkdir()
    os.mkfifo(tmp_path / "pipe.yaml")
    assert list(lint_paths([tmp_path]).files) == [str(tmp_path / "a.yaml")]


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("groups: []\n")

    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied", str(file))

    monkeypatch.setattr(Path, "read_text", refuse)
    (one,) = lint_paths([file]).findings
    assert (one.check, one.what) == ("unreadable-file", "cannot be read: Permission denied")


@pytest.mark.parametrize("pattern", ["*.nothing", "a**b", "[", "/**x", "none/*.yaml"])
def test_a_pattern_that_matches_no_file_is_an_error(
    pattern: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        lint_paths([Path(pattern)])


_WRONG = "groups: [{name: a, rules: [{record: 'a:b:c', expr: 'sum(rate(a_total{code=\"5..\"}[5m]))'}]}]\n"


def _changes_meanwhile(file: Path) -> None:
    file.write_text("# new\n" + _WRONG)


@pytest.mark.parametrize(
    "meanwhile",
    [
        _changes_meanwhile,
        lambda file: file.chmod(0o444),
        lambda file: file.unlink(),
        lambda file: file.write_bytes(b"\xff"),
    ],
    ids=["changed", "read-only", "removed", "no text"],
)
def test_a_file_that_changed_or_may_not_be_written_is_not_corrected(
    meanwhile: Callable[[Path], None], tmp_path: Path
) -> None:
    file, context = tmp_path / "a.yaml", LintContext()
    file.write_text(_WRONG)
    report = lint_paths([file], context)
    meanwhile(file)
    before = file.read_bytes() if file.exists() else None
    (one,) = fix_files(report, context, report.findings)
    assert (one.fixed, len(one.left)) == (0, 1)
    assert (file.read_bytes() if file.exists() else None) == before
    assert sorted(tmp_path.iterdir()) == ([file] if before is not None else [])


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a commit; its rules are committed, and then changed in their second line."""
    (tmp_path / "[a].yaml").write_text("groups:\n- name: a\n  rules: []\n")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "a"], ["branch", "odd-$(name);'\"#"]):
        subprocess.run([*git, *words], check=True)
    (tmp_path / "[a].yaml").write_text("groups:\n- name: b\n  rules: []\n")
    (tmp_path / "new.yaml").write_text("groups: []\n")
    return tmp_path


@pytest.mark.parametrize("ref", ["HEAD", "odd-$(name);'\"#", "@", ":/a", "HEAD^{tree}"])
def test_lines_that_changed_since_a_revision_are_found(ref: str, repository: Path) -> None:
    file = str(repository / "[a].yaml")
    assert changed_lines(ref, [LintedFile(file, "")]) == {file: {2}}


@pytest.mark.parametrize("name", ["[a].yaml", "new.yaml"])
@pytest.mark.parametrize("ref", ["nothing", "", "--output=x", "-h", "HEAD; touch x", "$(touch x)", "é\udcff", "HEAD:x"])
def test_what_is_no_revision_is_refused_for_any_file(ref: str, name: str, repository: Path) -> None:
    with pytest.raises(InputError, match="revision"):
        changed_lines(ref, [LintedFile(str(repository / name), "")])
    assert not (repository / "x").exists()


def test_files_outside_of_a_repository_did_not_change_since_anything(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("groups: []\n")
    with pytest.raises(InputError, match="revision"):
        changed_lines("main", [LintedFile(str(tmp_path / "a.yaml"), "")])


def test_the_text_of_a_finding_in_a_long_line_is_short() -> None:
    text = json.dumps({"title": "a" * 1_000_000, "panels": [{"id": 1, "targets": [{"expr": "rate(x_ratio[5m])"}]}]})
    assert len(as_text(lint_text(text, "a.json", ".json"))) < 3000


def test_a_device_is_no_file() -> None:
    assert [one.what for one in lint_paths([Path("/dev/zero")]).findings] == ["a device, not a file"]


def test_a_named_pipe_without_a_writer_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "rules.yaml")
    (tmp_path / "link.yaml").symlink_to(tmp_path / "rules.yaml")
    for name in ("rules.yaml", "link.yaml"):
        assert [one.what for one in lint_paths([tmp_path / name]).findings] == ["a named pipe, not a file"]


def test_what_a_command_writes_into_a_pipe_is_read() -> None:
    reads, writes = os.pipe()
    os.write(writes, b"rate(up[5m])")
    os.close(writes)
    assert [one.check for one in lint_paths([Path(f"/dev/fd/{reads}")]).findings] == ["rate-of-gauge"]
    os.close(reads)


_URL = "https://bob:hunter2secret@example.com/hook"
_RECEIVER = "{route: {receiver: a}, receivers: [{name: a}, {name: a, %s}]}"


@pytest.mark.parametrize(
    ("text", "suffix"),
    [
        ("route:\n  password: hunter2secret: bad\n", ".yaml"),
        (f"- {{alert: A, annotations: {{a: '{_URL} {{{{ $labels.b }}}}'}}, expr: sum(up)}}", ".yaml"),
        (json.dumps({"title": "a", "panels": [{"title": _URL, "targets": [{"expr": "rate(x_ratio[5m])"}]}]}), ".json"),
        ("route: {receiver: a}\nreceivers: [{name: a, pagerduty_configs: [{routing_key: hunter2secret]}]\n", ".yaml"),
        (_RECEIVER % "webhook_configs: [{url: 'https://chat.example.com/hooks/hunter2secret'}]", ".yaml"),
        (_RECEIVER % "mattermost_configs: [{webhook_url: https://example.com/hooks/hunter2secret}]", ".yaml"),
        (_RECEIVER % "pushover_configs: [{user_key: hunter2secret}]", ".yaml"),
        (
            f"- {{alert: A, annotations: {{runbook_url: 'h{_URL}'}}, labels: {{severity: page}}, expr: up == 0}}",
            ".yaml",
        ),
        (json.dumps({"title": "a" * 40_000 + _URL, "panels": [{"targets": [{"expr": "rate(x_ratio[5m])"}]}]}), ".json"),
    ],
)
def test_a_secret_in_a_line_with_a_finding_is_not_shown(text: str, suffix: str) -> None:
    report = lint_text(text, f"a{suffix}", suffix)
    assert report.findings
    assert "hunter2secret" not in as_text(report)
    for name, form in FORMATS.items():
        assert "hunter2secret" not in form(report), name


def test_the_caret_stays_under_its_place_behind_a_secret_that_is_not_shown() -> None:
    rule = {"alert": "A", "annotations": {"a": _URL}, "expr": "rate(go_goroutines[5m]) > 1"}
    text = json.dumps({"groups": [{"name": "a", "rules": [rule]}]})
    lines = as_text(lint_text(text, "a.yaml", ".yaml")).split("\n")
    at = next(index for index, line in enumerate(lines) if line.startswith("error[rate-of-gauge]"))
    shown, marks = lines[at + 3], lines[at + 4]
    assert shown[marks.index("^") : marks.rindex("^") + 1] == "go_goroutines"


def test_the_address_of_no_receiver_is_shown_as_it_is() -> None:
    text = "- {alert: A, expr: rate(go_goroutines[5m]) > 1, annotations: {runbook_url: 'https://example.com/a/b'}}"
    assert "https://example.com/a/b" in as_text(lint_text(text, "a.yaml", ".yaml"))


def _allowed(count: int) -> str:
    rule = "- alert: A\n  expr: registry_gc_postpones_total > 1\n  # regobs: allow raw-counter: a reason\n"
    return rule * count + "# regobs: allow raw-counter: of all\n" * count


def test_the_time_for_allowances_grows_with_their_number() -> None:
    took = []
    for count in (250, 2000):
        begun = time.process_time()
        report = lint_text(_allowed(count), "a.yaml", ".yaml")
        took.append(time.process_time() - begun)
        assert "raw-counter" not in {one.check for one in report.findings}
    assert took[1] < 24 * took[0]  # three times what it has to be; it was 64 times
