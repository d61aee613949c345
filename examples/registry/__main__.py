"""Start the registry: `python -m examples.registry settings.toml`. SIGINT and SIGTERM let requests end first."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

import uvicorn

from examples.registry import process, settings
from regobs.errors import RegobsError


def main(arguments: list[str]) -> int:
    """The exit code."""
    if len(arguments) != 1:
        print("usage: python -m examples.registry settings.toml", file=sys.stderr)
        return 2
    try:
        chosen = settings.read(Path(arguments[0]))
        host, port = settings.host_and_port(chosen.address)
    except RegobsError as error:
        print(error, file=sys.stderr)
        return int(error.exit_code)
    # The workers read both again: they are processes of their own, and go on with each other's uploads.
    os.environ[settings.FILE] = arguments[0]
    os.environ.setdefault(settings.SECRET, secrets.token_hex(32))
    app = f"{process.__name__}:{process.app.__name__}"
    uvicorn.run(app, factory=True, workers=chosen.workers, host=host, port=port, lifespan="on", **process.QUIET)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
