"""One request and its answer, as uvicorn runs them. An answer that is there as a whole goes out in one write."""

from __future__ import annotations

from collections.abc import Sequence

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from roost_http.asgi import Header


class Cycle(RequestResponseCycle):
    """See `roost_http.asgi.Whole` and `read`, whose ways past ASGI's messages it fills."""

    def body_at_once(self) -> bytes | None:
        """The body, if all of it is there and none was taken; None: receive it as ASGI does."""
        if self.more_body or self.disconnected or self.response_complete or self.waiting_for_100_continue:
            return None
        self.flow.resume_reading()
        self.message_event.clear()
        body, self.body = bytes(self.body), bytearray()
        return body

    def answer_whole(self, status: int, headers: Sequence[Header], body: bytes) -> bool:
        """As two ASGI messages would; the headers are trusted. False: nothing was sent, that is how to send it."""
        if self.response_started or self.disconnected or self.flow.write_paused or self.access_log:
            return False
        if self.scope["method"] == "HEAD":
            return False
        self.transport.write(written(status, self.default_headers, headers, body, self.keep_alive))
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()
        return True


def written(status: int, default: Sequence[Header], headers: Sequence[Header], body: bytes, keep_alive: bool) -> bytes:
    """An answer as it goes over the wire; `default`: headers of all answers of this server."""
    parts = [STATUS_LINE[status]]
    for name, value in (*default, *headers) if default else headers:
        parts += (name, b": ", value, b"\r\n")
    if not keep_alive:
        parts.append(b"connection: close\r\n")
    parts += (b"\r\n", body)
    return b"".join(parts)
