"""What Alertmanager refuses in its configuration: receivers, times and fields that there are not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from regobs.common.closest import closest, did_you_mean
from regobs.documents import Steps
from regobs.lint.alert_routes import inhibitions
from regobs.lint.findings import CheckSubject, LintProblem, Severity, check
from regobs.lint.rule_files import is_time
from regobs.lint.subjects import Json, LintedRouting
from regobs.promql.durations import read_duration

_TOP = frozenset(
    {"global", "route", "receivers", "inhibit_rules", "templates", "time_intervals", "mute_time_intervals"}
)
_ROUTE = frozenset(
    """
    receiver group_by match match_re matchers mute_time_intervals active_time_intervals continue routes group_wait
    group_interval repeat_interval
    """.split()  # noqa: SIM905 - words
)
_INHIBITION = frozenset(
    "source_match source_match_re source_matchers target_match target_match_re target_matchers equal".split()  # noqa: SIM905
)
_LISTS = frozenset(
    """
    receivers inhibit_rules inhibitRules time_intervals mute_time_intervals active_time_intervals templates routes
    matchers source_matchers target_matchers sourceMatch targetMatch equal
    """.split()  # noqa: SIM905 - words
)
_MAPPINGS = frozenset(
    "global route match match_re source_match source_match_re target_match target_match_re".split()  # noqa: SIM905
)
_TRUTHS = frozenset({"continue"})
_TIMES = ("group_wait", "group_interval", "repeat_interval", "groupWait", "groupInterval", "repeatInterval")
_NEVER_ZERO = frozenset({"group_interval", "repeat_interval", "groupInterval", "repeatInterval"})
_INTERVALS = ("mute_time_intervals", "active_time_intervals", "muteTimeIntervals", "activeTimeIntervals")
_OF_OTHERS_ONLY = ("matchers", "match", "match_re", "mute_time_intervals", "active_time_intervals")
_RECEIVER = frozenset(
    """
    name discord_configs email_configs jira_configs msteams_configs opsgenie_configs pagerduty_configs pushover_configs
    rocketchat_configs slack_configs sns_configs telegram_configs victorops_configs webex_configs webhook_configs
    wechat_configs msteamsv2_configs incidentio_configs mattermost_configs
    """.split()  # noqa: SIM905 - words
)
_WEEK = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_YEAR = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
# Of what time intervals list: the names from the first number on, the least and the highest number. Alertmanager takes
# a month and a year of any number.
_ANY = 0
_DAYS: dict[str, tuple[tuple[str, ...], int, int]] = {
    "weekdays": (_WEEK, 0, -1), "months": (_YEAR, 1, _ANY), "days_of_month": ((), -31, 31), "years": ((), 0, _ANY),
}  # fmt: skip
_WHOLE = re.compile(r"-?[0-9]{1,6}")
_CLOCK = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00")
# A name, and what is written for an operator and is none.
_NO_OPERATOR = re.compile(r"[\s{]*+\"?[\w.-]++\"?\s*+(?:==|=!|~=|~|<|>|:|\w|\"|$)")
_ESCAPED = re.compile(r"\\.", re.DOTALL)


@check("broken-routing", Severity.ERROR, CheckSubject.ROUTING)
def broken_routing(routing: LintedRouting) -> Iterator[LintProblem]:
    """A route names a receiver or a time interval that there is not, or has what Alertmanager refuses.

    That is a first route without a receiver, or with matchers; a receiver or a time interval that is there twice; a
    label that `group_by` names twice, or beside `...`; a time or a day that is none, or 0; a matcher without an
    operator; a field that is nearly one. Alerts that are told again before their group is looked at again are a
    warning.

    Why: Alertmanager refuses the file, and goes on with the old one.

    Wrong:
        route:
          receiver: tickets
          routes:
          - matchers: [severity="page"]
            receiver: pagers
        receivers: [{name: tickets}, {name: pager}]
    Right:
        route:
          receiver: tickets
          routes:
          - matchers: [severity="page"]
            receiver: pager
        receivers: [{name: tickets}, {name: pager}]
    """
    yield from _shapes(routing, (), routing.data)
    yield from _receivers(routing)
    yield from _first_route(routing)
    for path, route in _all_routes(routing):
        yield from _shapes(routing, path, route)
        yield from _grouping(routing, path, route)
        yield from _times(routing, path, route)
        yield from _intervals(routing, path, route)
        yield from _near_fields(routing, path, route, _ROUTE)
        yield from _matchers(routing, path, route, ("matchers",))
    for path, rule in inhibitions(routing):
        yield from _shapes(routing, path, rule)
        yield from _near_fields(routing, path, rule, _INHIBITION)
        yield from _matchers(routing, path, rule, ("source_matchers", "target_matchers"))
    yield from _times_of_day(routing)
    if not routing.path:
        yield from _near_fields(routing, (), routing.data, _TOP)


def _shapes(routing: LintedRouting, path: Steps, data: Json) -> Iterator[LintProblem]:
    """Fields that are no list, mapping or truth where they have to be one."""
    kinds: tuple[tuple[frozenset[str], type, str], ...] = (
        (_LISTS, list, "list"), (_MAPPINGS, dict, "mapping"), (_TRUTHS, bool, "true or false"),
    )  # fmt: skip
    for fields, kind, name in kinds:
        for key in sorted(fields & data.keys()):
            value = data[key]
            if value is not None and not isinstance(value, kind) and not _is_template(str(value)):
                what = f"{key} is neither true nor false" if kind is bool else f"{key} is no {name}"
                step = f"write {name}" if kind is bool else f"make it a {name}"
                yield LintProblem(*routing.source.extent((*routing.path, *path, key), key=True), what, step)


def _all_routes(routing: LintedRouting) -> Iterator[tuple[Steps, Json]]:
    """Each route with the steps to it, the first one first."""
    waiting: list[tuple[Steps, Any]] = [(("route",), routing.data.get("route"))]
    while waiting:
        path, route = waiting.pop()
        if isinstance(route, dict):
            yield path, route
            below = route.get("routes")
            listed = list(enumerate(below)) if isinstance(below, list) else []
            waiting += [((*path, "routes", index), one) for index, one in reversed(listed)]


def _named(data: Json, *keys: str) -> list[tuple[Steps, str]]:
    """The names of the objects in lists, with the steps to them."""
    lists = ((key, data.get(key)) for key in keys)
    return [
        ((key, index, "name"), str(one["name"]))
        for key, listed in lists
        for index, one in enumerate(listed if isinstance(listed, list) else ())
        if isinstance(one, dict) and isinstance(one.get("name"), str)
    ]


def _receivers(routing: LintedRouting) -> Iterator[LintProblem]:
    """Receivers that are there twice or not at all; nothing where the file is only a part, without receivers."""
    receivers = _named(routing.data, "receivers")
    names: set[str] = set()
    for path, name in receivers:
        if name in names:
            yield routing.problem(path, f"a second receiver {name}", "rename one of the two")
        names.add(name)
    for path, receiver in _objects(("receivers",), routing.data.get("receivers")):
        yield from _near_fields(routing, path, receiver, _RECEIVER)
    for path, route in _all_routes(routing) if isinstance(routing.data.get("receivers"), list) else ():
        asked = route.get("receiver")
        if isinstance(asked, str) and asked not in names and not _is_template(asked):
            shown = f"receivers has {', '.join(sorted(names)[:5])}" if names else "add it to receivers"
            step = did_you_mean(asked, names, shown)
            yield routing.problem((*path, "receiver"), f"there is no receiver {asked}", step)


def _is_template(text: str) -> bool:
    return "{{" in text or "$" in text or "<%" in text


def _first_route(routing: LintedRouting) -> Iterator[LintProblem]:
    route = routing.data.get("route")
    if not isinstance(route, dict):
        return
    if not route.get("receiver"):
        yield routing.problem(("route",), "the first route has no receiver", "name one, for what no other route takes")
    if routing.path:
        return  # the operator puts the route of an object below its own
    for key in _OF_OTHERS_ONLY:
        if route.get(key):
            what = f"the first route takes every alert, and can have no {key}"
            yield routing.problem(("route", key), what, "put them into a route below it")
    if route.get("continue") is True:
        yield routing.problem(("route", "continue"), "behind the first route there is none to go on with", "remove it")


def _grouping(routing: LintedRouting, path: Steps, route: Json) -> Iterator[LintProblem]:
    for key in ("group_by", "groupBy"):
        labels = route.get(key)
        if labels is not None and not isinstance(labels, list):
            yield routing.problem((*path, key), f"{key} is no list", f"write {key}: [{labels}]")
        listed = [str(one) for one in labels] if isinstance(labels, list) else []
        for index, label in enumerate(listed):
            if label in listed[:index]:
                yield routing.problem((*path, key, index), f"{label} is there twice", "remove one of the two")
            elif label == "..." and len(listed) > 1:
                step = "remove the others, or it"
                yield routing.problem((*path, key, index), "... stands for all labels, beside others", step)


def _times(routing: LintedRouting, path: Steps, route: Json) -> Iterator[LintProblem]:
    for key in _TIMES:
        value = route.get(key)
        if value is None or _is_template(str(value)):
            continue
        if not is_time(value) or (str(value) == "0" and key in _NEVER_ZERO):
            yield routing.problem((*path, key), f"{value} is no duration", "write it like 5m")
        elif key in _NEVER_ZERO and (found := read_duration(str(value))) is not None and not found.ms:
            yield routing.problem((*path, key), f"{key} is zero", "write it like 5m")
    again, looks = (_ms(route, *keys) for keys in (("repeat_interval", "repeatInterval"), _TIMES[1::3]))
    if again and looks and again < looks:
        key = "repeat_interval" if "repeat_interval" in route else "repeatInterval"
        what = "alerts are to be told again before their group is looked at again"
        yield routing.problem((*path, key), what, "write at least the interval of the group", Severity.WARNING)


def _ms(route: Json, *keys: str) -> int:
    value = next((route[key] for key in keys if route.get(key) is not None), "")
    found = read_duration(str(value)) if is_time(value) else None
    return found.ms if found is not None else 0


def _intervals(routing: LintedRouting, path: Steps, route: Json) -> Iterator[LintProblem]:
    known = {name for _, name in _named(routing.data, "time_intervals", "mute_time_intervals", "muteTimeIntervals")}
    for key in _INTERVALS:
        listed = route.get(key)
        for index, name in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(name, str) and name not in known and not _is_template(name) and not routing.path:
                step = did_you_mean(name, known, "add it to time_intervals")
                yield routing.problem((*path, key, index), f"there is no time interval {name}", step)


def _times_of_day(routing: LintedRouting) -> Iterator[LintProblem]:
    """Times and days in time intervals that are none, or of which the end is not behind the start."""
    names: set[str] = set()
    for path, name in _named(routing.data, "time_intervals", "mute_time_intervals"):
        if name in names:
            yield routing.problem(path, f"a second time interval {name}", "rename one of the two")
        names.add(name)
    for key in ("time_intervals", "mute_time_intervals"):
        for path, named in _objects((key,), routing.data.get(key)):
            for inner, interval in _objects((*path, "time_intervals"), named.get("time_intervals")):
                yield from _days(routing, inner, interval)
                for place, one in _objects((*inner, "times"), interval.get("times")):
                    yield from _time_range(routing, place, one)


def _days(routing: LintedRouting, path: Steps, interval: Json) -> Iterator[LintProblem]:
    """Days, months and years that are none, and ranges of them that end before they begin."""
    for key in _DAYS.keys() & interval.keys():
        listed = interval[key]
        for index, text in enumerate(listed if isinstance(listed, list) else ()):
            if not isinstance(text, str) or _is_template(text):  # YAML reads `1:5` without quotes as 65
                continue
            ends = [(one, _day(key, one)) for one in text.split(":")]
            odd = next((one for one, found in ends if found is None), None)
            if odd is not None or len(ends) > 2:
                what = f"{odd if odd is not None else text} is none of {key}"
                yield routing.problem((*path, key, index), what, _day_step(key, str(odd)))
            elif len(ends) > 1 and _backwards(ends[0][1] or 0, ends[1][1] or 0):
                step = "make two ranges of it, one to the last and one from the first"
                yield routing.problem((*path, key, index), f"{text} ends before it begins", step)


def _day(key: str, text: str) -> int | None:
    names, least, most = _DAYS[key]
    word = text.casefold()
    if word in names:
        return names.index(word) + least
    number = int(word) if _WHOLE.fullmatch(word) else None
    if number is None or (most != _ANY and (not least <= number <= most or not number)):
        return None
    return number


def _backwards(first: int, last: int) -> bool:
    """Whether a range has no day: of one that ends before the end of a month that depends on the month."""
    return first < 0 < last or (first > last and (first < 0) == (last < 0))


def _day_step(key: str, text: str) -> str:
    names, least, most = _DAYS[key]
    if names:
        return did_you_mean(text.casefold(), names, f"write {names[1]}, or {names[1]}:{names[5]}")
    return f"write numbers from {least} to {most}, not 0" if key == "days_of_month" else "write numbers"


def _objects(path: Steps, listed: Any) -> Iterator[tuple[Steps, Json]]:
    """The objects of what may be a list, with the steps to them."""
    for index, one in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(one, dict):
            yield (*path, index), one


def _time_range(routing: LintedRouting, place: Steps, times: Json) -> Iterator[LintProblem]:
    read = {key: _CLOCK.fullmatch(str(times.get(key))) for key in ("start_time", "end_time")}
    for key, found in read.items():
        if found is None and key in times and not _is_template(str(times[key])):
            yield routing.problem(
                (*place, key), f"{times[key]} is no time of a day", "write it like '09:00', in quotes"
            )
    begin, end = (found and found[0] for found in read.values())
    if begin and end and end <= begin:
        what = f"{end} is not behind {begin}"
        yield routing.problem((*place, "end_time"), what, "make two ranges of it: one until 24:00, one from 00:00")


def _near_fields(routing: LintedRouting, path: Steps, data: Json, fields: frozenset[str]) -> Iterator[LintProblem]:
    """Fields that are nearly one: what newer versions have is not known."""
    for name in data.keys() - fields if not routing.path else ():
        near = closest(str(name), fields - data.keys(), 1, 0.85)
        if near and str(name) not in _TIMES:
            what = f"there is no field {name}"
            yield LintProblem(*routing.source.extent((*path, name), key=True), what, f"did you mean {near[0]}?")


def _matchers(routing: LintedRouting, path: Steps, data: Json, keys: tuple[str, ...]) -> Iterator[LintProblem]:
    for key in keys:
        listed = data.get(key)
        for index, text in enumerate(listed if isinstance(listed, list) else ()):
            if not isinstance(text, str) or not text.strip(" {}") or _is_template(text):
                continue
            if _NO_OPERATOR.match(text) or _ESCAPED.sub("", text).count('"') % 2:
                what = f"{text!r} is no matcher"
                yield routing.problem((*path, key, index), what, 'write name="value", name!="value" or name=~"regex"')
