"""Which pjsua2 there is."""

from __future__ import annotations

from importlib import metadata


def version() -> str:
    """The version of pjproject and our build of it, as `2.17+softphonefleet.4`; empty where there is none."""
    try:
        return metadata.version("pjsua2-python")
    except metadata.PackageNotFoundError:
        return ""
