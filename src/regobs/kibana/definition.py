"""What log_schemas/kibana defines: environments, Discover sessions, and dashboards whose panels are log queries."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from regobs.logs.fields import Field
from regobs.logs.query import Query


class Shape(Enum):
    """What a panel looks like; the value is the word of the files."""

    NUMBER = "number"  # one metric over the whole period
    TREND = "trend"  # metrics over time, or one metric over time for each value of a field
    BARS = "bars"  # metrics for each value of a field
    TABLE = "table"
    SESSION = "session"  # log lines: a Discover session on a dashboard


class KibanaEnvironment(Struct, frozen=True):
    """One set of registries whose lines are in the indices of one pattern: a data view of Kibana."""

    name: str
    title: str
    index: str

    @property
    def data_view(self) -> str:
        """The id of the data view."""
        return f"registry-{self.name}"


class Session(Struct, frozen=True):
    """A Discover session: which lines, and which of their fields. `query` has columns and no groups."""

    name: str
    query: Query

    def id(self, environment: KibanaEnvironment) -> str:
        """The id of the saved object in an environment."""
        return f"registry-{self.name}-{environment.name}"


class KibanaPanel(Struct, frozen=True):
    """One panel. `name` is unique on its dashboard, `query` what it shows: `regobs logs run DASHBOARD/NAME`."""

    name: str
    title: str
    shape: Shape
    query: Query
    about: str = ""
    session: str = ""  # the name of the session that it shows


class KibanaDashboard(Struct, frozen=True):
    """A dashboard: rows of panels, fields to choose values of, and the period that is shown first (24h)."""

    name: str
    title: str
    description: str
    period: str
    controls: tuple[Field, ...]
    rows: tuple[tuple[KibanaPanel, ...], ...]

    def id(self, environment: KibanaEnvironment) -> str:
        """The id of the saved object in an environment."""
        return f"registry-{self.name}-{environment.name}"


class Definition(Struct, frozen=True):
    """Everything that the files define."""

    environments: tuple[KibanaEnvironment, ...]
    sessions: tuple[Session, ...]
    dashboards: tuple[KibanaDashboard, ...]
