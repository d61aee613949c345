from __future__ import annotations

import gzip
import io
import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regobs.logs.judging.report import to_data, to_json, to_text
from regobs.logs.judging.validate import Finding, LogReport, Validator
from regobs.logs.messages.streams import LABKIT_ACCESS, LABKIT_APPLICATION
from regobs.logs.redact import sample
from tests.examples import examples
from tests.logs.lines import DOCKER, GITLAB, NEWER_DISTRIBUTION, made, real, records

ACCESS = next(record for record in records() if record["msg"] == "access")
BLOB = next(record for record in records() if record["msg"] == "blob uploaded")


def judged(data: bytes, flavor: str | None = None, *, strict: bool = False, longest: int = 1 << 20) -> LogReport:
    validator = Validator(flavor, strict=strict, longest=longest)
    validator.read(io.BytesIO(data), "a.log")
    return validator.report


def judged_lines(*lines: Any, strict: bool = False) -> LogReport:
    return judged(b"".join(json.dumps(line).encode() + b"\n" for line in lines), strict=strict)


def only(report: LogReport, kind: str) -> Finding:
    (found,) = [one for one in report.findings.values() if one.kind == kind]
    return found


def counts(report: LogReport) -> tuple[int, int, int, int]:
    return report.lines, report.valid, report.invalid, report.malformed


def test_every_line_of_a_running_gitlab_registry_is_valid_by_the_schema_of_its_own_message() -> None:
    report = judged(GITLAB.read_bytes(), strict=True)
    assert counts(report) == (4357, 4357, 0, 0)
    assert (report.unknown_messages, report.unknown_fields, report.findings) == (0, 0, {})
    assert report.streams == {"gitlab.access": 277, "gitlab.application": 4080}


@pytest.mark.parametrize("path", DOCKER, ids=["json", "text"])
def test_every_line_of_a_docker_registry_is_valid_in_both_of_its_formats(path: Any) -> None:
    report = judged(path.read_bytes(), strict=True)
    assert counts(report) == (1032, 1032, 0, 0)
    assert (report.unknown_messages, report.unknown_fields) == (0, 0)
    assert report.streams == {"distribution.application": 902, "distribution.access": 128, "go-standard": 2}


@pytest.mark.parametrize("path", NEWER_DISTRIBUTION, ids=["json", "text"])
def test_every_line_of_distribution_3_is_valid_in_both_of_its_formats(path: Any) -> None:
    report = judged(path.read_bytes(), strict=True)
    assert counts(report) == (599, 599, 0, 0)
    assert (report.unknown_messages, report.unknown_fields) == (0, 0)
    assert report.streams == {"distribution.application": 469, "distribution.access": 128, "go-standard": 2}
    assert [one.releases for one in report.closest] == [("v3.1.2+unknown",)]


def test_the_text_format_says_the_same_as_the_json_format() -> None:
    json_report, text_report = (judged(path.read_bytes()) for path in DOCKER)
    assert json_report.streams == text_report.streams


@pytest.mark.parametrize("stream", [LABKIT_ACCESS, LABKIT_APPLICATION], ids=["access", "application"])
def test_lines_of_the_newer_generation_are_valid_by_their_own_schema(stream: Any) -> None:
    lines = [made(stream, message) for message in stream.messages]
    report = judged_lines(*lines, strict=True)
    assert counts(report) == (len(lines), len(lines), 0, 0)
    assert report.streams == {stream.name: len(lines)}


def test_seconds_under_the_old_names_are_reported_with_the_name_they_replace() -> None:
    line = {name: value for name, value in ACCESS.items() if name != "duration_ms"} | {"duration_s": 0.25}
    report = judged_lines(line)
    assert only(report, "invalid").rule == "required"
    assert only(report, "field").hint == "labkit writes this for duration_ms times 1000"


def test_a_fraction_of_a_whole_unit_raises_a_doubt_about_the_unit() -> None:
    found = only(judged_lines(ACCESS | {"duration_ms": 0.25}), "invalid")
    assert (found.rule, found.field, found.expected) == ("type", "duration_ms", "integer")
    assert found.hint == "a fraction where whole ms were: the unit may have changed"


