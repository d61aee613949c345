"""Every message in the sources of GitLab Container Registry 4.32 and CNCF Distribution is in the catalogue."""

from __future__ import annotations

import gzip
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from regobs.logs.fields import DISTRIBUTION_FIELDS, FIELDS
from regobs.logs.fields.distribution import ERROR_CODES
from regobs.logs.judging.judge import Judge
from regobs.logs.judging.validate import Validator
from regobs.logs.lines_shown import followed
from regobs.logs.messages.message import GAP, Message, parsed_messages
from regobs.logs.messages.streams import DISTRIBUTION, GITLAB_ACCESS, GITLAB_APPLICATION, STREAMS
from regobs.logs.reading.tail import Written
from tests.logs.judging.test_validate import judged_lines
from tests.logs.timing import assert_linear

LISTED = Path(__file__).parents[2] / "data" / "gitlab-registry-4.32.messages.tsv"
OF_DISTRIBUTION = LISTED.with_name("distribution.messages.tsv")
SETTINGS = LISTED.with_name("gitlab-registry-4.32.settings.log.gz")
GRAVE = {"warning", "error", "fatal", "panic"}
BASE = {"time": "2026-11-23T11:11:21.645Z", "correlation_id": "01A"}


class Listed(NamedTuple):
    """A message as the list has it."""

    levels: tuple[str, ...]
    text: str
    fields: tuple[str, ...]


def listed(file: Path = LISTED) -> Iterator[Listed]:
    for line in file.read_text("utf-8").splitlines():
        cells = line.split("\t")
        if len(cells) == 4:
            text = json.loads(f'"{cells[2]}"')
            text = re.sub(r"%[-+#]?[a-zA-Z]", "value", text) if cells[1] == "F" else text
            yield Listed(tuple(cells[0].split()), text, tuple(cells[3].split()))


def errors() -> list[tuple[str, str]]:
    pairs = [line.split("\t") for line in LISTED.read_text("utf-8").splitlines()]
    return [(one[0], one[1]) for one in pairs if len(one) == 2]


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge((GITLAB_ACCESS, GITLAB_APPLICATION))


def test_the_lists_are_whole() -> None:
    assert (len(list(listed())), len(errors()), len(list(listed(OF_DISTRIBUTION)))) == (602, 53, 223)


def assert_known(one: Listed, judge: Judge) -> None:
    """It has a schema with these levels and all these fields, a meaning, and what to do where it is grave."""
    for level in one.levels:
        # The fields as well, as a message may be told by one of them from another of its text.
        rule = judge.rule(dict.fromkeys(one.fields, "x") | {"time": BASE["time"], "msg": one.text, "level": level})
        assert rule.known
        assert rule.message is not None
        assert one.text == "value" or rule.message.text != GAP
        assert not rule.message.levels or level in rule.message.levels
        assert rule.message.meaning
        assert bool(rule.message.action) or level not in GRAVE
        assert set(one.fields) <= rule.names


@pytest.mark.parametrize("one", list(listed()), ids=lambda one: one.text[:60])
def test_a_message_of_the_sources_is_known_with_its_levels_and_fields(one: Listed, judge: Judge) -> None:
    assert_known(one, judge)


@pytest.mark.parametrize("one", list(listed(OF_DISTRIBUTION)), ids=lambda one: one.text[:60])
def test_a_message_of_the_sources_of_distribution_is_known_with_its_levels_and_fields(one: Listed) -> None:
    assert_known(one, Judge((DISTRIBUTION,)))


