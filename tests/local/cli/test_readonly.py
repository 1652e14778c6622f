"""A folder that can't be written is one clear line, not a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from roost_cli.complaint import REFUSED, Complaint
from roost_cli.token import make_token


def test_a_token_that_cannot_be_written_is_a_complaint(tmp_path: Path) -> None:
    (tmp_path / ".roost").write_text("in the way")  # what a read-only folder is, also for root
    with pytest.raises(Complaint, match=r"can't be written: .*where you may write") as said:
        make_token(tmp_path / ".roost" / "admin-token")
    assert said.value.code == REFUSED and said.value.__suppress_context__