def test_a_problem_is_counted_by_rule_and_field_and_told_where_it_was_first() -> None:
    lines = [ACCESS, ACCESS | {"status": "200"}, BLOB, ACCESS | {"status": "404"}, ACCESS | {"status": -1}]
    report = judged_lines(*lines)
    assert counts(report) == (5, 2, 3, 0)
    first, second = report.findings.values()
    assert (first.rule, first.field, first.message, first.count) == ("type", "status", "access", 2)
    assert (first.file, first.line, first.sample) == ("a.log", 2, "200")
    assert first.offset == len(json.dumps(ACCESS)) + 1
    assert (second.rule, second.expected, second.count, second.sample) == ("minimum", "minimum 0", 1, "-1")


def test_a_level_that_a_message_never_has_is_invalid() -> None:
    report = judged_lines(BLOB | {"level": "error"})
    assert (only(report, "invalid").rule, only(report, "invalid").field) == ("enum", "level")


def test_an_unknown_field_is_drift_and_invalid_only_when_strict() -> None:
    line = BLOB | {"shard": "a"}
    report, strict = judged_lines(line, BLOB), judged_lines(line, BLOB, strict=True)
    assert (counts(report), report.unknown_fields, report.ok) == ((2, 2, 0, 0), 1, True)
    assert (counts(strict), strict.unknown_fields, strict.ok) == ((2, 1, 1, 0), 1, False)
    found = only(report, "field")
    assert (found.field, found.message, found.sample, found.line) == ("shard", "blob uploaded", "a", 1)


def with_fields(content: bytes, **fields: object) -> bytes:
    """The lines of a registry that has these static fields in its configuration."""
    records = [json.loads(line) for line in gzip.decompress(content).splitlines()]
    lines = [one | fields if "service" in one else one for one in records]
    return b"".join(json.dumps(one).encode() + b"\n" for one in lines)


@pytest.mark.parametrize("value", ["eu-1", "", 3, True], ids=repr)
def test_a_static_field_of_the_configuration_is_known_in_all_lines(value: object) -> None:
    report = judged(with_fields(GITLAB.read_bytes(), region=value, team="storage"), strict=True)
    assert (counts(report), report.unknown_fields, report.findings) == ((4357, 4357, 0, 0), 0, {})
    assert report.static == {"region": sample(value), "team": "storage"}


def test_a_static_field_of_another_value_is_unknown() -> None:
    other = with_fields(GITLAB.read_bytes(), region="eu-1") + json.dumps(BLOB | {"region": "eu-2"}).encode()
    report = judged(other)
    assert (report.unknown_fields, only(report, "field").sample, report.static) == (1, "eu-2", {"region": "eu-1"})


@pytest.mark.parametrize("value", [None, ["a"], {"a": 1}, 0.5], ids=repr)
def test_a_value_that_no_static_field_has_leaves_the_field_unknown(value: object) -> None:
    report = judged(with_fields(GITLAB.read_bytes(), region=value))
    assert (report.unknown_fields, report.static) == (3803, {})


def test_a_static_field_is_told_by_three_messages_and_half_of_the_lines_with_an_instance() -> None:
    line = BLOB | {"instance_id": "i", "region": "eu-1"}
    texts = ("blob uploaded", "blob deleted", "manifest uploaded")
    two, three = ([line | {"msg": text} for text in texts[:count]] for count in (2, 3))
    others = [BLOB | {"instance_id": "i", "msg": "tag deleted"}] * 3
    assert [judged_lines(*lines).static for lines in (two, three, three + others[:2], three + others)] == [
        {},
        {"region": "eu-1"},
        {"region": "eu-1"},
        {},
    ]


