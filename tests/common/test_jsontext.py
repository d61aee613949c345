from __future__ import annotations

import json
from math import inf, nan

from regobs.common.jsontext import json_text


def test_numbers_for_which_json_has_no_word_are_null_at_every_depth() -> None:
    data = {"a": nan, "b": [inf, {"c": -inf}], "d": (1.5, 1e308), "e": "NaN", "f": None, "g": True}
    assert json.loads(json_text(data)) == {
        "a": None,
        "b": [None, {"c": None}],
        "d": [1.5, 1e308],
        "e": "NaN",
        "f": None,
        "g": True,
    }
