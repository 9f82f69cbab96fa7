"""Which phone of ours an INVITE is for: by its Request-URI alone (RFC 3261, section 8.2.2.1). Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from softphone_agent.contract import sip_uri
from softphone_agent.sip.binding import Registration

_USER = re.compile(r"sips?:([^@:;?]+)(?::[^@]*)?@[^;?]+((?:;[^?]*)?)", re.IGNORECASE)
_LINE = re.compile(r";line=([^;]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Callee:
    """A phone of ours."""

    name: str
    registration: Registration | None
    """None where it has no binding."""


def user_of(request_uri: str) -> str | None:
    """The user that a URI names, as a text without escapes; None where it names none."""
    asked = _USER.match(request_uri)
    return unquote(asked[1]) if asked else None


def callee_of(
    request_uri: str, aors: Iterable[tuple[str, str]], bound: Callable[[str], Registration | None]
) -> Callee | None:
    """The phone with this Request-URI, given the name and the AOR of each; None where it is none of ours.

    `line` tells phones of one AOR apart, as in the Contact of each (binding.contact). Without it the first counts that
    has a binding: a PBX may have dropped the parameter.
    """
    asked = _USER.match(request_uri)
    if asked is None:
        return None
    user, line = unquote(asked[1]), _LINE.search(asked[2])
    wanted = unquote(line[1]) if line else ""
    found: Callee | None = None
    for name, aor in aors:
        if sip_uri.user_of_aor(aor) != user:
            continue
        callee = Callee(name, bound(name))
        if name == wanted:
            return callee
        if found is None or (found.registration is None and callee.registration is not None):
            found = callee
    return found
