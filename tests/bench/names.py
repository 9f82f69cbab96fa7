"""A DNS server for clients that learn of the standby by SRV records; it lives as long as this process."""

from __future__ import annotations

import asyncio
import threading
from functools import cache

from bench.pair import Pair
from dns_server import DnsServer

SERVICES = {"_sip._udp": False, "_sip._tcp": False, "_sips._tcp": True}
"""SRV name -> whether it leads to the port for TLS."""


def registrar(pair: Pair) -> str:
    """A name with two SRV records for each transport: the primary, and with less priority the standby."""
    name, server = f"{pair.primary.name}.test", _server()
    for service, secure in SERVICES.items():
        server.zone[f"{service}.{name}", "SRV"] = [
            f"{10 * (rank + 1)} 0 {pbx.spec.tls_port if secure else pbx.port} {pbx.name}.test."
            for rank, pbx in enumerate(pair.pbxes)
        ]
    for pbx in pair.pbxes:
        server.zone[f"{pbx.name}.test", "A"] = [pbx.address]
    return name


def nameserver() -> str:
    """Its address. The port is that of DNS: pjsua2 can be told no other."""
    return _server().address.partition(":")[0]


@cache
def _server() -> DnsServer:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="names", daemon=True).start()
    return asyncio.run_coroutine_threadsafe(DnsServer.start(53), loop).result()