@pytest.mark.parametrize("texts", [("manifest unknown",), ("manifest unknown", "blob uploaded")])
def test_a_registry_that_writes_few_messages_tells_its_static_fields_by_all_lines_with_an_instance(
    texts: tuple[str, ...],
) -> None:
    lines = [BLOB | {"instance_id": "i", "region": "eu-1", "msg": texts[at % len(texts)]} for at in range(10)]
    lines += [ACCESS] * 20
    lacking = BLOB | {"instance_id": "i", "msg": "tag deleted"}
    assert [judged_lines(*some).static for some in (lines, lines[1:], [*lines, lacking, lacking])] == [
        {"region": "eu-1"},
        {},
        {},
    ]


def test_a_field_that_a_part_of_the_lines_of_its_messages_has_is_not_static() -> None:
    line = BLOB | {"instance_id": "i", "region": "eu-1"}
    texts = ("blob uploaded", "blob deleted", "manifest uploaded")
    having = [line | {"msg": text} for text in texts] * 3
    lacking = [{**BLOB, "instance_id": "i"}]
    assert judged_lines(*having, *lacking).static == {"region": "eu-1"}
    assert judged_lines(*having, *lacking * 2).static == {}
    other = [{**BLOB, "instance_id": "i", "msg": "tag deleted"}] * 2  # by a logger without it
    assert judged_lines(*having, *lacking, *other).static == {"region": "eu-1"}


@pytest.mark.parametrize(("name", "static"), [("auth_user_jwt", False), ("vars_shard", False), ("author", True)])
def test_a_field_of_the_family_of_a_request_is_not_static(name: str, static: bool) -> None:
    line = BLOB | {"instance_id": "i", name: "x"}
    lines = [line | {"msg": text} for text in ("blob uploaded", "blob deleted", "manifest uploaded")]
    report = judged_lines(*lines)
    assert (name in report.static, report.unknown_fields) == (static, 0 if static else 3)


def test_a_secret_in_a_static_field_is_masked() -> None:
    report = judged(with_fields(GITLAB.read_bytes(), api_token="s3cr3t-value"))
    assert list(report.static) == ["api_token"]
    assert "s3cr3t" not in to_text(report) + to_json(report)


def test_static_fields_of_a_process_that_was_started_later_are_known_in_the_same_file() -> None:
    content = GITLAB.read_bytes()
    report = judged(with_fields(content, region="eu-1") + with_fields(content, zone="b"), strict=True)
    assert report.static == {"region": "eu-1", "zone": "b"}
    assert report.unknown_fields < 0.25 * report.lines  # of the part in which it was started


def test_static_fields_with_another_value_of_each_instance_are_known() -> None:
    content = GITLAB.read_bytes()
    later = with_fields(content, region="eu-2", instance_id="other")
    report = judged(with_fields(content, region="eu-1") + later, strict=True)
    assert report.static == {"region": "eu-1, eu-2"}
    assert report.unknown_fields < 0.25 * report.lines  # of the part in which it was started
    pairs = zip(
        with_fields(content, region=True).splitlines(),
        with_fields(content, region=1, instance_id="i").splitlines(),
        strict=True,
    )
    mixed = judged(b"".join(line + b"\n" for pair in pairs for line in pair), strict=True)
    assert (mixed.static, mixed.unknown_fields, mixed.findings) == ({"region": "True, 1"}, 0, {})


def test_a_field_with_another_value_of_nearly_each_line_is_not_static() -> None:
    texts = ("blob uploaded", "blob deleted", "manifest uploaded")
    lines = [BLOB | {"instance_id": f"i{at // 4}", "region": f"eu-{at // 4}", "msg": texts[at % 3]} for at in range(40)]
    assert judged_lines(*lines).static == {}
    lines = [BLOB | {"instance_id": f"i{at // 5}", "region": f"eu-{at // 5}", "msg": texts[at % 3]} for at in range(40)]
    assert judged_lines(*lines).static == {"region": ", ".join(f"eu-{at}" for at in range(8))}


def test_a_file_without_the_static_fields_of_the_one_before_is_held_to_its_own() -> None:
    validator = Validator()
    validator.read(io.BytesIO(with_fields(GITLAB.read_bytes(), region="eu-1")), "a.log")
    validator.read(io.BytesIO(json.dumps(BLOB | {"region": "eu-1"}).encode()), "b.log")
    assert validator.report.unknown_fields == 1


