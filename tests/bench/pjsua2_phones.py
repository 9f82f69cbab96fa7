"""Phones on plain pjsua2, as its documentation has them: accounts that pjsua2 itself registers, refreshes and retries.

python -m bench.pjsua2_phones FILE, where FILE is JSON: registrar, transport, address, nameserver, users, account (of
AccountRegConfig). Runs until it is killed.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pjsua2

from bench.pair import DOMAIN

PROCESS = 8
"""Accounts that one process of it carries; a ninth aborts it."""
TRANSPORTS = {
    "udp": pjsua2.PJSIP_TRANSPORT_UDP,
    "tcp": pjsua2.PJSIP_TRANSPORT_TCP,
    "tls": pjsua2.PJSIP_TRANSPORT_TLS,
}


def main() -> None:
    """Register them, and let pjsua2 do the rest."""
    asked = json.loads(Path(sys.argv[1]).read_text())
    users = asked["users"]
    while len(users) > PROCESS and os.fork():
        users = users[PROCESS:]
    users = users[:PROCESS]
    config = pjsua2.EpConfig()
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    config.uaConfig.nameserver.append(asked["nameserver"])
    config.logConfig.level = config.logConfig.consoleLevel = 3
    endpoint = pjsua2.Endpoint()
    endpoint.libCreate()
    endpoint.libInit(config)
    place = pjsua2.TransportConfig()
    place.boundAddress = asked["address"]
    endpoint.transportCreate(TRANSPORTS[asked["transport"]], place)
    endpoint.libStart()
    phones = [_phone(asked, index) for index in users]
    while phones:
        endpoint.libHandleEvents(100)


def _phone(asked: dict[str, object], index: int) -> pjsua2.Account:
    config = pjsua2.AccountConfig()
    config.idUri = f"sip:load{index}@{DOMAIN}"
    config.regConfig.registrarUri = asked["registrar"]
    for name, value in dict(asked["account"]).items():  # type: ignore[call-overload]
        setattr(config.regConfig, name, value)
    config.sipConfig.authCreds.append(pjsua2.AuthCredInfo("digest", "*", f"load{index}", 0, f"pw-load{index}"))
    account = pjsua2.Account()
    account.create(config)
    return account


if __name__ == "__main__":
    main()
