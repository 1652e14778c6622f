"""`${VAR}`, `${VAR:-default}`, `${VAR:?message}` in a file's text, and `NAME_FILE` beside `NAME` in the environment.

Values are filled into scalars after the file was parsed: what stands in a variable never becomes YAML. While it is
parsed each `${...}` is written in private-use characters, one for one, so that `{ url: ${DATABASE_URL} }` is YAML and
places stay what they are. `$${` is a plain `${`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_AREA: Final = 0xE000
_REFERENCE: Final = re.compile(r"\$?\$\{[^{}\n]*\}")
_PRIVATE: Final = re.compile("[\ue000-\ue07f]")
_HIDE: Final = {code: _AREA + code for code in range(128)}
_SHOW: Final = {hidden: code for code, hidden in _HIDE.items()}
_FORM: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?:(:-|:\?)([^{}\n]*))?\}")
BYTES: Final = 64 * 1024
"""Of a file that a variable names."""


def hidden(text: str) -> str:
    """The text as it can be parsed. ValueError: it has characters that stand for references."""
    if found := _PRIVATE.search(text):
        raise ValueError(f"the character U+{ord(found[0]):04X} has no place in it")
    return _REFERENCE.sub(lambda found: found[0].translate(_HIDE), text)


def filled(scalar: str, environment: Mapping[str, str]) -> tuple[str, list[str]]:
    """A scalar with what its references mean, and the variables that were asked. ValueError: one has no value."""
    text, asked = scalar.translate(_SHOW), list[str]()
    if "${" not in text:
        return text, asked

    def value(found: re.Match[str]) -> str:
        if found[0].startswith("$$"):
            return found[0][1:]
        form = _FORM.fullmatch(found[0])
        if form is None:
            raise ValueError(f"{found[0]} is no reference: ${{VAR}}, ${{VAR:-default}} or ${{VAR:?message}}")
        name, mark, rest = form[1], form[2], form[3]
        asked.append(name)
        given = variable(name, environment)
        if given or (given is not None and mark is None):
            return given
        if mark == ":-":
            return str(rest)
        if mark == ":?":
            raise ValueError(f"{name}: {rest or 'it must be set'}")
        raise ValueError(f"{name} is not set: set it or {name}_FILE, or write ${{{name}:-default}}")

    return _REFERENCE.sub(value, text), asked


def variable(name: str, environment: Mapping[str, str]) -> str | None:
    """The variable's value, or the text of the file that `NAME_FILE` names, without its last line break; None: neither
    is set. ValueError: both are, or the file can't be read."""
    file = environment.get(f"{name}_FILE")
    if file is None or name.endswith("_FILE"):
        return environment.get(name)
    if name in environment:
        raise ValueError(f"{name} and {name}_FILE are both set: unset one")
    try:
        data = Path(file).read_bytes()
        if len(data) > BYTES:
            raise ValueError(f"it has more than {BYTES:,} bytes")
        return data.decode().removesuffix("\n").removesuffix("\r")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ValueError(f"{name}_FILE names {file}, which can't be read: {why}") from None
