"""Deliberate defects of what code makes of a state that other code has stored."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from roost.contract.commit import Busy, Snapshot
from roost.contract.errors import Quarantined
from roost.engine import cell, due, quarantine

from .mutation import Mutation


def _state_begun_anew(m: pytest.MonkeyPatch) -> None:
    whole = due.load_state

    def load_state(kind: Any, raw: bytes | None, version: int) -> Any:
        try:
            return whole(kind, raw, version)
        except Quarantined:
            return whole(kind, None, version)

    m.setattr(due, "load_state", load_state)


def _letters_dropped(m: pytest.MonkeyPatch) -> None:
    whole = quarantine.quarantine

    async def drops(one: cell.Cell, error: Quarantined) -> None:
        await whole(one, error)
        if (image := one.image) is not None and image.letters:
            await one.runtime.store.commit(replace(image.next_commit(image.at), consumed=min(image.letters)))
            one.forget()

    m.setattr("roost.engine.attempt.quarantine", drops)
    m.setattr("roost.engine.waking.quarantine", drops)


def _older_runs(m: pytest.MonkeyPatch) -> None:
    whole = cell.Cell.fetch

    async def fetch(self: cell.Cell) -> Snapshot | Busy:
        found = await whole(self)
        if isinstance(found, Snapshot):
            return replace(found, state_version=min(found.state_version, self.kind.state_version))
        return found

    m.setattr(cell.Cell, "fetch", fetch)


DEPLOYING: Final = (
    Mutation("a state that does not validate is begun anew", _state_begun_anew, first=17),
    Mutation("a quarantine drops a letter", _letters_dropped, first=17),
    Mutation("older code runs on the state of newer code", _older_runs, first=155),
)