def test_a_field_of_another_message_is_told_apart_from_unknown_ones_and_invalid_only_when_strict() -> None:
    line = BLOB | {"bucket": "b"}
    report = judged_lines(line)
    found = only(report, "moved")
    assert (found.field, found.message) == ("bucket", str(BLOB["msg"]))
    assert (counts(report), report.unknown_fields, report.moved_fields) == ((1, 1, 0, 0), 0, 1)
    assert counts(judged_lines(line, strict=True)) == (1, 0, 1, 0)


def test_a_field_of_another_message_keeps_its_type() -> None:
    found = only(judged_lines(BLOB | {"fileSize": "much"}), "type")
    assert (found.field, found.expected, found.seen) == ("fileSize", "integer", "string")


def test_an_unknown_message_is_drift_and_invalid_only_when_strict() -> None:
    line = BLOB | {"msg": "blob teleported", "distance": 5}
    report, strict = judged_lines(line), judged_lines(line, strict=True)
    assert (counts(report), report.unknown_messages, report.unknown_fields) == ((1, 1, 0, 0), 1, 1)
    assert only(report, "message").message == "blob teleported"
    assert only(report, "field").field == "distance"
    assert counts(strict) == (1, 0, 1, 0)


def test_an_unknown_message_is_held_to_the_fields_that_all_lines_have() -> None:
    report = judged_lines(BLOB | {"msg": "blob teleported", "time": "yesterday"})
    assert (only(report, "invalid").field, only(report, "invalid").rule) == ("time", "pattern")


def test_a_known_field_of_another_type_in_an_unknown_message_is_drift() -> None:
    line = BLOB | {"msg": "blob teleported", "queue_size": "many"}
    report, strict = judged_lines(line), judged_lines(line, strict=True)
    found = only(report, "type")
    assert (found.field, found.expected, found.seen, found.sample) == ("queue_size", "integer", "string", "many")
    assert (counts(report), counts(strict)) == ((1, 1, 0, 0), (1, 0, 1, 0))
    assert to_data(report)["drift"]["types"][0]["field"] == "queue_size"


@pytest.mark.parametrize(
    ("changes", "gone", "hint"),
    [
        ({"duration_s": 0.25}, "duration_ms", "labkit writes this for duration_ms times 1000"),
        ({"duration_ns": 250}, "duration_ms", "it may be duration_ms with its unit changed from ms to ns"),
        ({"written_count": 5}, "written_bytes", "it may be written_bytes with its unit changed from bytes to count"),
        ({"duration_ms": 0.25}, None, "a fraction where whole ms were: the unit may have changed"),
    ],
)
def test_a_unit_that_may_have_changed_is_reported_as_such(changes: Any, gone: str | None, hint: str) -> None:
    line = {name: value for name, value in ACCESS.items() if name != gone} | changes
    found = to_data(judged_lines(line))["drift"]
    assert [one["hint"] for one in found["units"]] == [hint]
    assert [one["field"] for one in found["missing"]] == ([gone] if gone else [])


@pytest.mark.parametrize("changes", [{"wait_ms": 5}, {"duration_ns": 5}, {"shard": "a"}, {"severity": "info"}])
def test_a_new_field_beside_all_old_ones_raises_no_doubt_about_a_unit(changes: Any) -> None:
    assert to_data(judged_lines(ACCESS | changes))["drift"]["units"] == []


def test_a_file_of_notification_envelopes_is_close_to_no_log() -> None:
    event = {"id": "1", "timestamp": "2026-11-23T11:05:00Z", "action": "delete", "target": {"repository": "a"}}
    envelope = {"events": [event]}
    assert judged_lines(envelope).closest == []
    (mixed,) = judged_lines(envelope, {"time": "2026-11-23T11:05:00Z", "level": "info", "msg": "x"}).closest
    assert mixed.lines == 1


