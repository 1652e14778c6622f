"""The items of jobs: keys and records. As all rows of an agent they carry its epoch: one write makes them nobody's.

    J#e#job           a live job: what claims and bells change, small, in the index of wakes while it is due; and short
                      arguments of its first run
    G#e#job#position  a row of its journal            H#e#job#what#i   bytes too large for it, or arguments, in pieces
    Y#e#job#id        a note that waits               W#e#job#id       one that was taken
    U#e#job#id        a question                      R#e#job#first    a row of its streams
    F#e#job#who       a connection that follows one
    Z#e#job           a job that ended                X#e#order        which ended when, the newest first

`job` is `version.i`, padded. Only J# has no TTL: what is left of a job that ended is never deleted by us.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b
from typing import Any, Final

from roost.contract.commit import Commit
from roost.contract.job import (
    KEPT,
    Claim,
    EndedJob,
    Job,
    JobMoved,
    JobStart,
    JournalLine,
    LiveJob,
    Note,
    Question,
    numbers,
)
from roost.contract.stream import Follower, StreamLine

from . import rows
from .client import Item
from .columns import WAKE_AT, WAKE_SHARD, Layout, data, flag, real, text, whole
from .keys import LAST, LONGEST

SMALL: Final = 400
"""Bytes of arguments that stand in J# itself: each claim writes it anew, and a write unit is 1 KiB."""
ARGS: Final = "aa"
STAYS: Final = 30 * 86_400.0
"""Seconds for which rows outlive their job's deadline, so that whoever had it then still finds positions taken."""
GRACE: Final = 86_400.0
ORDER: Final = 10**16


def job_key(epoch: str, uid: str) -> str:
    version, i = numbers(uid)
    return f"J#{epoch}#{version:016d}.{i:04d}"


def of_job(letter: str, job: str, *rest: str) -> str:
    """The key of something of a job, which is named by its J# key."""
    plain = "#".join((letter + job[1:], *rest))
    if len(plain.encode(errors="surrogatepass")) <= LONGEST:
        return plain
    hashed = blake2b(plain.encode(errors="surrogatepass"), digest_size=32).hexdigest()
    return f"{letter}{job[1:]}#~{hashed}"


def position_key(job: str, position: int) -> str:
    return of_job("G", job, f"{position:010d}")


def stream_key(job: str, first: int) -> str:
    return of_job("R", job, f"{first:010d}")


def all_of(letter: str, job: str) -> tuple[str, str]:
    """Bounds of what of_job names."""
    return f"{letter}{job[1:]}#", f"{letter}{job[1:]}#{LAST}"


def _live(fields: dict[str, Any]) -> LiveJob:
    return LiveJob(*(fields.pop(f"live.{name}") for name in (
        "uid", "key", "name", "fingerprint", "started", "deadline", "source", "principal"
    )))  # fmt: skip


_LIVE: Final = {
    "live.uid": text("i"), "live.key": text("k", None), "live.name": text("nm", ""), "live.fingerprint": data("f"),
    "live.started": real("st"), "live.deadline": real("dl"), "live.source": text("sr", "client"),
    "live.principal": text("pr", ""),
}  # fmt: skip
CLAIM: Final = whole("c")
OWNER: Final = text("ow", "")
UNTIL: Final = real("u")
BELL: Final = whole("b")
HELD: Final = flag("h")
HELD_UNTIL: Final = real("hu")
ENDED: Final = real("en", None)
RUN: Final = whole("rn", 1)
BASE: Final = whole("ba")
NONCE: Final = data("x")
"""Tells a claim's or a bell's own success from another's, when its answer was lost."""
WAITING: Final = whole("nw")
"""How many notes wait."""

JOB: Final = Layout(lambda fields: Job(_live(fields), **fields), {
    **_LIVE, "run": RUN, "base": BASE, "claim": CLAIM, "owner": OWNER, "until": UNTIL, "due": WAKE_AT, "bell": BELL,
    "held": HELD, "held_until": HELD_UNTIL, "ended": ENDED,
})  # fmt: skip
END: Final = Layout(lambda fields: EndedJob(_live(fields), **fields), {
    **_LIVE, "ended": real("en"), "outcome": data("d"),
})  # fmt: skip
NOTE: Final = Layout(lambda fields: Note(**fields), {
    "id": text("i"), "kind": text("kd"), "name": text("nm", ""), "data": data("d"), "at": real("at"),
    "source": text("sr", "client"), "principal": text("pr", ""), "n": whole("n"),
})  # fmt: skip
QUESTION: Final = Layout(lambda fields: Question(**fields), {
    "id": text("i"), "name": text("nm", ""), "data": data("d"), "asked": real("as"), "expires": real("ex"),
    "closed": real("cl", None),
})  # fmt: skip
ANSWER: Final = "w_"
"""In a question: what stands before the names of the note that answered it."""


def note(item: Item) -> Note:
    return NOTE.read(item)


