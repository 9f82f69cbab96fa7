"""Under which host names the console may be opened. Pure.

A page elsewhere cannot read the console: it is of another origin. But whoever owns a name may have it lead to an
address inside, for the browser of somebody who can reach that ("DNS rebinding"), and then it is the same origin. So
names that nobody outside can own are known, and others are only where the console was told of them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection

SUFFIXES = (".localhost", ".svc", ".svc.cluster.local")
"""Of names that lead to this machine, or to a Service of the cluster."""


def is_known(host: str, told: Collection[str]) -> bool:
    """Whether a request with this header Host is answered. `told`: further names, in lower case."""
    name = _without_port(host).lower().rstrip(".")
    return bool(name) and (_is_address(name) or "." not in name or name.endswith(SUFFIXES) or name in told)


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() and ":" not in name else host


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
