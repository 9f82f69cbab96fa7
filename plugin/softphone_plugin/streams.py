"""What is printed, on a terminal or into a pipe: text that any locale can show, and data in UTF-8."""

from __future__ import annotations

import codecs
import io
import locale
import os
import re
import sys
from typing import IO, Any

READABLE = "softphone-readable"
LOOKALIKES = {"…": "...", "│": "|", "○": "o", "●": "*"} | dict(zip("▁▂▃▄▅▆▇█", "_.:-=+*#", strict=True))
"""What is drawn, in ASCII."""
_PADDING = re.compile(r"[ ]+(?=\n)")


def _readable(error: UnicodeError) -> tuple[str, int]:
    """What cannot be shown as it is: what is drawn looks alike, of all else the number is told."""
    assert isinstance(error, UnicodeEncodeError)
    shown = (LOOKALIKES.get(c) or c.encode("ascii", "backslashreplace").decode() for c in _part(error))
    return "".join(shown), error.end


def _part(error: UnicodeEncodeError) -> str:
    return error.object[error.start : error.end]


codecs.register_error(READABLE, _readable)


def prepare() -> None:
    """Whatever is printed from now on can be, by the user's locale. Python takes LC_ALL=C for UTF-8."""
    asked = os.environ.get("PYTHONIOENCODING") or os.environ.get("PYTHONUTF8")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=stream.encoding if asked else locale.getencoding(), errors=READABLE)


def tell(data: str, *, end: str = "\n") -> None:
    """Print data for other programs: in UTF-8, as kubectl does, whatever the locale."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="replace")
    print(data, end=end, flush=True)  # noqa: T201


class Unpadded:
    """A stream whose lines do not end in blanks: tables are padded to their widths."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text, whole lines of it at a time."""
        return self._stream.write(_PADDING.sub("", text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
