"""Words that depend on numbers. Pure."""

from __future__ import annotations


def counted(number: int, of: str, many: str = "") -> str:
    """Such as `1 row`, `2 rows`, `0 PBXes`; `many` where that is not `of` with an s."""
    return f"{number} {of if number == 1 else many or f'{of}s'}"
