"""Texts with the placeholder `{index}`, of which each phone of a fleet gets its own.

A placeholder may have a format: `{index:05d}` fills up with zeros to five digits, `{index:x}` and `{index:X}` write
hexadecimal digits. Nothing else is a placeholder; a literal brace is written twice: `{{`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from string import Formatter

PLACEHOLDER = "index"
MAX_WIDTH = 20

_FORMAT = re.compile(r"(?:0([1-9][0-9]?))?[dxX]?\Z")


class TemplateError(ValueError):
    """A text that is no template; its message says why, in words for the person who wrote it."""


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed text: pieces of literal text, each followed by the format of a placeholder, None for none."""

    pieces: tuple[tuple[str, str | None], ...]

    @property
    def varies(self) -> bool:
        """Whether phones get different texts."""
        return any(format_ is not None for _, format_ in self.pieces)

    def expand(self, index: int) -> str:
        """The text of the phone with this index."""
        return "".join(
            literal if format_ is None else literal + format(index, format_) for literal, format_ in self.pieces
        )


def parse(text: str) -> Template:
    """Parse a text; raises TemplateError."""
    try:
        parsed = list(Formatter().parse(text))
    except ValueError:
        raise TemplateError('has a single brace; a literal one is written twice, as in "{{"') from None
    for _, name, format_, conversion in parsed:
        if name is None:
            continue
        if name != PLACEHOLDER or conversion:
            shown = f"{name}!{conversion}" if conversion else name
            raise TemplateError(f"has the placeholder {ascii(f'{{{shown}}}')[1:-1]}; the only one is {{index}}")
        width = _FORMAT.match(format_ or "")
        if width is None or int(width[1] or 0) > MAX_WIDTH:
            raise TemplateError(
                f"has the format {ascii(f'{{index:{format_}}}')[1:-1]}; it may be d, x or X, "
                f"after a zero and a width of at most {MAX_WIDTH} digits, as in {{index:05d}}"
            )
    return Template(tuple((literal, format_ if name is not None else None) for literal, name, format_, _ in parsed))
