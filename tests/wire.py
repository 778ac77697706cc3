"""A server on loopback that counts what really arrives on the wire, and answers as it is told, or not at all."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

RESET = b"RESET"
"""In place of a reply: the connection is reset."""

type Reply = bytes | Mapping[bytes, bytes | None] | Callable[[bytes], bytes | None] | None


class Wire:
    """`reply` is the raw answer to every request; None keeps silent until the client gives up, b"" hangs up.

    Several replies are told apart by how the request begins, or made from the request.
    """

    def __init__(self, reply: Reply) -> None:
        self.requests: list[bytes] = []
        self.connections: list[socket.socket] = []
        self._reply = reply
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._closing = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,))
            thread.start()
            self._threads.append(thread)

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(10)
            with suppress(OSError):  # the client may hang up whenever it likes
                while request := _read_request(connection):
                    self.requests.append(request)
                    reply = self._reply_to(request)
                    if reply is None:
                        connection.recv(1)  # returns when the client hangs up
                        return
                    if reply is RESET:
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        return
                    connection.sendall(reply)
                    if not reply:
                        return

    def _reply_to(self, request: bytes) -> bytes | None:
        if isinstance(self._reply, Mapping):
            return next(reply for start, reply in self._reply.items() if request.startswith(start))
        return self._reply(request) if callable(self._reply) else self._reply

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self.connections:
            with suppress(OSError):  # closed by its own thread already
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(timeout=10)


def _read_request(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        part = connection.recv(65536)
        if not part:
            return b""
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    length = next((int(h.split(b":")[1]) for h in head.split(b"\r\n") if h.lower().startswith(b"content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


@contextmanager
def wire(reply: Reply) -> Iterator[Wire]:
    server = Wire(reply)
    try:
        yield server
    finally:
        server.close()


def http(status: int, body: bytes, head: str = "Content-Type: application/json") -> bytes:
    """A raw HTTP answer."""
    return f"HTTP/1.1 {status} Told\r\nContent-Length: {len(body)}\r\n{head}\r\n\r\n".encode() + body
