"""The files beside pages: script, style, icon. Their addresses have a digest, so that browsers keep them."""

from __future__ import annotations

import hashlib
from importlib import resources
from typing import NamedTuple

from softphone_console.html.layout import Files
from softphone_console.html.markup import Path, path

NAMES = {"console.js": "text/javascript", "console.css": "text/css", "icon.svg": "image/svg+xml"}


class File(NamedTuple):
    """One of them."""

    body: bytes
    content_type: str
    digest: str


def read() -> dict[str, File]:
    """All files, by name."""
    folder = resources.files("softphone_console") / "static"
    bodies = {name: (folder / name).read_bytes() for name in NAMES}
    return {name: File(body, NAMES[name], hashlib.sha256(body).hexdigest()[:16]) for name, body in bodies.items()}


def addresses(files: dict[str, File]) -> Files:
    """Where pages find them."""

    def at(name: str) -> Path:
        return path("static", files[name].digest, name)

    return Files(script=at("console.js"), style=at("console.css"), icon=at("icon.svg"))
