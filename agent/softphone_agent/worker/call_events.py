"""From what the engine tells of a call to the event of its machine."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from urllib.parse import unquote

import structlog

from softphone_agent.calls import sdp
from softphone_agent.calls.events import (
    Acknowledged,
    Answered,
    AskAnswered,
    ByeAnswered,
    ByeCame,
    CancelCame,
    Event,
    Progressed,
    Refused,
    Reoffered,
)
from softphone_agent.sip.happenings import CallNews, CallSignal
from softphone_agent.worker.running_call import RunningCall

log = structlog.get_logger()

_USER = re.compile(r"sips?:([^@:;?]+)(?::[^@]*)?@", re.IGNORECASE)


def user_of(uri: str) -> str:
    """The user part of a caller's URI, without escapes; empty for none."""
    found = _USER.match(uri)
    return unquote(found[1]) if found else ""


def event_of(call: RunningCall, signal: CallSignal, is_traced: bool) -> Event:
    """The event; a description that the signal brings is the other end's from now on."""
    match signal.news:
        case CallNews.PROGRESSED:
            return Progressed(signal.code)
        case CallNews.ANSWERED:
            return Answered(signal.code, _answered(call, signal.sdp, is_traced))
        case CallNews.REFUSED:
            return Refused(signal.code, signal.reason)
        case CallNews.ACKNOWLEDGED:
            return Acknowledged(call.theirs is not None or _answered(call, signal.sdp, is_traced))
        case CallNews.REOFFERED:
            if not signal.sdp.strip():
                call.theirs = None  # our answer makes the offer, its ACK has theirs
                return Reoffered(True)
            return Reoffered(_described(call, partial(sdp.read, signal.sdp, call.ours.keys.encryption), is_traced))
        case CallNews.CANCELLED:
            return CancelCame()
        case CallNews.BYE_CAME:
            return ByeCame()
        case CallNews.BYE_ANSWERED:
            return ByeAnswered(signal.code)
        case CallNews.ASK_ANSWERED:
            return AskAnswered(signal.code)


def _answered(call: RunningCall, text: str, is_traced: bool) -> bool:
    return _described(call, partial(sdp.read_answer, text, call.ours), is_traced)


def _described(call: RunningCall, read: Callable[[], sdp.Description], is_traced: bool) -> bool:
    """Take over what the other end describes; whether it makes a call of ours."""
    try:
        call.theirs = read()
    except sdp.SdpError as fault:
        if is_traced:
            log.info("description not usable", softphone=call.phone, fault=str(fault))
        return False
    return True
