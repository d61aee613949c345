"""Kibana objects from log_schemas/kibana: data views, Discover sessions and dashboards over saved log queries.

`definition` is what the files say, `reading` reads them; `lens` and `charts` put a query into the two forms that Kibana
takes, `saved_objects` and `dashboards_api` make the documents, `outputs` the files of a build.
"""
