"""Logs of container registries: fields, messages, schemas, validation, queries."""