@pytest.mark.parametrize(
    ("text", "fields", "lacking"),
    [
        # Both an import and the offline garbage collection say it; the latter names neither repository nor tag.
        ("broken tag link, skipping", {"error": "invalid checksum digest format"}, "error"),
        ("missing tag link, skipping", {"error": "e", "repository": "a/b", "tag_name": "t", "count": 1}, "repository"),
        (
            "blob is not linked to repository, skipping blob import",
            {"repository": "a/b", "digest": f"sha256:{64 * '0'}"},
            "repository",
        ),
        ("error checking for existence of layer media type", {"media_type": "m", "error": "e"}, "media_type"),
    ],
)
def test_a_field_is_required_where_every_place_that_writes_the_message_gives_it(
    text: str, fields: dict[str, Any], lacking: str
) -> None:
    line = {"time": BASE["time"], "level": "warning", "msg": text, **fields}
    assert judged_lines(line, strict=True).valid == 1
    report = judged_lines({name: value for name, value in line.items() if name != lacking})
    assert [(one.rule, one.field) for one in report.findings.values()] == [("required", lacking)]


@pytest.mark.parametrize(("code", "text"), errors())
def test_the_text_of_an_api_error_is_known(code: str, text: str) -> None:
    line = BASE | {"level": "error", "msg": text, "code": code, "detail": "map[Tag:latest]", "error": f"{code}: {text}"}
    report = judged_lines(line, strict=True)
    assert (report.valid, report.unknown_messages, report.unknown_fields) == (1, 0, 0)


@pytest.mark.parametrize(("code", "text"), errors())
def test_the_text_of_an_api_error_is_a_message_of_its_own(code: str, text: str, judge: Judge) -> None:
    rule = judge.rule(BASE | {"level": "error", "msg": text, "code": code})
    assert rule.title == text
    assert rule.message is not None
    assert rule.message.meaning
    assert rule.message.action


@pytest.mark.parametrize("text", ["manifest unknown", "a text that nobody wrote"])
def test_an_unknown_code_of_an_api_error_is_drift_and_told(text: str) -> None:
    line = BASE | {"level": "error", "msg": text, "code": "MADE_UP"}
    report = judged_lines(line, line | {"code": "MANIFEST_UNKNOWN"})
    assert (report.valid, report.unknown_messages) == (2, 1)
    assert [one.message for one in report.findings.values()] == [f"{text} (code MADE_UP)"]
    assert judged_lines(line, strict=True).invalid == 1


def test_a_known_error_of_the_api_without_a_code_lacks_it() -> None:
    report = judged_lines(BASE | {"level": "error", "msg": "manifest unknown"})
    assert (report.invalid, report.unknown_messages) == (1, 0)


def test_an_api_error_with_a_text_of_its_own_is_known_by_its_code() -> None:
    line = BASE | {"level": "error", "msg": "OCI index found, but no", "code": "MANIFEST_UNKNOWN"}
    assert judged_lines(line, strict=True).valid == 1
    assert judged_lines({name: line[name] for name in line if name != "code"}).unknown_messages == 1


SPAN = '{"Name":"HTTP GET","SpanContext":{"TraceID":"0af7651916cd43dd8448eb211c80319c"},"Parent":{}}\n'


@pytest.mark.parametrize(
    ("level", "text", "known"),
    [
        ("fatal", "listen tcp :5000: bind: address already in use", True),
        ("fatal", "open /certs/domain.crt: no such file or directory", True),
        ("error", "listen tcp :5000: bind: address already in use", False),
        ("debug", SPAN, True),
        ("debug", SPAN.replace("SpanContext", "Context"), False),
    ],
)
def test_distribution_says_what_ended_it_and_its_spans(level: str, text: str, known: bool) -> None:
    line = {"time": BASE["time"], "level": level, "msg": text, "go.version": "go1.24", "instance.id": "i"}
    report = judged_lines(line)
    assert (report.valid, report.unknown_messages) == (1, int(not known)), report.findings


