"""HTTP requests: what counts them, logs them and answers scrapes, over ASGI and WSGI."""
