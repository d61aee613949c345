"""YAML documents: read with positions and exact numbers, judged by a JSON Schema, written deterministically."""

from regobs.documents.reading import Document, Steps, load_yaml, load_yaml_all, read_yaml
from regobs.documents.schemas import validate
from regobs.documents.writing import dump_yaml

__all__ = ["Document", "Steps", "dump_yaml", "load_yaml", "load_yaml_all", "read_yaml", "validate"]
