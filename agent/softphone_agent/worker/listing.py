"""What an answer to a REGISTER without Contact says: the path checks' event, and whether it lists a binding. Pure."""

from __future__ import annotations

from collections.abc import Callable

from softphone_agent.contract.retry_after import retry_after
from softphone_agent.paths import events
from softphone_agent.registration.plan import Registrar
from softphone_agent.sip import sip_message
from softphone_agent.sip.happenings import Fetched
from softphone_agent.worker.translation import LONGEST_MESSAGE, targets_of


def lists(message: str, contact: str, instance: str) -> bool:
    """Whether a 200 lists the phone's binding: its Contact as the PBX that granted it had it, or its instance."""
    own = sip_message.own_binding(f'Contact: <{contact}>;+sip.instance="<urn:uuid:{instance}>"\r\n')
    return sip_message.granted(message, own, 1) is not None


def event_of(
    serial: int, answer: Fetched, contact: str, instance: str, registrar: Callable[[str], Registrar]
) -> events.Event:
    """The event of the path checks' machine; `registrar` makes the target of a redirect from its URI."""
    code, words = answer.code, answer.reason[:LONGEST_MESSAGE]
    if code == 0:
        return events.Silent(serial, words, answer.was_sent)
    if 200 <= code < 300:
        return events.Found(serial, lists(answer.message, contact, instance))
    if 300 <= code < 400:
        return events.Redirected(serial, code, *targets_of(answer.message, registrar))
    return events.Refused(serial, code, words, retry_after(answer.message))
