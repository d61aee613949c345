"""A Redis server of a few commands, in this process. Protocol: redis.io/docs/latest/develop/reference/protocol-spec."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

OK = b"+OK\r\n"


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        queue: list[list[bytes]] = []
        queuing = False
        while head := self.rfile.readline():
            words = []
            for _ in range(int(head[1:])):
                size = int(self.rfile.readline()[1:])
                words.append(self.rfile.read(size + 2)[:-2])
            name = words[0].upper()
            if name == b"MULTI":
                queuing, answer = True, OK
            elif name == b"EXEC" and queuing:
                answers = [self._run(one) for one in queue]
                queue, queuing, answer = [], False, b"*%d\r\n%s" % (len(answers), b"".join(answers))
            elif queuing:
                queue.append(words)
                answer = b"+QUEUED\r\n"
            else:
                answer = self._run(words)
            self.wfile.write(answer)

    def _run(self, words: list[bytes]) -> bytes:
        files: dict[bytes, bytes] = self.server.files  # type: ignore[attr-defined]
        match words[0].upper(), *words[1:]:
            case b"SET", key, value:
                files[key] = value
                return OK
            case b"GET", key:
                held = files.get(key)
                return b"$-1\r\n" if held is None else b"$%d\r\n%s\r\n" % (len(held), held)
            case b"INCR" | b"INCRBY", key, *_:
                if not files.get(key, b"0").isdigit():
                    return b"-ERR value is not an integer or out of range\r\n"
                files[key] = b"%d" % (int(files.get(key, b"0")) + 1)
                return b":%s\r\n" % files[key]
            case (b"CLIENT", *_) | (b"WATCH", *_) | (b"UNWATCH", *_) | (b"SELECT", *_):
                return OK
        return b"-ERR unknown command\r\n"


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False


@contextmanager
def redis_server() -> Iterator[str]:
    """The URL of a server that is there inside the block. It speaks RESP 2: HELLO is an unknown command."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.files = {}  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield f"redis://127.0.0.1:{server.server_address[1]}/0?protocol=2"
        server.shutdown()
        thread.join()
