"""The configuration objects of pjsua2, made from the agent's settings and from one REGISTER. No state."""

from __future__ import annotations

import ssl
from typing import Any

import pjsua2 as pj

from softphone_agent.contract import sip_uri
from softphone_agent.dns.targets import Target
from softphone_agent.sip.ping_caller import NOBODY
from softphone_agent.sip.request import RegisterRequest, TlsFiles

TRACE_LEVEL = 4
"""The SIP stack logs every message at this level."""
_UNREGISTER_MSEC = 500
_SYSTEM_CA_FILE = ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt"


def endpoint_config(user_agent: str, trace: Any) -> Any:
    """For the endpoint: no threads, and its log to `trace`."""
    config = pj.EpConfig()
    config.logConfig.level = config.logConfig.consoleLevel = TRACE_LEVEL
    config.logConfig.decor = 0
    config.logConfig.writer = trace
    config.uaConfig.userAgent = user_agent
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    config.medConfig.threadCnt = 0
    config.medConfig.hasIoqueue = False
    return config


def transport_config(bound_address: str, port: int, tls: TlsFiles | None, answer_seconds: float) -> Any:
    """For a transport; with `tls` for one of TLS with these files."""
    config = pj.TransportConfig()
    config.boundAddress = bound_address
    config.port = port
    if tls is not None:
        config.tlsConfig.CaListFile = tls.ca_file or _SYSTEM_CA_FILE
        config.tlsConfig.certFile = tls.certificate_file or ""
        config.tlsConfig.privKeyFile = tls.key_file or ""
        config.tlsConfig.verifyServer = True
        config.tlsConfig.proto = pj.PJ_SSL_SOCK_PROTO_TLS1_2 | pj.PJ_SSL_SOCK_PROTO_TLS1_3
        config.tlsConfig.msecTimeout = int(answer_seconds * 1000)
    return config


def pinger_config() -> Any:
    """For the account that never registers."""
    config = pj.AccountConfig()
    config.idUri = NOBODY
    config.regConfig.registerOnAdd = False
    config.natConfig.contactUseSrcPort = 0  # else the SIP stack looks names up by itself
    return config


def account_config(
    request: RegisterRequest, target: Target | None, transport: int, route: str, contact: str, *, several_udp: bool
) -> Any:
    """For the account of a phone. `route` and `contact` may be empty: the SIP stack makes its own choice then.

    `several_udp`: whether there is more than one UDP socket to choose from.
    """
    config = pj.AccountConfig()
    config.idUri = request.aor
    registration = config.regConfig
    registration.registrarUri = request.registrar
    registration.timeoutSec = request.expires
    registration.retryIntervalSec = 0
    registration.firstRetryIntervalSec = 0
    registration.delayBeforeRefreshSec = 1
    registration.unregWaitMsec = _UNREGISTER_MSEC
    registration.contactParams = "".join(f";{name}={value}" for name, value in request.contact_parameters)
    for name, value in request.headers:
        header = pj.SipHeader()
        header.hName, header.hValue = name, value
        registration.headers.append(header)
    if route:
        config.sipConfig.proxies.append(route)
    config.sipConfig.contactForced = contact
    to = sip_uri.parse(request.registrar)
    if to.secure or (several_udp and to.effective_transport == "udp") or ":" in (target.address if target else to.host):
        config.sipConfig.transportId = transport  # TLS, UDP: one of several, each with its files or for its PBX
    nat = config.natConfig
    nat.contactRewriteUse = nat.viaRewriteUse = nat.sipOutboundUse = 0
    nat.udpKaIntervalSec = 0
    if request.password is not None:
        credentials = pj.AuthCredInfo("digest", "*", request.username, 0, request.password)
        config.sipConfig.authCreds.append(credentials)
    return config
