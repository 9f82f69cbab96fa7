"""Which pjsua2 there is."""

from __future__ import annotations

from importlib import metadata


def version() -> str:
    """The version of pjproject, as `2.17`; `unknown` where nobody installed it as a package."""
    try:
        return metadata.version("pjsua2-python").partition("+")[0]
    except metadata.PackageNotFoundError:
        return "unknown"