def test_a_line_within_a_request_may_have_whatever_a_request_carries() -> None:
    carried = {
        "auth_user": {"Name": "a", "Type": "build", "JWT": "x"}, "auth_user_name": "a", "auth_user_type": "build",
        "auth_project_paths": ["a/b"], "root_repo": "a", "vars_name": "a/b", "vars_reference": "latest",
        "vars_digest": "sha256:1", "vars_uuid": "u", "go_version": "go1.25", "version": "4.32", "instance_id": "i",
        "service": "registry", "environment": "prod", "CF-RAY": "c", "method": "GET", "host": "h", "uri": "/v2/",
        "user_agent": "u", "remote_addr": "127.0.0.1:1", "referer": "", "content_type": "",
    }  # fmt: skip
    own: dict[str, dict[str, object]] = {
        "tag deleted": {"tag_name": "1"},
        "service unavailable": {"level": "error", "code": "UNAVAILABLE"},
        "replica is up-to-date": {},
        "Query": {},
        "new blob uploaded": {"digest": "sha256:" + "ab" * 32, "media_type": "m", "size_bytes": 1},
    }
    lines = [BASE | {"level": "info", "msg": text} | carried | fields for text, fields in own.items()]
    report = judged_lines(*lines, strict=True)
    assert (report.valid, report.unknown_fields) == (5, 0), report.findings


def test_a_line_of_text_within_a_request_is_valid_and_its_token_masked() -> None:
    line = (
        'time="2026-11-23T11:11:21.645Z" level=info msg="tag deleted" auth_project_paths="[a/b c/d]" '
        'auth_user="{bob build mytokenmytoken}" auth_user_name=bob correlation_id=01A go_version=go1.25 tag_name=1'
    )
    validator = Validator(strict=True)
    validator.read(io.BytesIO(line.encode()), "a.log")
    assert (validator.report.valid, validator.report.unknown_fields) == (1, 0), validator.report.findings
    shown = [*followed([Written("a.log", line.encode())], lambda _: True, {}, as_json=False, strict=False, named=False)]
    assert "tag deleted" in shown[0]
    assert "mytoken" not in shown[0]


def test_a_type_is_checked_in_what_a_request_carries_as_well() -> None:
    line = BASE | {"level": "info", "msg": "tag deleted", "tag_name": "1"}
    assert judged_lines(line | {"auth_user": "a"}).invalid == 1
    assert judged_lines(line | {"vars_name": 5}).invalid == 1


@pytest.mark.parametrize("lag", [{"lag_bytes": -96}, {"lag_time_s": -0.25}, {"lag_bytes": 0}])
def test_a_difference_may_be_negative(lag: dict[str, float]) -> None:
    line = BASE | {"level": "info", "msg": "replica replication lag below max thresholds"}
    assert judged_lines(line | lag, strict=True).valid == 1


def test_a_count_may_not_be_negative() -> None:
    line = BASE | {"level": "info", "msg": "listed repository tags"}
    assert judged_lines(line | {"count": 0}).valid == 1
    assert judged_lines(line | {"count": -1}).invalid == 1


def test_a_warning_or_error_says_what_to_do() -> None:
    for stream in (GITLAB_APPLICATION, DISTRIBUTION):
        for message in stream.messages:
            assert message.meaning, message.text
            assert message.action or not GRAVE & set(message.levels), message.text


def lacking(message: Message, given: list[Listed]) -> set[str]:
    """The fields that what is said of a message names, and that no place which writes it gives."""
    there = {name for one in given if message.says(one.text) for name in one.fields} | {*message.required}
    return {name for name in re.findall("`([^`]+)`", f"{message.meaning} {message.action}") if name in FIELDS} - there


def test_what_is_said_of_a_message_names_no_field_that_its_lines_cannot_have() -> None:
    given = list(listed())
    told = {
        one.text: found
        for one in GITLAB_APPLICATION.messages
        if one.text != GAP and any(one.says(place.text) for place in given) and (found := lacking(one, given))
    }
    assert told == {}


