"""The applications of `test_edges`: the tag of a manifest names what they do. Run by real servers."""

ASGI = """
    import asyncio
    from regobs.instrument import Instruments, LogASGI, MetricsASGI, ObserveASGI
    instruments = Instruments("gitlab")
    log = open("access.log", "a", buffering=1)

    async def body_of(receive):
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return body
            body += message["body"]
            if not message.get("more_body"):
                return body

    async def edges(scope, receive, send):
        async def start(status=200, headers=()):
            await send({"type": "http.response.start", "status": status, "headers": list(headers)})
        async def part(data, more=True):
            await send({"type": "http.response.body", "body": data, "more_body": more})
        edge = scope["path"].rpartition("/")[2]
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close"})
        elif edge == "parts":
            await start(headers=[(b"content-type", b"application/x")])
            for _ in range(3):
                await part(b"x" * 100)
            await part(b"", more=False)
        elif edge == "no_content":
            await start(204)
            await part(b"", more=False)
        elif edge == "not_modified":
            await start(304)
            await part(b"", more=False)
        elif edge == "no_answer":
            return
        elif edge == "raises_before":
            raise ZeroDivisionError
        elif edge == "raises_after_header":
            await start(headers=[(b"content-length", b"10")])
            raise ZeroDivisionError
        elif edge == "raises_after_part":
            await start(headers=[(b"content-length", b"10")])
            await part(b"x" * 5)
            raise ZeroDivisionError
        elif edge == "raises_after_end":
            await start(headers=[(b"content-length", b"5")])
            await part(b"x" * 5, more=False)
            raise ZeroDivisionError
        elif edge == "stops":
            await start(headers=[(b"content-length", b"10")])
            await part(b"x" * 5)
        elif edge == "background":
            await start()
            await part(b"x" * 5, more=False)
            await asyncio.sleep(1)
        elif edge == "leaves":
            await asyncio.sleep(0.5)
            await start()
            await part(b"x" * 5, more=False)
        elif edge == "leaves_and_raises":
            await asyncio.sleep(0.5)
            raise ZeroDivisionError
        elif edge == "leaves_and_reads":
            while (await receive())["type"] != "http.disconnect":
                pass
            await start()
            await part(b"x" * 5, more=False)
        elif edge == "leaves_upload":
            await body_of(receive)
            await start(201)
            await part(b"", more=False)
        elif edge == "leaves_during":
            await start()
            for _ in range(100):
                await part(b"x" * 100000)
                await asyncio.sleep(0.02)
            await part(b"", more=False)
        elif edge == "late":
            await asyncio.sleep(0.2)
            await start()
            await part(await body_of(receive), more=False)
        elif edge == "echo":
            body = await body_of(receive)
            await start()
            await part(body, more=False)
        elif edge == "other":
            await start(404)
            await part(b"", more=False)

    observed = ORDER
    metrics = MetricsASGI(instruments)

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                await send({"type": message["type"] + ".complete"})
                if message["type"] == "lifespan.shutdown":
                    return
        await (metrics if scope.get("path") == "/metrics" else observed)(scope, receive, send)
"""
WSGI = """
    import os, time
    from regobs.instrument import Instruments, LogWSGI, MetricsWSGI, ObserveWSGI
    instruments = Instruments("gitlab")
    log = open("access.log", "a", buffering=1)
    with open("blob", "wb") as blob:
        blob.write(b"x" * 100000)

    class Broken:
        def __init__(self, parts):
            self.parts = parts
        def __iter__(self):
            yield from [b"x" * 5] * self.parts
            raise ZeroDivisionError

    def edges(environ, start_response):
        edge = environ["PATH_INFO"].rpartition("/")[2]
        plain = [("Content-Type", "application/x")]
        if edge == "parts":
            start_response("200 OK", plain)
            return [b"x" * 100] * 3
        if edge == "no_content":
            start_response("204 No Content", [])
            return []
        if edge == "not_modified":
            start_response("304 Not Modified", [])
            return []
        if edge == "raises_before":
            raise ZeroDivisionError
        if edge == "raises_after_header":
            start_response("200 OK", [("Content-Length", "10")])
            return Broken(0)
        if edge == "raises_after_part":
            start_response("200 OK", [("Content-Length", "10")])
            return Broken(1)
        if edge == "background":
            start_response("200 OK", plain + [("Content-Length", "5")])
            return Closing([b"x" * 5])
        if edge == "lazy":
            return lazy(start_response)
        if edge == "written":
            start_response("200 OK", plain + [("Content-Length", "8")])(b"abc")
            return [b"x" * 5]
        if edge in ("leaves", "leaves_and_raises"):
            time.sleep(0.5)
            if edge == "leaves_and_raises":
                raise ZeroDivisionError
            start_response("200 OK", plain)
            return [b"x" * 5]
        if edge == "leaves_upload":
            environ["wsgi.input"].read()
            start_response("201 Created", [])
            return []
        if edge == "other":
            start_response("404 Not Found", [])
            return []
        if edge == "leaves_during":
            start_response("200 OK", plain)
            return slow()
        if edge == "late":
            time.sleep(0.2)
            body = environ["wsgi.input"].read()
            start_response("200 OK", plain)
            return [body]
        if edge == "echo":
            body = environ["wsgi.input"].read()
            start_response("200 OK", plain)
            return [body]
        if edge == "file":
            start_response("200 OK", plain + [("Content-Length", "100000")])
            return environ["wsgi.file_wrapper"](open("blob", "rb"))
        if edge == "rest_of_file":
            file = open("blob", "rb")
            file.seek(40000)
            start_response("200 OK", plain)
            return environ["wsgi.file_wrapper"](file)

    class Closing(list):
        def close(self):
            time.sleep(1)

    def lazy(start_response):
        start_response("200 OK", [("Content-Type", "application/x")])
        yield b"x" * 5

    def slow():
        for _ in range(100):
            time.sleep(0.02)
            yield b"x" * 100000

    observed, metrics = ORDER, MetricsWSGI(instruments)

    def app(environ, start_response):
        return (metrics if environ["PATH_INFO"] == "/metrics" else observed)(environ, start_response)
"""
