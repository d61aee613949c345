"""Our HELP texts say what those of the real registries say: whoever searches for their words finds ours.

Of each recorded HELP the words that mean something are taken; each must be in our text of the same family, words for
one thing counting as one. Left out are words that the line TYPE says too (counter, histogram), that any such text could
have (the number of, currently), and what a Go runtime's text says behind its first sentence: names of runtime/metrics.
"""

from __future__ import annotations

import re

import pytest

from regobs.catalog import METRICS
from tests.catalog.samples import ALL, text_of

_SAID_ELSEWHERE = re.compile(
    r"(?:, otherwise|, same as|Equals to|Sourced from|This value is set by|Semantically a).*"
    r"|the http (?=server)|since (?:unix epoch|1970)|in non-CGO environments"
)
_IDLE = re.compile(
    r"\b(?:a|about|across|all|already|amount|an|and|are|be|been|being|both|by|can|counter|current|currently|defined|due|"
    r"during|each|even|exist|for|found|from|gauge|go|has|have|histogram|if|in|incoming|info|information|is|it|label|"
    r"length|level|made|may|new|no|not|now|number|occurred|of|on|or|over|place|receive|received|runtime|same|server|"
    r"set|setting|single|so|still|summary|take|takes|that|the|them|this|to|total|until|user|wall|was|were|when|where|"
    r"which|while|will|with)\b"
)
# Words for one thing, each by its stem.
_SAME = (
    *({"tim", "latenc", "dur", "second", "taken"}, {"siz", "byt"}, {"limit", "maxim"}, {"fre", "releas", "delet"}),
    *({"request", "lookup"}, {"sent", "send"}, {"os", "system"}, {"used", "use"}, {"written", "writ"}),
)
_ENDS = ("ations", "ation", "ator", "ions", "ion", "ings", "ing", "ies", "ers", "er", "um", "es", "ed", "s", "y", "e")


def stem(word: str) -> str:
    for end in () if word.endswith("ss") else _ENDS:
        if word.endswith(end) and len(word) - len(end) >= 3:
            return word.removesuffix(end)
    return word


def terms(text: str) -> set[str]:
    """What a HELP text speaks of."""
    plain = _SAID_ELSEWHERE.sub("", text).lower().replace("back end", "backend").replace("look-up", "lookup")
    plain = re.sub(r"\bgc(?:-ed)?\b", "garbage collection", plain)
    found = {stem(word) for word in re.findall(r"[a-z]+", _IDLE.sub("", plain))}
    return {next((min(same) for same in _SAME if word in same), word) for word in found}


def recorded() -> list[tuple[str, str]]:
    """Family and HELP of all recorded scrapes, each pair once."""
    lines = (line for path in ALL for line in text_of(path).splitlines() if line.startswith("# HELP "))
    return sorted({(name, text) for name, _, text in (line[7:].partition(" ") for line in lines)})


RECORDED = recorded()


@pytest.mark.parametrize(("name", "real"), RECORDED, ids=[f"{name}: {real[:40]}" for name, real in RECORDED])
def test_a_help_speaks_of_all_that_the_registry_s_own_speaks_of(name: str, real: str) -> None:
    assert terms(real) - terms(METRICS[name].help) == set()


def test_the_judgement_does_not_take_one_text_for_another() -> None:
    """What it takes beside the right one are general texts: "HTTP requests" is said of five families."""
    families = {name: terms(METRICS[name].help) for name, _ in RECORDED}
    others = [(terms(real), ours) for name, real in RECORDED for other, ours in families.items() if other != name]
    assert len(families) > 90
    assert sum(real <= ours for real, ours in others) < len(others) / 100
