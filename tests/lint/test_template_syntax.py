"""What Go refuses in the template of an annotation, and what it takes: each as promtool 2.42 judges it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.lint.template_syntax import template_fault, without_comments
from tests.lint.cases import alert, found

REFUSED = [
    "{{ $value > 1 }}", "{{ if $value > 1 }}a{{ end }}", "{{ 1+1 }}", "{{ $value * 100 }}", "{{ humanize($value) }}",
    "{{ $labels.a-b }}", '{{ $labels."a b" }}', "{{ $labels. }}", "{{ $labels.job. }}", "{{$value-}}",
    "{{ {{ $value }} }}", "{{ | humanize }}", "{{ $value | 1 }}", '{{ $value | "%.2f" }}', "{{ $value | . }}",
    "{{ }}", "{{ if }}a{{ end }}", "{{ $x := }}", "{{ $a, $b := 1 }}", "{{ range $a, 1 := $labels }}{{ end }}",
    "{{ print 1, 2 }}", "{{ print(1)(2) }}", "{{ with $x := 1 }}{{ $x }}{{ end }}{{ $x }}",
    "{{ range $i, $e }}{{ end }}", "{{ $x }}{{ $x := 1 }}", "{{ if true }}{{ else }}{{ else }}{{ end }}",
    "{{ range $labels }}{{ else if true }}{{ end }}", "{{ if true }}", "{{ end }}", "{{ else }}",
    "{{ if true }}{{ end 1 }}", "{{ if true }}{{ else 1 }}{{ end }}", "{{ break }}", "{{ continue }}",
    "{{ range $labels }}{{ else }}{{ break }}{{ end }}", "{{ template x }}", "{{ template }}",
    "{{ define a }}{{ end }}", '{{ define "a" . }}{{ end }}', '{{ if true }}{{ define "a" }}{{ end }}{{ end }}',
    '{{ define "a" }}{{ $value }}{{ end }}', '{{ block "a" }}{{ end }}', '{{ define "a" }}{{ else }}{{ end }}',
    "{{/* a }}", "{{ /* a */ }}", "{{/* a */ 1 }}", "{{ $value", "{{ ( 1 }}", "{{ 1 ) }}", "{{ print () }}",
    '{{ "a }}', "{{ `a }}", "{{ 'ab' }}", '{{ "\\q" }}', '{{ "a\nb" }}', '{{ "a".b }}', "{{ true.a }}", "{{ 1x }}",
    "{{ - }}", "{{ & }}", "{{ § }}", "{{ a: }}", "{{ “a” }}",
]  # fmt: skip
TAKEN = [
    "", "a } b }} {", "{{ $value }}", "{{$value}}", "{{- $value -}}", "{{-   $value   -}}", "{{ $ }}", "{{ . }}",
    "{{ -1 }}", "{{ 1.5e3 }}", "{{ .5 }}", "{{ 0x1F }}", "{{ 1i }}", "{{ 'a' }}", "{{ '\\n' }}", "{{ `a\nb` }}",
    '{{ "\\"" }}', '{{ "}}" }}', "{{/* a }} b */}}", "{{- /* a */ -}}", "{{ print\n1 }}", "{{ $value | }}",
    "{{ (print 1).x }}", '{{ index $labels "a-b" }}', "{{ $labels.a.b }}", "{{ $labels .job }}", "{{ $.Labels.a }}",
    '{{ printf "%.2f" $value }}', '{{ with query "up" }}{{ . | first | value | humanize }}{{ end }}',
    '{{ (query "up" | first).Labels.x }}', "{{ if gt $value 1.0 }}a{{ else if true }}b{{ else }}c{{ end }}",
    "{{ with $x := 1 }}{{ $x }}{{ else }}{{ $x }}{{ end }}",
    "{{ range $i, $e := $labels }}{{ $i }}{{ $e }}{{ else }}{{ end }}",
    "{{ range $e := $labels }}{{ break }}{{ end }}", "{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}",
    "{{ if true }}{{ $x := 1 }}{{ else }}{{ $x }}{{ end }}",
    '{{ define "a" }}{{ .x }}{{ end }}{{ template "a" . }}{{ template `a` }}',
    '{{ block "a" . }}{{ .x }}{{ end }}{{ $value }}',
]  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_what_go_refuses_is_found(text: str) -> None:
    fault = template_fault(f"before {text} behind")
    assert fault is not None
    assert fault.action in f"before {text} behind"
    assert "broken-template" in found(alert("up == 0", annotations={"summary": text}))


@pytest.mark.parametrize("text", TAKEN)
def test_what_go_takes_is_passed_over(text: str) -> None:
    assert template_fault(text) is None
    assert "broken-template" not in found(alert("up == 0", annotations={"summary": text}))


# Source: Go 1.23, "else with"; an older Prometheus refuses it.
def test_what_only_some_versions_take_is_passed_over() -> None:
    assert template_fault("{{ with $labels.a }}{{ . }}{{ else with $labels.b }}{{ . }}{{ end }}") is None


def test_a_label_in_a_comment_is_not_asked_for() -> None:
    for text, asked in (("{{/* {{ $labels.pod }} */}}", False), ("{{/* a */}}{{ $labels.pod }}", True)):
        assert ("label-not-in-result" in found(alert("sum(up) == 0", annotations={"summary": text}))) is asked


def test_blanks_stand_in_place_of_comments() -> None:
    assert without_comments("a{{- /* b */}}c{{ 1 }}{{/* d") == "a" + 11 * " " + "}}c{{ 1 }}{{/* d"


@given(st.lists(st.sampled_from(["{{", "}}", "$x", ":=", "if", "end", "(", ")", "|", '"', "/*", "*/", " ", ".", "1"])))
def test_any_text_is_judged(parts: list[str]) -> None:
    text = "".join(parts)
    fault = template_fault(text)
    assert fault is None or fault.action in text
    assert len(without_comments(text)) == len(text)


@pytest.mark.parametrize(
    "part",
    ["{{/* ", "{{ $x := 1 }}{{ $x }}", "{{ if true }}", "(", "{{ (", '{{ "', "{{ 1 | ", "{{ print 1 }}", "{{    "],
)
def test_the_time_for_a_template_grows_with_its_length(part: str) -> None:
    start = time.process_time()
    template_fault(part * 50_000)
    template_fault("{{ " + part * 50_000)
    without_comments(part * 50_000)
    assert time.process_time() - start < 10
