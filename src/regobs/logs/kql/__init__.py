"""KQL, the query language of Kibana: text to tree and back, and a tree with the types of the log fields.

Source of the grammar: kbn-es-query of Kibana 9 (kuery/grammar), followed rule by rule, its surprises included.
"""

from regobs.logs.kql.hints import Hint, hints
from regobs.logs.kql.nodes import And, Everything, Is, Literal, Nested, Node, Not, Or, Pattern, Range
from regobs.logs.kql.parse import parse
from regobs.logs.kql.printer import to_text

__all__ = [
    "And",
    "Everything",
    "Hint",
    "Is",
    "Literal",
    "Nested",
    "Node",
    "Not",
    "Or",
    "Pattern",
    "Range",
    "hints",
    "parse",
    "to_text",
]
