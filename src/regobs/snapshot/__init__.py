"""Dashboards with the data of a time range, as one HTML page that needs no network, and as pictures.

The charts are Vega-Lite specifications, drawn in the page by the Vega libraries that come with vl-convert, and in
pictures by vl-convert itself. Only `page` and `picture` need that package (extra `snapshot`).
"""
