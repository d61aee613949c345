"""SQLAlchemy: named statements of an engine, and a pool that knows who had to wait. Imports sqlalchemy.

    from regobs.instrument.adapters.sql import Queries
    from regobs.instrument.adapters.sql_alchemy import ObservedQueuePool, observe_engine
    from regobs.instrument.adapters.sql_pool import observe_pool, sqlalchemy_pool

    engine = create_engine(url, poolclass=ObservedQueuePool)
    observe_engine(engine, Queries(instruments))
    observe_pool(instruments, sqlalchemy_pool(engine), db_name="registry", host_addr="db:5432")

    connection.execute(select(Tag).execution_options(query_name="tag_find_all"))

The name of a statement is the execution option `query_name` of the statement, connection or engine, or the comment that
the statement begins with (see `sql`). Statements without one are not counted.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any

from sqlalchemy import event
from sqlalchemy.pool import PoolProxiedConnection, QueuePool

from regobs.instrument.adapters.sql import Queries, name_of

OPTION = "query_name"
_START = "_regobs_start"


def observe_engine(engine: Any, queries: Queries) -> None:
    """Count the named statements of an engine, also of an async one, and of the connections it makes from now on."""
    engine = getattr(engine, "sync_engine", engine)

    def finish(context: Any, statement: str | None) -> None:
        start = vars(context).pop(_START, None)
        name = context.execution_options.get(OPTION) or name_of(statement)
        if start is not None and name:
            queries.record(name, perf_counter() - start)

    # The arguments are SQLAlchemy's.
    def before(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool) -> None:  # noqa: ARG001, PLR0917
        if context is not None:
            vars(context)[_START] = perf_counter()

    def after(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool) -> None:  # noqa: ARG001, PLR0917
        if context is not None:
            finish(context, statement)

    def failed(problem: Any) -> None:
        if problem.execution_context is not None:
            finish(problem.execution_context, problem.statement)

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    event.listen(engine, "handle_error", failed)


class ObservedQueuePool(QueuePool):
    """A QueuePool that counts who found all connections in use, and how long they waited, in seconds."""

    waits = 0
    wait_seconds = 0.0

    def connect(self) -> PoolProxiedConnection:
        """The same; a wait that ends in a time-out counts too."""
        most = self.size() + self._max_overflow
        if self._max_overflow < 0 or self.checkedout() < most:
            return super().connect()
        start = perf_counter()
        try:
            return super().connect()
        finally:
            self.waits += 1
            self.wait_seconds += perf_counter() - start
