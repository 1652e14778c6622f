"""The frame `roost_job`: a connection follows a stream of a job of its agent, or leaves it (rule 44).

{"type": "roost_job", "kind": "follow", "job": id or key, "stream": name, "after": cursor} is answered by `following`,
then `said` frames up to the entry `end`; or by `refused`. {"kind": "leave", "job", "stream"} ends that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..contract.errors import Rejected, RoostError
from ..contract.stream import DEFAULT, Follower
from ..engine.jobs.following import following, refused

if TYPE_CHECKING:
    from ..contract.address import Address
    from ..contract.trigger import Caller
    from ..engine.runtime import Runtime
    from .line import Line


async def job_frame(
    runtime: Runtime, address: Address, cid: str, caller: Caller | None, line: Line, frame: dict[str, Any]
) -> None:
    """Carry one out."""
    job, name, after = frame.get("job"), frame.get("stream", DEFAULT), frame.get("after", "")
    asked, stream = str(job)[:255], str(name)[:70]
    try:
        if not (isinstance(job, str) and 0 < len(job) <= 600 and isinstance(name, str) and isinstance(after, str)):
            raise Rejected("in a roost_job frame `job`, `stream` and `after` are text", code="bad-frame")
        kind = frame.get("kind")
        if kind == "follow":
            await _follow(runtime, address, cid, caller, job, name, after)
        elif kind == "leave":
            uid = await runtime.job_desk().uid(address, job, caller, "streams.read")
            runtime.following().end(address, uid, cid, name)
            await runtime.store.journal.unfollow(address, uid, cid, name)
        else:
            raise Rejected('in a roost_job frame `kind` is "follow" or "leave"', code="bad-frame")
    except RoostError as error:
        line.send_text_bytes(refused(asked, stream, error))


async def _follow(
    runtime: Runtime, address: Address, cid: str, caller: Caller | None, job: str, name: str, after: str
) -> None:
    desk = runtime.job_desk()
    await desk.stream(address, job, name, caller, after)
    uid = await desk.uid(address, job, caller, "streams.read")
    expires = None if caller is None else caller.expires
    who = Follower(cid, name, after, runtime.host.now(), expires)
    # First of all, for once the row is there the job's own host may begin to tell; and the row before anything is read.
    await runtime.following().send(address, cid, following(job, uid, name))
    await runtime.store.journal.follow(address, uid, who)
    local = desk.local(address, uid)
    if runtime.leases is None:
        runtime.following().begin(address, uid, who, local)
    else:  # this process may stop with the frame: it tells what there is, and the job's own host the rest
        place = await runtime.following().tell(address, uid, who, local, once=True)
        if place != after:
            await runtime.store.journal.follow(address, uid, Follower(cid, name, place, who.at, expires))
