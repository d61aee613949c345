"""The typed catalog: every metric that regobs knows, typed here and nowhere else.

One module a component; content refers to an entry as `http.REQUESTS`. `METRICS` holds all of them by name.
"""
