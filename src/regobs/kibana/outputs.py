"""The files of a build: for each environment its saved objects, and the bodies of the dashboards API."""

from __future__ import annotations

from regobs.documents import dump_json
from regobs.kibana import dashboards_api, saved_objects
from regobs.kibana.definition import Definition
from regobs.kibana.reading import read_definition
from regobs.pack import Pack

FOLDER = "kibana"


def files(pack: Pack) -> dict[str, bytes]:
    """Everything for Kibana, by path below the output directory. Raises LogQueryError.

    `kibana/<environment>.ndjson` is one import; `kibana/<environment>/<id>.json` the dashboard of that id, and
    `kibana/<environment>/data-view.json` what it refers to, besides the sessions.
    """
    return written(read_definition(pack))


def written(definition: Definition) -> dict[str, bytes]:
    """The files of a definition."""
    sessions = {session.name: session for session in definition.sessions}
    found: dict[str, bytes] = {}
    for environment in definition.environments:
        folder = f"{FOLDER}/{environment.name}"
        found[f"{folder}.ndjson"] = saved_objects.ndjson(definition, environment)
        found[f"{folder}/data-view.json"] = dump_json(
            dashboards_api.data_view(environment, saved_objects.runtime_fields(definition))
        )
        for board in definition.dashboards:
            body = dashboards_api.dashboard(board, sessions, environment)
            found[f"{folder}/{board.id(environment)}.json"] = dump_json(body)
    return found
