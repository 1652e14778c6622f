"""$connect, in a function of its own: it lets every connection in and has the Socket function greet it.

Nothing can be sent inside $connect, and a client waits 4 s for it, so this loads neither the app nor the core, and
makes its one call without waiting for what it causes. Who may not come in is told so by the greeting.
"""

from __future__ import annotations

import json
import os
from typing import Any, Final

from . import events, services

_clients: Final[dict[str, Any]] = {}


def connect(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """The handler."""
    found = _clients.get("lambda")
    if found is None:
        found = _clients["lambda"] = services.client("lambda")
    payload = json.dumps(events.follow_up(events.opened(event))).encode()
    found.invoke(FunctionName=os.environ["ROOST_SOCKET"], InvocationType="Event", Payload=payload)
    return {"statusCode": 200}
