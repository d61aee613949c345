"""Documents: YAML read with positions and exact numbers and judged by a JSON Schema; YAML and JSON written alike."""

from regobs.documents.json_text import dump_json
from regobs.documents.reading import FOREIGN_TAG, TOO_LONG, Document, Steps, load_yaml, load_yaml_all, read_yaml
from regobs.documents.schemas import validate
from regobs.documents.writing import WrittenYaml, dump_yaml

__all__ = [
    "FOREIGN_TAG",
    "TOO_LONG",
    "Document",
    "Steps",
    "WrittenYaml",
    "dump_json",
    "dump_yaml",
    "load_yaml",
    "load_yaml_all",
    "read_yaml",
    "validate",
]