@pytest.mark.parametrize(("meaning", "found"), [("`reason` says why.", {"reason"}), ("`lag_bytes`", set())])
def test_a_field_is_one_of_the_message_and_not_of_others_in_its_group(meaning: str, found: set[str]) -> None:
    text = "replica quarantined due to excessive replication lag"
    message = Message(text, ("warning",), (), ("reason", "lag_bytes"), meaning=meaning)
    assert lacking(message, list(listed())) == found


def test_every_field_of_a_message_is_in_the_catalogue() -> None:
    for stream in STREAMS:
        for message in (*stream.messages, None):
            for names in stream.names(message) if stream.text_key else ():
                assert all(stream.field(name) for name in names)


def read(text: str) -> list[Message]:
    return list(parsed_messages(text))


def test_the_known_values_of_a_group_are_those_of_its_messages_alone() -> None:
    text = (
        "## a (line)\nmay have: x\nknown code: A B\n    C\n\ninfo: one\n    It.\n\n## b (line)\n\ninfo: two\n    It.\n"
    )
    first, second = read(text)
    assert (first.among, first.optional, second.among) == (("code", ("A", "B", "C")), ("x",), None)


def test_the_text_form_of_a_message_is_read() -> None:
    made = read(
        "# head\n\n## gc (line)\nmay have: digest event\n    worker\n\n"
        "error info: lost …: … | count digest? | when a=b\n"
        "    It is lost.\n    -> Look.\n\nany: all well\n    Nothing.\n"
    )
    first, second = made
    assert (first.text, first.levels, first.required, first.when) == (
        "lost …: …", ("error", "info"), ("count",), ("a", "b"),
    )  # fmt: skip
    assert first.optional == ("digest", "event", "worker")
    assert (first.component, first.context, first.meaning, first.action) == ("gc", "line", "It is lost.", "Look.")
    assert (second.text, second.levels, second.required, second.action) == ("all well", (), (), "")


@pytest.mark.parametrize(
    ("text", "line", "fits"),
    [
        ("a … b", "a  b", True),
        ("a … b", "a b", False),
        ("a … b", "a x b y b", True),
        ("a …", "a ", True),
        ("a …", "a", False),
        ("…: …", ": ", True),
        ("a…b…c", "abbc", True),
        ("a…b…c", "acb", False),
        ("aa…aa", "aaa", False),
        ("a…b", "a\nb", True),
        ("same", "same", True),
        ("same", "samey", False),
    ],
)
def test_a_gap_stands_for_any_text(text: str, line: str, fits: bool) -> None:
    message = Message(text, (), (), ())
    assert message.says(line) == fits
    assert bool(re.search(message.pattern.replace("$", r"\Z"), line)) == fits


def test_matching_takes_time_that_is_linear_in_the_text() -> None:
    message = Message("a…b…c…d…e", (), (), ())
    assert_linear(lambda size: message.says("a" + "bcd" * size))


