"""A small registry that shows regobs.instrument at work: `python -m examples.registry settings.toml`."""
