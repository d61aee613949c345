"""regobs: the observability and SLO pack for container registries."""

__version__ = "0.1.0"
