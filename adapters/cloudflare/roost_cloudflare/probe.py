"""The port suite and the cases of bodies inside workerd: every address an object, driven by the Worker that answers.

Test code: no deployment has these classes. What a method is given and gives back crosses as a pickle, because
the suite compares records whole.
"""

from __future__ import annotations

import pickle
import time
import traceback
from base64 import b64decode, b64encode
from typing import Any, Final, cast

from pydantic_core import from_json, to_json

from roost.contract.address import Address
from roost.contract.commit import Commit, Page
from roost.contract.errors import NotFound, RoostError, from_problem
from roost.contract.job import Claim
from roost.contract.listing import position
from roost.contract.result import problem_bytes
from roost.ports import Store
from roost_conformance.bodies.case import BODY_CASES
from roost_conformance.ports import JOURNAL_CASES, PORT_CASES

from . import http, interop
from .registry import Listing, Registries, line
from .store import ObjectStore
from .worker import RegistryObject

STORE_CASES: Final = {**PORT_CASES, **JOURNAL_CASES}


class Prompt(Listing):
    """Tells the registry after each commit and waits for it: the suite's listings don't lag."""

    def __init__(self, registries: Registries) -> None:
        self._registries = registries
        self.last: Commit | None = None

    def lives(self, exists: bool) -> None:
        self._known = exists

    def announce(self, c: Commit) -> None:
        pass

    def committed(self, c: Commit) -> None:
        self._known = (getattr(self, "_known", False) or c.state is not None) and not c.destroy
        self.last = c if self._known or c.destroy else None

    async def flush(self) -> None:
        c, self.last = self.last, None
        if c is not None:
            await self._registries.put(to_json(line(c)))


class RoostAgent(interop.DurableObject):  # type: ignore[misc]  # the SDK has no types here
    """One agent's store, called from outside."""

    def __init__(self, ctx: interop.Js, env: interop.Js) -> None:
        self.ctx = ctx
        self.listing = Prompt(Registries(interop.Namespace(env, "ROOST_REGISTRY")))
        self._store: ObjectStore | None = None

    async def roost(self, text: str) -> str:
        try:
            if self._store is None:
                kind, _, key = (interop.name_of(self.ctx) or "").partition("/")
                self._store = ObjectStore(interop.Sql(self.ctx), Address(kind, key), self.listing, 1000)
                await self._store.load(Address(kind, key))
            method, given, named = pickle.loads(b64decode(text))
            of, _, name = method.rpartition(".")
            answer = await getattr(self._store.journal if of else self._store, name)(*given, **named)
            await self.listing.flush()
            return "+" + b64encode(pickle.dumps(answer)).decode()
        except RoostError as error:
            return "-" + problem_bytes(error).decode()


class Remote:
    """A store of many agents: each method goes to the object of its address."""

    def __init__(self, env: interop.Js) -> None:
        self._objects = interop.Namespace(env, "ROOST_AGENT")
        self._registries = Registries(interop.Namespace(env, "ROOST_REGISTRY"))
        self.journal = RemoteJournal(self)

    async def call(self, method: str, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        first = given[0]
        address = first.address if isinstance(first, (Commit, Claim)) else first
        text = b64encode(pickle.dumps((method, given, named))).decode()
        answer = await self._objects.ask(str(address), text)
        if answer[0] == "-":
            error = from_problem(from_json(answer[1:]))
            if error.status == 404:  # stores say it by its class, which a problem document does not carry
                raise NotFound(error.message, code=error.code)
            raise error
        return pickle.loads(b64decode(answer[1:]))

    def __getattr__(self, method: str) -> Any:
        async def call(*given: Any) -> Any:
            return await self.call(method, given, {})

        return call

    async def list(self, kind: str | None, prefix: str, cursor: str | None, limit: int) -> Page:
        if cursor is not None:
            position(cursor)
        return await self._registries.page(kind, prefix, cursor, limit)


class RemoteJournal:
    """The journals of the same agents."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    def __getattr__(self, method: str) -> Any:
        async def call(*given: Any, **named: Any) -> Any:
            return await self._remote.call(f"journal.{method}", given, named)

        return call


class Default(interop.WorkerEntrypoint):  # type: ignore[misc]  # the SDK has no types here
    """GET /ports names the cases; GET /ports/NAME runs one."""

    def __init__(self, ctx: interop.Js, env: interop.Js) -> None:
        self.env = env

    async def fetch(self, request: interop.Js) -> interop.Js:
        path = http.Head(request).path
        if path == "/healthz":
            doc: Any = "ok"
        elif path == "/ports":
            doc = [*STORE_CASES, *BODY_CASES]
        else:
            began, trace = time.monotonic(), None
            try:
                name = path.rpartition("/")[2]
                body = BODY_CASES.get(name)
                await (STORE_CASES[name].drive(cast(Store, Remote(self.env))) if body is None else body())
            except Exception:
                trace = traceback.format_exc()
            doc = {"seconds": time.monotonic() - began, "trace": trace}
        return interop.response(200, [("content-type", "application/json")], to_json(doc))


class RoostRegistry(RegistryObject):
    """The real one, under the name the platform goes by."""
