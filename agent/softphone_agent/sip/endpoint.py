"""How pjsua2's endpoint is set: as little of it as can be."""

from __future__ import annotations

import pjsua2 as pj


def endpoint_config(user_agent: str) -> pj.EpConfig:
    """For the endpoint: no threads, no log."""
    config = pj.EpConfig()
    config.logConfig.level = config.logConfig.consoleLevel = 0
    config.uaConfig.userAgent = user_agent
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    config.medConfig.threadCnt = 0
    config.medConfig.hasIoqueue = False
    return config
