"""Options of commands that can ask an Elasticsearch instead of files. None of them takes a secret: files do."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from regobs.cli.public_url import PublicUrl

if TYPE_CHECKING:
    from regobs.logs.answer import Answer
    from regobs.logs.query import Query

_PATH = click.Path(path_type=Path)
_INDEX = "logs-registry-*"  # the data streams that `regobs build` sets up
_Command = TypeVar("_Command", bound=Callable[..., Any])
_URL = PublicUrl("use --api-key-file, or --user with --password-file")
_OPTIONS = (
    click.option(
        "--elasticsearch", "url", type=_URL, metavar="URL", help="Ask this Elasticsearch or OpenSearch, not files."
    ),
    click.option("--index", default=_INDEX, show_default=True, metavar="NAME", help="Index, data stream or pattern."),
    click.option("--ca-file", "authority", type=_PATH, metavar="FILE", help="Certificate of its authority, PEM."),
    click.option("--api-key-file", type=_PATH, metavar="FILE", help="File with an API key, in its `encoded` form."),
    click.option("--user", metavar="NAME", help="User, whose password is in a file or the environment."),
    click.option("--password-file", type=_PATH, metavar="FILE", help="File with the password of the user."),
)


@dataclass(frozen=True, slots=True)
class LogCluster:
    """Where the answer comes from: files, or an Elasticsearch when there is a `url`."""

    url: str | None
    index: str
    authority: Path | None
    api_key_file: Path | None
    user: str | None
    password_file: Path | None

    def answer(self, query: Query) -> Answer:
        """What the cluster answers."""
        from regobs.logs.elasticsearch.access import Access  # noqa: PLC0415 - files need none of this
        from regobs.logs.elasticsearch.cluster import Cluster  # noqa: PLC0415
        from regobs.logs.elasticsearch.run import run  # noqa: PLC0415

        access = Access.of(
            self.url or "",
            api_key_file=self.api_key_file,
            user=self.user,
            password_file=self.password_file,
            authority=self.authority,
        )
        with Cluster(access) as cluster:
            return run(query, cluster, index=self.index)


def cluster_options(command: _Command) -> _Command:
    """Add the options to a command, which gets them as one `source`."""

    @functools.wraps(command)
    def wrapped(
        *,
        url: str | None,
        index: str,
        authority: Path | None,
        api_key_file: Path | None,
        user: str | None,
        password_file: Path | None,
        **others: Any,
    ) -> Any:
        return command(source=LogCluster(url, index, authority, api_key_file, user, password_file), **others)

    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[return-value]