def test_the_closest_schemas_are_named_also_where_no_line_fits() -> None:
    labkit = [made(LABKIT_ACCESS, LABKIT_ACCESS.messages[0])] * 3
    broken = [ACCESS | {"status": "x", "version": "4.32.0"}] * 2
    for lines, schemas, fit in ((labkit, "gitlab-labkit", 1), (broken, "gitlab", 0)):
        (found,) = judged_lines(*lines).closest
        assert (found.schemas, found.fit, found.lines) == (schemas, fit, len(lines))
    assert found.releases == ("4.32.0",)
    (docker,) = judged(DOCKER[0].read_bytes()).closest
    assert (docker.schemas, docker.fit, docker.releases) == ("distribution", 1, ("2.8.2+ds1",))
    assert judged(b"no log line\n").closest == []


def test_unknown_messages_that_differ_in_values_are_one_kind() -> None:
    report = judged_lines(*(BLOB | {"msg": f"moved {number} blobs to shard {number}"} for number in range(50)))
    assert report.unknown_messages == 50
    assert only(report, "message").count == 50


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        (b'{"msg": "access"', "truncated"),
        (b'{"msg": "acce\n{}', "truncated"),
        (b'{"msg": nope}', "no JSON"),
        (b'{"msg": "access"} trailing }', "no JSON"),
        (b'{"msg": "\xff"}', "binary"),
        (b'{"msg": "a\x00b"}', "binary"),
        (b"\x00\x01\x02", "binary"),
        (b"\xff\xfe{", "binary"),
        (b'["a", "list"]', "no log line"),
        (b'"text"', "no log line"),
        (b"what somebody says", "no log line"),
        (b'{"a": ' + b"[" * 5000 + b"]" * 4999 + b"}", "no JSON"),
        (b'{"msg": "' + b"x" * 5000 + b'"}', "over-long"),
    ],
)
def test_a_malformed_line_is_counted_with_what_is_wrong_and_the_next_is_read(line: bytes, rule: str) -> None:
    report = judged(line + b"\n" + json.dumps(BLOB).encode() + b"\n", longest=4096 if rule == "over-long" else 1 << 20)
    assert report.valid >= 1
    assert report.malformed == 1
    assert (only(report, "malformed").rule, only(report, "malformed").line) == (rule, 1)


def test_a_line_that_is_too_long_is_malformed_even_where_its_beginning_is_a_whole_object() -> None:
    line = json.dumps(BLOB).encode()
    report = judged(line + b" " * 10 + b"\n" + line + b"\n", longest=len(line))
    assert counts(report) == (2, 1, 0, 1)


def test_blank_lines_are_no_lines() -> None:
    report = judged(b"\n \r\n" + json.dumps(BLOB).encode() + b"\r\n\n")
    assert (counts(report), report.blank) == ((1, 1, 0, 0), 3)


def test_a_packed_log_that_breaks_off_has_one_malformed_line_more() -> None:
    report = judged(gzip.compress(b"\n".join(real(GITLAB)))[:-5000])
    assert report.malformed == 1
    assert only(report, "malformed").rule == "broken gzip"
    assert report.valid > 4000


def test_secrets_are_in_no_report() -> None:
    secret = "c2VjcmV0LXNlY3JldA"
    lines = [
        ACCESS | {"uri": f"/v2/a/blobs/uploads/1?_state={secret}", "status": "x", "method": 5},
        ACCESS | {"uri": [f"/v2/a?_state={secret}"]},
        ACCESS | {"authorization": secret, "extra": f"Bearer {secret}1"},
        BLOB | {"msg": f"moved with Authorization: Basic {secret}"},
    ]
    report = judged(
        b"".join(json.dumps(line).encode() + b"\n" for line in lines) + f'{{"uri":"?_state={secret}'.encode()
    )
    assert len(report.findings) >= 6
    assert secret not in repr(report)


def test_the_flavor_is_detected_and_can_be_given() -> None:
    shared = b'{"level":"info","msg":"providing prometheus metrics on /metrics","time":"2026-11-23T23:36:36Z"}\n'
    dotted = b'{"go.version":"go1.19.8","level":"info","msg":"x","time":"2026-11-23T23:36:36Z"}\n'
    assert judged(shared + dotted).streams == {"distribution.application": 2}
    assert judged(shared).streams == {"distribution.application": 1}
    assert judged(shared, "gitlab").streams == {"gitlab.application": 1}
    assert judged(json.dumps(BLOB).encode()).streams == {"gitlab.application": 1}
    assert judged(json.dumps(BLOB).encode(), "distribution").unknown_fields > 0


