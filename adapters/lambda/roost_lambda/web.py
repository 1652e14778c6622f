"""HTTP: the shared ASGI surface through mangum, for Function URL events.

mangum takes the path from where AWS shows it decoded and leaves `raw_path` out; a key may hold a slash.
"""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import unquote

from mangum import Mangum
from mangum.handlers.api_gateway import HTTPGateway

from roost_http.asgi import ASGIApp


class FunctionUrl(HTTPGateway):
    """Payload 2.0 with the path as it was sent."""

    @property
    def scope(self) -> Any:
        made = cast("dict[str, Any]", super().scope)
        raw = str(self.event["rawPath"])
        made["raw_path"] = raw.encode("latin-1", "replace")
        made["path"] = unquote(raw)
        made["headers"] = [(k, v) for k, v in made["headers"]]
        return made


def adapter(app: ASGIApp) -> Mangum:
    """The handler of HTTP events. The app's lifespan is the process's, not a request's."""
    return Mangum(cast("Any", app), lifespan="off", custom_handlers=[cast("Any", FunctionUrl)])