TRACED = {"trace_duration": 57456, "trace_func": "f", "trace_file": "base.go", "trace_line": 154, "trace_id": "u"}
SEEN: list[dict[str, Any]] = [
    {"level": "debug", "msg": 'filesystem.GetContent("/docker/registry/v2/x")', **TRACED},
    {"level": "debug", "msg": 's3_v2.Writer("/docker/registry/v2/x", true)', **TRACED},
    {"level": "debug", "msg": "s3aws.ListObjectsV2Pages(docker/registry/v2/repositories/)", **TRACED},
    {"level": "debug", "msg": "DEBUG: Request s3/GetObject Details:\n---[ REQUEST POST-SIGN ]---\nGET /b HTTP/1.1"},
    {"level": "debug", "msg": "==> REQUEST/RESPONSE (Try=1)\n   GET http://a/c?.List(x", "event_type": "Response",
     "component": "registry.storage.azure_v2.internal"},
    {"level": "debug", "msg": "api request", "request": {"method": "GET"}, "rpcName": "storage.objects.get"},
    {"level": "info", "msg": "marking blob", "digest": "sha256:" + "ab" * 32, "driver": "s3aws", "stage": "mark"},
    {"level": "warning", "msg": "nonconformant manifest list with layer references, please report this to GitLab",
     "digest": "sha256:" + "ab" * 32, "tags": ["buildcache"], "mediatype": "m", "repository": "a/b", "driver": "s3aws",
     "dry_run": True, "stage": "mark"},
    {"level": "warning", "msg": "invalid manifest list/index reference(s), please report this issue to GitLab at "
     "https://gitlab.com/gitlab-org/container-registry/-/issues/409", "method": "GET", "media_type": "m",
     "likely_buildx_cache": True, "unknown_reference_media_types": "m,n", "correlation_id": "c"},
    {"level": "debug", "msg": "[DEBUG] Request\nGET /b/docker/registry?x-id=GetObject HTTP/1.1\r\nHost: a"},
    {"level": "debug", "msg": "[WARN] failed to close HTTP response body, this may affect connection reuse"},
    # Of labkit.
    {"level": "info", "msg": "profiler enabled", "driver": "stackdriver", "service": "a", "serviceVersion": "1",
     "projectId": "p"},
    {"level": "info", "msg": "Reopening log file on signal", "signal": 1, "path": "/x"},
    {"level": "info", "msg": "FIPS mode is enabled. Using an external SSL library."},
    {"level": "error", "msg": "Bad trusted CIDR for propagation a: invalid CIDR address: a, propagation disabled"},
    # Without the metadata database.
    {"level": "info", "msg": "manifest downloaded", "media_type": "m", "size_bytes": 1, "reference_count": 1,
     "digest": "sha256:" + "ab" * 32, "tag_name": "latest", "path": "a/b", "correlation_id": "c"},
    {"level": "info", "msg": "blob downloaded", "path": "a/b", "correlation_id": "c"},
    {"level": "error", "msg": "token from untrusted issuer", "issuer": "x", "trusted_issuers": ["y"]},
    {"level": "debug", "msg": "creating tag", "manifest_digest": "sha256:" + "ab" * 32},
    {"level": "info", "msg": "job completed", "batch_id": "01M8JA9RK2CR4GSYB3QNDVF1X5", "job_id": 1},
]  # fmt: skip


@pytest.mark.parametrize("line", SEEN, ids=lambda line: str(line["msg"])[:40])
def test_what_a_registry_with_other_settings_wrote_is_known(line: dict[str, Any]) -> None:
    record = {"time": BASE["time"], "level": "debug"} | line
    report = judged_lines(record)
    found = (report.valid, report.unknown_messages, report.unknown_fields, report.moved_fields)
    assert found == (1, 0, 0, 0), report.findings


def test_every_line_of_runs_with_other_settings_is_valid_and_known() -> None:
    validator = Validator(strict=True)
    with gzip.open(SETTINGS) as file:
        validator.read(file, SETTINGS.name)
    report = validator.report
    assert {key: (one.count, one.sample) for key, one in report.findings.items()} == {}
    assert report.valid == report.lines > 1000


def test_the_error_codes_of_distribution_are_told_with_their_field() -> None:
    registered = (
        "UNKNOWN UNSUPPORTED UNAUTHORIZED DENIED UNAVAILABLE TOOMANYREQUESTS DIGEST_INVALID SIZE_INVALID RANGE_INVALID "
        "NAME_INVALID TAG_INVALID NAME_UNKNOWN MANIFEST_UNKNOWN MANIFEST_INVALID MANIFEST_UNVERIFIED "
        "MANIFEST_BLOB_UNKNOWN BLOB_UNKNOWN BLOB_UPLOAD_UNKNOWN BLOB_UPLOAD_INVALID PAGINATION_NUMBER_INVALID"
    )
    codes = {code.lower().replace("_", " ") for code in registered.split()}
    assert codes == set(ERROR_CODES)
    assert all(code in DISTRIBUTION_FIELDS["err.code"].meaning for code in codes)
