"""The table of second ways: what may be wrong with the way that nobody uses, and what a path check says of it.

The rows are run by test_second_ways.py against the real agent, all at once, each with a phone and two PBXes of its own.
`python -m second_ways` writes docs/proof/second-ways.md from them.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.certificates import Authority, server
from sip_responder import Behaviour, Responder, accept, challenge, digest, listing, redirect, reply, silence
from softphone_agent.contract.report import PathResult

SEEN = Path(__file__).parents[1] / "e2e" / "data" / "second_ways.json"
"""What tests/e2e/test_second_ways.py saw on the lab."""
PAGE = Path(__file__).parents[2] / "docs" / "proof" / "second-ways.md"
INTERVAL = 3.0


@dataclass
class Stage:
    """What a row has to play with. The phone is registered at the primary PBX."""

    name: str
    primary: Responder
    secondary: Responder
    folder: Path
    address: str = ""
    """Of the secondary PBX."""
    others: list[Responder] = field(default_factory=list)
    tls: dict[str, Any] = field(default_factory=dict)
    """Of the secondary PBX."""

    async def more(self, count: int) -> list[Responder]:
        self.others += [await Responder.start() for _ in range(count)]
        return self.others[-count:]


@dataclass(frozen=True)
class Row:
    """One second way."""

    name: str
    what: str
    """What the secondary PBX does, in words."""
    setting: Callable[[Stage], Awaitable[None] | None]
    result: PathResult
    code: int = 0
    says: str = ""
    """What stands in the message."""
    redirects: int = 0
    primary: PathResult = "Holds"
    """What is found of the first way."""
    fields: dict[str, Any] = field(default_factory=dict)
    """Fields of the phone."""
    registration: dict[str, Any] = field(default_factory=dict)


def does(behaviour: Behaviour) -> Callable[[Stage], None]:
    def set_up(stage: Stage) -> None:
        stage.secondary.register = behaviour

    return set_up


def _nobody_listens(transport: str) -> Callable[[Stage], None]:
    def set_up(stage: Stage) -> None:
        stage.address = stage.secondary.uri(transport).replace("127.0.0.1", "127.0.0.9")

    return set_up


def _home(stage: Stage) -> None:
    stage.secondary.register = redirect(f"<{stage.primary.uri()}>")


async def _to_one_that_is_dead(stage: Stage) -> None:
    (other,) = await stage.more(1)
    other.register = silence
    stage.secondary.register = redirect(f"<{other.uri()}>")


async def _to_one_that_is_dead_or_another(stage: Stage) -> None:
    dead, good = await stage.more(2)
    dead.register = silence
    stage.secondary.register = redirect(f"<{dead.uri()}>;q=0.9", f"<{good.uri()}>;q=0.1")


async def _in_a_circle(stage: Stage) -> None:
    (other,) = await stage.more(1)
    stage.secondary.register = redirect(f"<{other.uri()}>")
    other.register = redirect(f"<{stage.secondary.uri()}>")


async def _three_hops(stage: Stage) -> None:
    chain = [stage.secondary, *await stage.more(3)]
    for one, other in itertools.pairwise(chain):
        one.register = redirect(f"<{other.uri()}>")


async def _to_a_stranger(stage: Stage) -> None:
    (other,) = await stage.more(1)
    stage.secondary.register = redirect(f"<{other.uri()}>")


def _over_tls(*names: str, trusted: bool = True, days: int = 2) -> Callable[[Stage], Awaitable[None]]:
    """The secondary PBX is reached over TLS at 127.0.0.1, and shows a certificate for these names."""

    async def set_up(stage: Stage) -> None:
        authority = Authority(stage.folder / stage.name)
        shown = authority if trusted else Authority(stage.folder / stage.name, "theirs")
        context = server(shown.issue("pbx", *names, days=days))
        secure = await Responder.start(tls=context)
        stage.others.append(secure)
        secure.register = redirect(f"<{stage.primary.uri()}>")
        stage.address = secure.uri("tls")
        stage.tls = {"tls": {"caFile": str(authority.ca)}}

    return set_up


def _without_a_name(stage: Stage) -> None:
    stage.address = "sip:nowhere.test:5060;transport=udp"


def _drops_options(stage: Stage) -> None:
    stage.secondary.options = silence


def _home_that_does(fetch: Behaviour) -> Callable[[Stage], None]:
    def set_up(stage: Stage) -> None:
        _home(stage)
        stage.primary.fetch = fetch

    return set_up


def _shares_its_database(stage: Stage) -> None:
    stage.secondary.granted = stage.primary.granted


HOME: dict[str, Any] = {"home": "{primary}"}

ROWS = [
    Row("standby", "redirects to the PBX that holds the phone: a standby of it", _home, "Holds", 200, redirects=1),
    Row("independent", "keeps the phone: the other one of two independent PBXes", does(accept()), "WouldKeep", 200),
    Row(
        "shared",
        "shares its database with the PBX that holds the phone",
        _shares_its_database,
        "WouldKeep",
        200,
        "it lists a binding of the phone, too",
    ),
    Row("silent", "does not answer", does(silence), "Unreachable", 0, "Request Timeout"),
    Row("udp-closed", "is off: nobody listens at its UDP port", _nobody_listens("udp"), "Unreachable"),
    Row("tcp-closed", "is off: nobody listens at its TCP port", _nobody_listens("tcp"), "Unreachable", 0, "refused"),
    Row("no-name", "has a name that DNS does not know", _without_a_name, "Unreachable", 0, "nowhere.test"),
    Row("hop-dead", "redirects to a PBX that is dead", _to_one_that_is_dead, "Unreachable", 0, "", 1),
    Row(
        "hop-other",
        "redirects to two PBXes, of which the first one is dead",
        _to_one_that_is_dead_or_another,
        "WouldKeep",
        200,
        redirects=1,
    ),
    Row(
        "wrong-name",
        "shows a certificate for another name",
        _over_tls("DNS:other.test"),
        "Unreachable",
        0,
        'checked for "127.0.0.1"',
    ),
    Row(
        "wrong-authority",
        "shows a certificate of an authority that is not trusted",
        _over_tls("IP:127.0.0.1", trusted=False),
        "Unreachable",
        0,
        "PJSIP_TLS_ECERTVERIF",
    ),
    Row(
        "expired",
        "shows a certificate that has expired",
        _over_tls("IP:127.0.0.1", days=-1),
        "Unreachable",
        0,
        "PJSIP_TLS_ECERTVERIF",
    ),
    Row(
        "downgrade",
        "is reached over TLS, and redirects to UDP",
        _over_tls("IP:127.0.0.1"),
        "Forbidden",
        302,
        "from TLS no redirect leads to a transport without it",
    ),
    Row(
        "stranger",
        "redirects to a host that is no PBX object, with `redirectPolicy: KnownPBXes`",
        _to_a_stranger,
        "Forbidden",
        302,
        "redirectPolicy KnownPBXes",
        registration={"redirectPolicy": "KnownPBXes"},
    ),
    Row("r403", "refuses the phone: 403", does(reply(403, reason="Forbidden")), "Refused", 403, "Forbidden"),
    Row("r404", "does not know the user: 404", does(reply(404, reason="Not Found")), "Refused", 404, "Not Found"),
    Row("wrong-password", "has another password of the user", does(digest("other")), "Refused", 403),
    Row("r401", "asks for credentials again and again", does(reply(401)), "Refused", 401, "Unauthorized"),
    Row("no-realm", "asks for NTLM", does(reply(401, "WWW-Authenticate: NTLM")), "Refused", 401, "asks for NTLM"),
    Row("r503", "cannot serve now: 503", does(reply(503, reason="Overloaded")), "Refused", 503, "Overloaded"),
    Row("bad-redirect", "redirects to what is no SIP URI", does(redirect("<tel:+49>")), "Refused", 302, "tel:"),
    Row("loop", "redirects in a circle", _in_a_circle, "Loop", 302, "", 1),
    Row(
        "hops",
        "redirects more often than `maxRedirects`",
        _three_hops,
        "TooManyRedirects",
        302,
        redirects=2,
        registration={"maxRedirects": 2},
    ),
    Row(
        "other-home",
        "keeps the phone, though its home (`home`) is another PBX, which answers",
        does(accept()),
        "OtherHome",
        200,
        "instead of sending it to its home",
        fields=HOME,
    ),
    Row(
        "drops-options",
        "drops OPTIONS and takes REGISTER",
        _drops_options,
        "WouldKeep",
        200,
        registration={"pingSeconds": 0.5},
    ),
    Row(
        "challenges",
        "asks for credentials, and takes them",
        does(challenge(accept())),
        "WouldKeep",
        200,
    ),
    Row("r400", "answers a REGISTER without Contact with 400", does(reply(400)), "CheckNotSupported", 400),
    Row("r405", "answers a REGISTER without Contact with 405", does(reply(405)), "CheckNotSupported", 405),
    Row(
        "holder-403",
        "redirects to the PBX that holds the phone, which answers only a REGISTER without Contact with 403",
        _home_that_does(reply(403, reason="Forbidden")),
        "CheckNotSupported",
        403,
        "Forbidden",
        1,
        primary="CheckNotSupported",
    ),
    Row(
        "holder-silent",
        "redirects to the PBX that holds the phone, which does not answer a REGISTER without Contact",
        _home_that_does(silence),
        "CheckNotSupported",
        0,
        "does not answer a REGISTER without Contact",
        1,
        primary="CheckNotSupported",
    ),
    Row(
        "holder-unlisted",
        "redirects to the PBX that holds the phone, which lists the binding of another device only",
        _home_that_does(listing("<sip:other@192.0.2.99:5060>;expires=100")),
        "CheckNotSupported",
        0,
        "it lists no binding of a phone that it holds",
        1,
        primary="CheckNotSupported",
    ),
]


def page() -> str:
    """The page for docs/."""
    lines = [
        "# Second ways",
        "",
        "What may be wrong with the way that a phone does not use now, and what its path check says of it. Each row is",
        "run against the real agent by `tests/agent/test_second_ways.py`; this page is made from its table",
        "(`python -m second_ways`). The phone is registered at its primary PBX, and in every row it goes on with its",
        "Call-ID, its CSeqs one after the other. The last column is what stands in the message.",
        "",
        "| The secondary PBX | Result | Code | Message |",
        "|---|---|---|---|",
    ]
    for row in ROWS:
        lines.append(f"| {row.what} | {row.result} | {row.code or ''} | {row.says} |")
    return "\n".join([*lines, *_on_the_lab(json.loads(SEEN.read_text()))]) + "\n"


def _on_the_lab(seen: dict[str, Any]) -> list[str]:
    """The part of the page that a run on the lab has written."""
    lines = [
        "",
        "## In Kubernetes",
        "",
        "The same through the whole product, with Kamailio as the PBXes (`tests/e2e/test_second_ways.py`): a Softphone",
        "for each row, at home at a PBX that lives. How soon: from Registered to the condition, with a check every",
        f"{seen['interval']} s. Each phone went on with its Call-ID, its CSeqs one after the other, and stayed Ready.",
        f"Seen {seen['date']}.",
        "",
        "| The secondary PBX | how soon | Redundant | message | metric | alert |",
        "|---|--:|---|---|---|---|",
    ]
    for row in seen["rows"]:
        said = f"`{row['status']}`, `{row['reason']}`"
        after = f"{row['after']:.0f} s" if row["after"] > 0 else "at once"
        cells = [row["what"], after, said, row["message"], row["metric"], row["alert"]]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    PAGE.write_text(page())
