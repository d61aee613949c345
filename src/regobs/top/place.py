"""Where in the view a person is: a page, and what it is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Page(Enum):
    """The pages; those with a key stand in the line of pages."""

    OVERVIEW = "Overview"
    SLOS = "SLOs"
    ROUTES = "Routes"
    INSTANCES = "Instances"
    LIMITS = "Limits"
    GARBAGE = "GC"
    REPLICAS = "Replicas"
    QUESTIONS = "Ask"
    TRAFFIC = "one route, one instance, or one route of one instance"
    SLO = "one SLO"
    ALERTS = "Alerts"
    SERVER = "The server"
    ALERT = "one alert"
    QUESTION = "one question"


KEYS: Mapping[str, Page] = {
    "1": Page.OVERVIEW,
    "2": Page.SLOS,
    "3": Page.ROUTES,
    "4": Page.INSTANCES,
    "5": Page.LIMITS,
    "6": Page.GARBAGE,
    "7": Page.REPLICAS,
    "8": Page.QUESTIONS,
}
# What these show is part of every answer, so that they are there at once.
_OF_STATUS = {Page.OVERVIEW, Page.SLOS, Page.ROUTES, Page.LIMITS, Page.QUESTIONS, Page.ALERTS, Page.SERVER}


@dataclass(frozen=True, slots=True)
class TopPlace:
    """A page. `route` and `instance` narrow one of traffic; `name` is an SLO, an alert or a question."""

    page: Page = Page.OVERVIEW
    route: str = ""
    instance: str = ""
    name: str = ""
    labels: frozenset[tuple[str, str]] = frozenset()

    @property
    def of_status(self) -> bool:
        """Whether the status alone has what it shows."""
        return self.page in _OF_STATUS

    @property
    def title(self) -> str:
        """What it is about."""
        if self.page is Page.TRAFFIC:
            return " on ".join(filter(None, [self.route, self.instance]))
        return self.name or self.page.value


HOME = TopPlace()
