"""What resolv.conf(5) and hosts(5) say: which DNS servers are asked, and which names for a name that was given."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from dataclasses import dataclass, field
from pathlib import Path

from softphone_agent.contract import sip_uri

MOST_NDOTS = 15
LONGEST_NAME = 254
"""Characters of a name with the dot at its end (RFC 1035, section 2.3.4)."""


@dataclass(frozen=True)
class Settings:
    """How DNS is asked."""

    servers: tuple[str, ...] = ()
    """`address` or `address:port`, IPv6 in brackets where there is a port."""
    search: tuple[str, ...] = field(default_factory=lambda: own_domain())
    """The search list: domains without a dot at the end, "" for the root."""
    ndots: int = 1
    """A name with so many dots is asked for as it is before the search list is tried."""
    seconds: float = 2.0
    """After so long without an answer the next DNS server is asked, too."""

    def names(self, host: str) -> tuple[str, ...]:
        """The full names that `host` may stand for, in the order in which glibc asks for them, with the dot at the end.

        A host with a dot at its end is a full name, and the only one.
        """
        if host.endswith("."):
            return (host,)
        searched = [f"{host}.{domain}." if domain else f"{host}." for domain in self.search]
        ordered = [f"{host}.", *searched] if host.count(".") >= self.ndots else [*searched, f"{host}."]
        return tuple(name for name in dict.fromkeys(ordered) if len(name) <= LONGEST_NAME)


def resolv_conf(path: Path) -> Settings:
    """The settings of a resolv.conf(5); without servers where it cannot be read or names none."""
    servers: list[str] = []
    said: dict[str, tuple[str, ...]] = {}
    options: dict[str, float] = {}
    with contextlib.suppress(OSError):
        for line in path.read_text(errors="replace").splitlines():
            keyword, *words = line.split() or [""]
            if keyword == "nameserver" and words:
                with contextlib.suppress(ValueError):
                    servers.append(str(ipaddress.ip_address(words[0])))
            elif keyword in ("search", "domain") and words:
                listed = words if keyword == "search" else words[:1]
                domains = (word.strip(".").lower() for word in listed)
                said["search"] = tuple(domain for domain in domains if not domain or sip_uri.is_host(domain))
            elif keyword == "options":
                for name, _, value in (word.partition(":") for word in words):
                    if value.isascii() and value.isdigit():
                        options[name] = float(value)
    return Settings(
        tuple(servers),
        said.get("search", own_domain()),
        int(min(options.get("ndots", 1), MOST_NDOTS)),
        max(1.0, options.get("timeout", 2.0)),
    )


def hosts_file(path: Path) -> dict[str, tuple[str, ...]]:
    """The names of a hosts file and their addresses (hosts(5))."""
    found: dict[str, tuple[str, ...]] = {}
    with contextlib.suppress(OSError, UnicodeDecodeError):
        for line in path.read_text().splitlines():
            address, *names = line.partition("#")[0].split() or [""]
            for name in names if sip_uri.is_address(address) else ():
                found[name.lower()] = (*found.get(name.lower(), ()), address)
    return found


def own_domain() -> tuple[str, ...]:
    """The domain of this machine's name, which is the search list where none is given."""
    domain = socket.gethostname().partition(".")[2].strip(".").lower()
    return (domain,) if domain and sip_uri.is_host(domain) else ()
