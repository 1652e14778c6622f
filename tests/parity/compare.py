"""The same program on several backends, and whether it can be told which was which."""

from __future__ import annotations

import asyncio
import difflib
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from roost_conformance.harness import Harness

from .party import Party
from .play import Play
from .program import block, program


@dataclass(frozen=True, slots=True)
class Difference:
    """A seed whose histories differ, or that could not be played to its end."""

    seed: int
    backend: str
    than: str
    text: str


async def compare(
    harnesses: dict[str, Harness],
    seeds: Sequence[int],
    length: int,
    *,
    crashes: bool,
    say: Callable[[str], None],
    stop: int = 5,
) -> list[Difference]:
    """Play the seeds on all, a block of them at once. Ends after `stop` differences."""
    found: list[Difference] = []
    codes = all(harness.capabilities.close_code for harness in harnesses.values())
    await asyncio.gather(*(harness.start(restless=False) for harness in harnesses.values()))
    try:
        for _, group in itertools.groupby(seeds, block):
            together = list(group)
            parties = [Party(harness, len(together)) for harness in harnesses.values()]

            async def play(seed: int, parties: list[Party] = parties) -> list[Difference]:
                acts = program(seed, length, crashes=crashes)
                plays = (Play(party, seed, codes=codes).run(acts) for party in parties)
                ended = await asyncio.gather(*plays, return_exceptions=True)
                now = different(seed, dict(zip(harnesses, ended, strict=True)))
                say(f"seed {seed}: {len(acts)} acts, {'same' if not now else 'DIFFERENT'}")
                for one in now:
                    say(f"{one.backend} differs from {one.than}:\n{one.text}")
                return now

            found += itertools.chain(*await asyncio.gather(*map(play, together)))
            if len(found) >= stop:
                say(f"stopped at seed {together[-1]}: {len(found)} differences")
                break
    finally:
        await asyncio.gather(*(harness.stop() for harness in harnesses.values()))
    return found


def different(seed: int, histories: dict[str, list[str] | BaseException]) -> list[Difference]:
    """Each backend against the first."""
    found = [
        Difference(seed, name, "any", f"{type(h).__name__}: {h}")
        for name, h in histories.items()
        if isinstance(h, BaseException)
    ]
    whole = {name: h for name, h in histories.items() if not isinstance(h, BaseException)}
    if len(whole) < 2:
        return found
    first, *others = whole
    for name in others:
        if whole[name] != whole[first]:
            lines = difflib.unified_diff(whole[first], whole[name], first, name, n=1, lineterm="")
            found.append(Difference(seed, name, first, "\n".join(lines)))
    return found