def question(item: Item) -> Question:
    found = QUESTION.read(item)
    answer = {k.removeprefix(ANSWER): v for k, v in item.items() if k.startswith(ANSWER)}
    if answer:
        found = replace(found, answer=note(answer))
    return found


def ttl(deadline: float) -> Item:
    return rows.n(int(deadline + STAYS))


def pieces(pk: str, job: str, what: str, value: bytes, deadline: float) -> list[Item]:
    """A value in items of its own; one, where it is empty."""
    out: list[Item] = []
    for n, i in enumerate(range(0, max(1, len(value)), rows.PIECE)):
        part = rows.b(value[i : i + rows.PIECE]) if value else None
        out.append(rows.bare(pk, of_job("H", job, what, f"{n:03d}"), d=part, ttl=ttl(deadline)))
    return out


def line(item: Item, whole_data: bytes | None = None) -> JournalLine:
    position = int(item["sk"]["S"].rpartition("#")[2])
    return JournalLine(position, rows.whole(item, "c"), rows.data(item, "d") if whole_data is None else whole_data)


def put_stream(pk: str, job: str, claim: Claim, x: StreamLine) -> Item:
    """A row of a job's streams."""
    return rows.bare(
        pk, stream_key(job, x.first), c=rows.n(claim.number), l=rows.n(x.last), d=rows.b(x.data),
        ttl=rows.n(int(claim.deadline + GRACE)),
    )  # fmt: skip


def stream(item: Item) -> StreamLine:
    first = int(item["sk"]["S"].rpartition("#")[2])
    return StreamLine(first, rows.whole(item, "l"), rows.whole(item, "c"), rows.data(item, "d"))


FOLLOWER: Final = Layout(lambda fields: Follower(**fields), {
    "cid": text("i"), "name": text("nm"), "after": text("af", ""), "at": real("at"), "expires": real("ex", None),
})  # fmt: skip


def follower_key(job: str, cid: str, name: str) -> str:
    return of_job("F", job, cid, name)


def born(pk: str, epoch: str, commit: Commit, one: JobStart, shard: str) -> list[Item]:
    """A job that a commit starts, and its arguments."""
    job = job_key(epoch, one.live.uid)
    item = rows.row(pk, job, {**JOB.write(Job(one.live, due=commit.at)), "wk": rows.s(shard)})
    if len(one.args) > SMALL:
        return [item, *pieces(pk, job, "a1", one.args, one.live.deadline)]
    return [{**item, ARGS: rows.b(one.args)}]


def moved(pk: str, epoch: str, commit: Commit, one: JobMoved, shard: str) -> tuple[Item, list[Item]]:
    """A job that an import brings: its row, which the index of wakes shows at once, and what belongs to it."""
    live, run = one.job.live, one.job.run
    key, gone = job_key(epoch, live.uid), ttl(live.deadline)
    job = replace(one.job, owner="", until=0.0, due=commit.at, held_until=0.0)
    item = rows.row(pk, key, JOB.write(job))
    if not job.held:
        item[WAKE_SHARD.name] = rows.s(shard)
    if signals := sum(note.kind == "signal" for note in one.notes):
        item[WAITING.name] = rows.n(signals)
    rest: list[Item] = []
    if run == 1 and len(one.args) <= SMALL:
        item[ARGS] = rows.b(one.args)
    else:
        rest += pieces(pk, key, f"a{run}", one.args, live.deadline)
    for x in one.lines:
        row = rows.bare(pk, position_key(key, x.position), c=rows.n(x.claim), ttl=gone)
        if len(x.data) > rows.PIECE:
            what = f"p{x.position}.{x.claim}"
            staged = pieces(pk, key, what, x.data, live.deadline)
            row |= {"pn": rows.n(len(staged)), "px": rows.s(what)}
            rest += staged
        elif x.data:
            row["d"] = rows.b(x.data)
        rest.append(row)
    for letter, notes in (("Y", one.notes), ("W", one.taken)):
        rest += [rows.row(pk, of_job(letter, key, x.id), {**NOTE.write(x), "ttl": gone}) for x in notes]
    for q in one.questions:
        said = {} if q.answer is None else {ANSWER + name: value for name, value in NOTE.write(q.answer).items()}
        rest.append(rows.row(pk, of_job("U", key, q.id), {**QUESTION.write(q), **said, "rn": rows.n(run), "ttl": gone}))
    return item, rest


def kept(pk: str, epoch: str, commit: Commit, place: int, one: EndedJob) -> list[Item]:
    """What is kept of a job that ended."""
    uid = one.live.uid
    gone = rows.n(int(one.ended + KEPT + GRACE))
    order = f"X#{epoch}#{ORDER - commit.version:016d}.{9999 - place:04d}"
    row = rows.row(pk, of_job("Z", job_key(epoch, uid)), {**END.write(one), "ttl": gone})
    return [row, rows.bare(pk, order, i=rows.s(uid), ttl=gone)]
