"""Words that depend on numbers, and words that hold what others wrote. Pure."""

from __future__ import annotations


def counted(number: int, of: str, many: str = "") -> str:
    """Such as `1 row`, `2 rows`, `0 PBXes`; `many` where that is not `of` with an s."""
    return f"{number} {of if number == 1 else many or f'{of}s'}"


def on_a_line(text: str) -> str:
    """A message that stays on its line and sends nothing to the terminal, whatever the values are that it shows."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
