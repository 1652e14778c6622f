"""What a log and a terminal are shown of text from outside, on every backend."""

from __future__ import annotations

import json
import logging
import re
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roost.contract.visible import VisibleFormatter, visible, visible_json, visible_lines
from roost_cli.log import Formatter
from roost_lambda.telemetry import Formatter as LambdaFormatter

EVIL = "a\n12:00:00 ERROR roost: forged\r\x1b[2J\x9b1m\x7f\u2028\u202e\x00"
UNSEEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e]")


@given(st.text(st.characters(codec=None)))
def test_nothing_unseen_is_left(text: str) -> None:
    assert not UNSEEN.search(visible(text)) and "\n" not in visible(text)
    shown = visible_lines(text)
    assert not UNSEEN.search(shown.replace("\t", "")) and all(line[:2] == "  " for line in shown.split("\n")[1:])
    dumped = visible_json(json.dumps(text, ensure_ascii=False))
    assert json.loads(dumped) == text and not UNSEEN.search(dumped)


def test_plain_text_stays() -> None:
    assert visible("grün € 🙂 \\n") == "grün € 🙂 \\n"
    assert visible("a\tb\nc\x1b\u202e") == "a\\tb\\nc\\x1b\\u202e"


FORMATTERS = [
    Formatter(),
    VisibleFormatter("%(levelname)s %(name)s: %(message)s"),  # as on Cloudflare
    LambdaFormatter(service="roost"),
]


@pytest.mark.parametrize("formatter", FORMATTERS, ids=["local", "cloudflare", "lambda"])
def test_a_record_is_one_entry(formatter: logging.Formatter) -> None:
    out = StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter)
    log = logging.getLogger(f"roost.agent.visible-{type(formatter).__module__}")
    log.handlers, log.propagate = [handler], False
    log.error("%s call failed", f"counter/{EVIL}", extra={"agent": f"counter/{EVIL}"})
    try:
        raise ValueError(EVIL)
    except ValueError:
        log.exception("failed")
    said = out.getvalue()
    assert "forged" in said
    assert not re.search(r"^12:00:00 ERROR", said, re.MULTILINE) and not UNSEEN.search(said)
