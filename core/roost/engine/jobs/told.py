"""What may be told to a job from outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from ...contract.errors import Rejected
from ...contract.fits import misfit

if TYPE_CHECKING:
    from ...contract.job import Note, Question


def check_answer(questions: Sequence[Question], answer: Note) -> None:
    """Rejected 422 `bad-answer`: it is not what an open question asks for, so nothing is closed by it."""
    for question in questions:
        if question.id == answer.name and question.closed is None:
            asked: Any = from_json(question.data)
            if (why := misfit(from_json(answer.data), asked["schema"])) is not None:
                raise Rejected(
                    f"the answer is not what the question {question.id} asks for: {why}", code="bad-answer", status=422
                )