def event(**changes: Any) -> dict[str, Any]:
    lost = next(record for record in records() if record["msg"] == "eventqueue: event lost")["event"]
    return {"events": [lost | changes]}


def test_the_first_lines_of_a_file_that_is_packed_line_by_line_are_those_of_the_plain_one() -> None:
    lines = real(GITLAB)
    packed = judged(b"".join(gzip.compress(line + b"\n") for line in lines))
    assert packed.closest == judged(b"\n".join(lines) + b"\n").closest


def test_a_notification_envelope_is_valid_and_its_faults_are_named() -> None:
    assert counts(judged_lines(event())) == (1, 1, 0, 0)
    assert judged_lines(event()).streams == {"notifications": 1}
    assert only(judged_lines(event(action="steal")), "invalid").field == "events.0.action"
    assert only(judged_lines(event(target={"repository": "a"})), "invalid").field == "events.0.target.digest"
    assert judged_lines(event(action="rename")).invalid == 1
    assert judged_lines({"events": []}).invalid == 1


def test_hostile_input_cannot_make_a_report_grow_without_bound() -> None:
    lines = [BLOB | {"field" + "abcdefghij"[number % 10] * (number // 10 + 1): 1} for number in range(1500)]
    report = judged_lines(*lines)
    assert report.unknown_fields == 1500
    assert len(report.findings) == 1000
    assert report.untold == 500 - (1500 - len({next(iter(line.keys() - BLOB.keys())) for line in lines}))


def test_many_strange_fields_leave_room_for_malformed_lines_and_unknown_messages() -> None:
    strange = BLOB | {f"k{number}": 1 for number in range(1500)}
    report = judged(b"\n".join([json.dumps(strange).encode(), b"\x01", json.dumps(BLOB | {"msg": "new"}).encode()]))
    kinds = Counter(one.kind for one in report.findings.values())
    assert (kinds["field"], kinds["malformed"], kinds["message"], report.untold) == (1000, 1, 1, 500)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.sampled_from([*ACCESS, "events", "message", "x"]), JSON_VALUES)), st.booleans())
def test_any_json_is_judged_and_the_counts_add_up(changes: list[dict[str, Any]], strict: bool) -> None:
    report = judged_lines(*(ACCESS | change for change in changes), strict=strict)
    assert report.lines == len(changes) == report.valid + report.invalid + report.malformed


@settings(max_examples=examples(300))
@given(st.binary(max_size=200), st.sampled_from(real(GITLAB)[:50]), st.integers(0, 400))
def test_any_bytes_amid_a_log_are_judged_and_never_raise(noise: bytes, line: bytes, place: int) -> None:
    data = line[:place] + noise + line[place:] + b"\n" + line + b"\n"
    report = judged(data)
    assert report.lines == report.valid + report.invalid + report.malformed
    assert sum(1 for part in data.split(b"\n") if part.strip()) >= report.lines
    assert report.valid >= 1 or noise.startswith((b"\x1f\x8b", b"\xef\xbb\xbf")) or place == 0


def test_a_field_with_the_name_of_a_secret_is_shown_as_missing_where_it_is_and_masked_where_it_is_not() -> None:
    line = {"level": "warning", "msg": "htpasswd is missing, provisioning with default user", "time": ACCESS["time"]}
    lacking = judged(json.dumps({**line, "user": "docker"}).encode() + b"\n", "distribution")
    (missing,) = [one for one in lacking.findings.values() if one.field == "password"]
    assert (missing.rule, missing.sample) == ("required", "(missing)")
    odd = judged(json.dumps({**line, "user": "docker", "password": [1]}).encode() + b"\n", "distribution")
    (masked,) = [one for one in odd.findings.values() if one.field == "password"]
    assert (masked.rule, masked.sample) == ("type", "[FILTERED]")
