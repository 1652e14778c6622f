"""What a journal refuses, and in which words, and what a hold and a bell make of a job: the same in every store."""

from __future__ import annotations

from dataclasses import replace

from .address import Address
from .errors import Fenced, LimitExceeded, NotFound, Rejected
from .job import QUESTIONS, ROW_BYTES, SIGNALS, Claim, Job, Note, Question

SLACK = 64 * 1024
"""Bytes of a row around its value."""


def no_job(address: Address, uid: str) -> NotFound:
    """There is no such job, live or ended, in this life of the agent."""
    return NotFound(f"{address} has no job {uid!r}", code="no-job")


def over(address: Address, uid: str) -> Rejected:
    """The job's last row is written."""
    return Rejected(f"the job {uid!r} of {address} has ended", code="job-ended", status=409)


def not_ours(claim: Claim) -> Fenced:
    """What a claim stood for is gone."""
    return Fenced(f"{claim.address}: claim {claim.number} of the job {claim.uid!r} is over")


def ours(claim: Claim, job: Job | None) -> Job:
    """The job if the claim is its newest; Fenced."""
    if job is None or job.claim != claim.number or job.owner != claim.owner:
        raise not_ours(claim)
    return job


def let_go_already(claim: Claim, job: Job) -> bool:
    """The claim was given back, and nobody took the job since."""
    return job.claim == claim.number and not job.owner


def held_as(job: Job, held: bool, now: float, until: float) -> Job:
    """A job that is held or let go on. For an export: one that nobody has is due when that is over."""
    if not held or not until:
        return replace(job, held=held, held_until=0.0)
    if job.owner and job.until > now:
        return replace(job, held_until=until)
    return replace(job, held_until=until, due=until)


def soonest(job: Job, now: float) -> float:
    """When a job is due that nobody has, and that somebody rings for."""
    wake = max(now, job.held_until)
    return wake if job.due is None else min(job.due, wake)


def size(claim: Claim, data: bytes) -> None:
    """LimitExceeded for a row that no store takes."""
    if len(data) > ROW_BYTES + SLACK:
        raise LimitExceeded(
            f"a row of {len(data)} bytes for the job {claim.uid!r} of {claim.address}; at most {ROW_BYTES} of a value "
            "and 64 KiB around it fit: keep what is larger elsewhere, and return where it is",
            limit="job_row",
        )


def crowded(address: Address, uid: str) -> LimitExceeded:
    """As many notes wait as may."""
    return LimitExceeded(
        f"{SIGNALS} signals wait for the job {uid!r} of {address}, which is the limit",
        limit="job_signals",
        status=429,
        retry_after=1.0,
    )


def inquisitive(claim: Claim) -> LimitExceeded:
    """As many questions are open as may."""
    return LimitExceeded(
        f"the job {claim.uid!r} of {claim.address} has {QUESTIONS} open questions, which is the limit",
        limit="job_questions",
    )


def no_question(uid: str, question: str) -> NotFound:
    return NotFound(f"the job {uid!r} has no question {question!r}", code="no-question")


def answerable(uid: str, question: Question | None, note: Note) -> Note | None:
    """Whether an answer counts: None = it closes the question; a note = that one did, under the same id."""
    if question is None:
        raise no_question(uid, note.name)
    first = question.answer
    if first is not None and first.id == note.id:
        return first
    if question.closed is not None or note.at >= question.expires:
        who = "" if first is None else first.principal or first.source
        at = question.expires if question.closed is None else question.closed
        how = f"was answered by {who}" if first is not None else "has expired"
        raise Rejected(
            f"the question {question.id!r} of the job {uid!r} {how}",
            code="question-closed",
            status=409,
            data={"by": who or None, "at": at},
        )
    return None
