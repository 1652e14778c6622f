"""The Worker that is measured: tests/bench/app.py, with a way to read what its objects have counted.

`GET /counts` gives what crossed between Python and JavaScript so far (crossings.mjs counts, where it is staged), and
what all objects did to their storage.
"""

# pyright: reportMissingModuleSource=false, reportMissingImports=false, reportUnknownMemberType=false
# pyright: reportUntypedBaseClass=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportPrivateUsage=false

from typing import Any

import js  # type: ignore[import-not-found]
from bench_app import app  # type: ignore[import-not-found]
from pydantic_core import from_json, to_json

from roost_cloudflare import interop
from roost_cloudflare.worker import serve

_Entry, _Agent, RoostRegistry = serve(app)  # the platform looks at public names only
residents: set[Any] = set()
"""All that were ever awake."""
JSON = [("content-type", "application/json")]


class Default(_Entry):  # type: ignore[misc, valid-type]
    def fetch(self, request: Any) -> Any:
        if not interop.url_of(request).endswith("/counts"):
            return super().fetch(request)
        doc = from_json(js.crossings()) | {
            "statements": sum(one.sql.statements for one in residents),
            "rows": sum(one.sql.written for one in residents),
            "alarms": sum(one.alarms.sets for one in residents),
        }
        return interop.response(200, JSON, to_json(doc))


class RoostAgent(_Agent):  # type: ignore[misc, valid-type]
    def _awake(self) -> Any:
        found = super()._awake()
        residents.add(found)
        return found
