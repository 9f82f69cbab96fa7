"""The table of odd answers: what a PBX does, and what the agent must make of it.

The rows are run by test_odd_answers.py against the real agent, all at once, each with a phone and a PBX of its own.
`python -m odd_answers` writes docs/proof/odd-answers.md from them.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import odd_pings
from lab.certificates import Authority, server
from sip_responder import (
    Behaviour,
    Request,
    Responder,
    accept,
    answer,
    challenge,
    in_turn,
    redirect,
    reply,
    silence,
)

PAGE = Path(__file__).parents[2] / "docs" / "proof" / "odd-answers.md"

WAITS = "waits (back-off), then asks again"
AT_REST = "refreshes when its time has come"
NOT_AGAIN = "does not ask that PBX before the hour is over"
SLOWLY = "waits longer (the back-off of a rejection), then asks again"


@dataclass
class Stage:
    """What a row has to play with: its PBX, and more of them where it asks for them."""

    pbx: Responder
    address: str
    folder: Path
    """Where a row may put files."""
    others: list[Responder] = field(default_factory=list)
    fields: dict[str, Any] = field(default_factory=dict)
    """Fields of the PBX."""

    async def more(self, count: int) -> list[Responder]:
        self.others += [await Responder.start() for _ in range(count)]
        return self.others[-count:]


@dataclass(frozen=True)
class Row:
    """One odd answer."""

    name: str
    what: str
    """What the PBX does, in words."""
    setting: Callable[[Stage], Awaitable[None] | None]
    state: str
    then: str
    reason: str | None = None
    code: int | None = None
    outcome: str = ""
    """What softphone_register_requests_total counts, as outcome and code."""
    registers: int = 1
    """REGISTERs that one attempt may cost at the PBX."""
    fields: dict[str, Any] = field(default_factory=dict)
    """Fields of the phone."""
    registered: dict[str, Any] = field(default_factory=dict)
    """More that the phone's report must show."""

    asks_others: bool = True
    """Whether the other PBXes of the row may get REGISTERs."""

    @property
    def fewest(self) -> int:
        """REGISTERs that there must be in a minute, with all the PBXes of the row: `then`, as a number.

        A phone that keeps its registration refreshes it once at least; one that waits asks again.
        """
        return {AT_REST: 3 if self.registered else 2, NOT_AGAIN: 1}.get(self.then, 2)


def does(behaviour: Behaviour) -> Callable[[Stage], None]:
    def set_up(stage: Stage) -> None:
        stage.pbx.register = behaviour

    return set_up


def _dead(uri: str) -> str:
    """The same port at an address where nothing listens. A port that was closed could be another row's next moment."""
    return uri.replace("127.0.0.1", "127.0.0.9")


def _gone(stage: Stage) -> None:
    stage.address = _dead(stage.address)


def _over_tcp(setting: Callable[[Stage], Any]) -> Callable[[Stage], Any]:
    def set_up(stage: Stage) -> Any:
        stage.address = stage.pbx.uri("tcp")
        return setting(stage)

    return set_up


def _to_another(code: int, form: str = "<{}>") -> Callable[[Stage], Awaitable[None]]:
    async def set_up(stage: Stage) -> None:
        (target,) = await stage.more(1)
        stage.pbx.register = redirect(form.format(target.uri(), target.uri().removeprefix("sip:")), code=code)

    return set_up


async def _to_itself(stage: Stage) -> None:
    stage.pbx.register = redirect(f"<{stage.pbx.uri()}>")


async def _loop_of_three(stage: Stage) -> None:
    one, two = await stage.more(2)
    stage.pbx.register = redirect(f"<{one.uri()}>")
    one.register = redirect(f"<{two.uri()}>")
    two.register = redirect(f"<{stage.pbx.uri()}>")


def _hops(count: int) -> Callable[[Stage], Awaitable[None]]:
    async def set_up(stage: Stage) -> None:
        chain = [stage.pbx, *await stage.more(count)]
        for one, next_one in itertools.pairwise(chain):
            one.register = redirect(f"<{next_one.uri()}>")

    return set_up


async def _to_a_silent_one(stage: Stage) -> None:
    (target,) = await stage.more(1)
    target.register = silence
    stage.pbx.register = redirect(f"<{target.uri()}>")


async def _to_one_that_refuses(stage: Stage) -> None:
    (target,) = await stage.more(1)
    stage.pbx.register = redirect(f"<{_dead(target.uri('tcp'))}>")


async def _from_tls_to_udp(stage: Stage) -> None:
    (plain,) = await stage.more(1)
    authority = Authority(stage.folder / "tls")
    await stage.pbx.close()
    stage.pbx = await Responder.start(tls=server(authority.issue("pbx", "IP:127.0.0.1")))
    stage.pbx.register = redirect(f"<{plain.uri()}>")
    stage.address = stage.pbx.uri("tls")
    stage.fields = {"tls": {"caFile": str(authority.ca)}}


async def _by_q(stage: Stage) -> None:
    low, high = await stage.more(2)
    stage.pbx.register = redirect(f"<{low.uri()}>;q=0.1, <{high.uri()}>;q=0.9")
    low.register = reply(403)


async def _best_is_dead(stage: Stage) -> None:
    low, high = await stage.more(2)
    stage.pbx.register = redirect(f"<{low.uri()}>;q=0.1, <{_dead(high.uri())}>;q=0.9")


async def _one_of_use(stage: Stage) -> None:
    """The best Contacts of the redirect are not to be followed."""
    ended, elsewhere, target = await stage.more(3)
    ended.register = elsewhere.register = reply(403)
    contacts = f"<{ended.uri()}>;expires=0, <{elsewhere.uri()};maddr=192.0.2.9>, <{target.uri()}>;q=0.5"
    stage.pbx.register = redirect(contacts)


def _no_more(form: str) -> Callable[[Stage], Awaitable[None]]:
    async def set_up(stage: Stage) -> None:
        (target,) = await stage.more(1)
        stage.pbx.register = redirect(form.format(target.uri()))

    return set_up


async def _compact(stage: Stage) -> None:
    (target,) = await stage.more(1)

    def behave(request: Request) -> list[bytes]:
        text = answer(request, 302, f"m: {target.uri()}").decode()
        for long, short in (("Via", "v"), ("From", "f"), ("To", "t"), ("Call-ID", "i"), ("Content-Length", "l")):
            text = text.replace(f"\r\n{long}: ", f"\r\n{short}: ")
        return [text.encode()]

    stage.pbx.register = behave


def _endless_challenge() -> Behaviour:
    numbers = itertools.count()

    def behave(request: Request) -> list[bytes]:
        header = f'WWW-Authenticate: Digest realm="pbx.test", nonce="n{next(numbers)}", stale=true, algorithm=MD5'
        return [answer(request, 401, header)]

    return behave


def _stale_once() -> Behaviour:
    def stale(request: Request) -> list[bytes]:
        header = 'WWW-Authenticate: Digest realm="pbx.test", nonce="fresh", stale=true, algorithm=MD5, qop="auth"'
        return [answer(request, 401, header)]

    def behave(request: Request) -> Any:
        return accept()(request) if 'nonce="fresh"' in request.text else stale(request)

    return challenge(behave)


def _too_brief(least: int) -> Behaviour:
    def behave(request: Request) -> Any:
        if 0 < request.expires < least:
            return [answer(request, 423, f"Min-Expires: {least}")]
        return accept()(request)

    return behave


def _ever_longer() -> Behaviour:
    return lambda request: [answer(request, 423, f"Min-Expires: {request.expires + 60}")]


def _raw(make: Callable[[Request], bytes]) -> Behaviour:
    return lambda request: [make(request)]


def _without_contact(request: Request) -> list[bytes]:
    return [answer(request, 200)]


def _expires_0(request: Request) -> list[bytes]:
    contact = request.header("Contact").partition(";expires")[0]
    return [answer(request, 200, f"Contact: {contact};expires=0")]


ANOTHER_DEVICE = "Contact: <sip:alice@192.0.2.9:5060>;expires=3000"


def _with_others(request: Request) -> list[bytes]:
    """A 200 that lists another phone's Contact, too."""
    (good,) = accept()(request)
    return [good.replace(b"\r\nContact:", f"\r\n{ANOTHER_DEVICE}\r\nContact:".encode(), 1)]


def _ours_ended(request: Request) -> list[bytes]:
    """A 200 that lists our Contact as ended, and another device's."""
    contact = request.header("Contact").partition(";expires")[0]
    return [answer(request, 200, f"Contact: {contact};expires=0", ANOTHER_DEVICE)]


def _without_brackets(request: Request) -> list[bytes]:
    """A 200 that lists our Contact without <>, and its instance in them (RFC 3261, section 20.10)."""
    bare = request.header("Contact").partition(">")[0].partition(";")[0].lstrip("<")
    instance = "urn:uuid:00000000-0000-0000-0000-000000000001"
    said = f'{bare};x="<a>";reg-id=1;expires={request.expires};note="<{instance}>"'
    return [answer(request, 200, f"Contact: {said}")]


def _with(*headers: str) -> Behaviour:
    """A 200 that grants what was asked for, and has these headers before its Contact."""

    def behave(request: Request) -> list[bytes]:
        (good,) = accept()(request)
        return [good.replace(b"\r\nContact:", ("\r\n" + "\r\n".join(headers) + "\r\nContact:").encode(), 1)]

    return behave


def _beside(*challenges: str) -> Behaviour:
    """401 with these challenges; who answers one of them is accepted."""

    def behave(request: Request) -> Iterable[bytes]:
        if request.header("Authorization"):
            return accept()(request)
        return [answer(request, 401, *(f"WWW-Authenticate: {one}" for one in challenges))]

    return behave


def _with_star(request: Request) -> list[bytes]:
    (good,) = accept()(request)
    return [good.replace(b"\r\nContact:", b"\r\nContact: *\r\nContact:", 1)]


def _hanging_up(stage: Stage) -> None:
    """Accept, and close the connection before the phone can think about it."""

    def behave(request: Request) -> Any:
        asyncio.get_running_loop().call_later(0.01, stage.pbx.hang_up)
        return accept()(request)

    stage.pbx.register = behave


def _malformed(request: Request) -> bytes:
    return answer(request, 200).replace(b"CSeq: ", b"CSeq: ?").replace(b"From: ", b"From ")


def _huge(request: Request) -> bytes:
    return answer(request, 200, "X-Filler: " + "x" * 64_000)


async def _from_another_address(stage: Stage) -> None:
    other = await Responder.start("127.0.0.2")
    stage.others.append(other)
    stage.pbx.answers_from = other


def _wrong_branch(request: Request) -> bytes:
    (good,) = accept()(request)
    return good.replace(request.branch.encode(), b"z9hG4bKnot-yours")


def _twice(request: Request) -> list[bytes]:
    (good,) = accept()(request)
    return [good, good]


def _provisional_first(request: Request) -> list[bytes]:
    (good,) = accept()(request)
    return [answer(request, 100), good]


def _waiting(reason: str, code: int, outcome: str) -> dict[str, Any]:
    return {"state": "Waiting", "reason": reason, "code": code, "outcome": f"{outcome} {code or ''}", "then": WAITS}


GONE = _waiting("Unreachable", 0, "unreachable")
BAD = _waiting("BadRedirect", 302, "redirected")
LOOP = _waiting("RedirectLoop", 302, "redirected")
KEPT: dict[str, Any] = {"state": "Registered", "outcome": "accepted 200", "then": AT_REST}
HOME: dict[str, Any] = {"state": "Registered", "then": AT_REST, "registered": {"via": "redirect", "role": "Home"}}


def _rejected(code: int) -> dict[str, Any]:
    return {"state": "Rejected", "reason": "Rejected", "code": code, "outcome": f"rejected {code}", "then": SLOWLY}


def _unavailable(code: int) -> dict[str, Any]:
    return {"state": "Waiting", "reason": "Unavailable", "code": code, "outcome": f"rejected {code}", "then": WAITS}


AORS = [
    "sip:alice@pbx.test;user=phone",
    "sip:%61lice@pbx.test",
    "sip:Alice@PBX.Test:5060",
    "sip:+4970;phone-context=x@pbx.test",
    "sip:a%20b@pbx.test",
]
"""Those that PBXes and SIP stacks write in another way than the configuration."""

ROWS = [
    Row("silent", "no answer", does(silence), **GONE),
    Row("icmp", "nothing listens on UDP (ICMP port unreachable)", _gone, **GONE),
    Row("tcp-refused", "TCP connection refused", _over_tcp(_gone), **GONE),
    Row("tcp-silent", "TCP connection accepted, no answer", _over_tcp(does(silence)), **GONE),
    Row("trying-only", "100 and nothing after it", does(reply(100)), **GONE),
    Row("trying-first", "100, then 200", does(_provisional_first), **KEPT),
    Row("r300", "300 to a PBX that keeps the phone", _to_another(300), **HOME, outcome="redirected 300"),
    Row("r301", "301 to a PBX that keeps the phone", _to_another(301), **HOME, outcome="redirected 301"),
    Row("r302", "302 to a PBX that keeps the phone", _to_another(302), **HOME, outcome="redirected 302"),
    Row("r305", "305 to a PBX that keeps the phone", _to_another(305), **HOME, outcome="redirected 305"),
    Row("bare-contact", "302, Contact as a bare URI", _to_another(302, "{}"), **HOME, outcome="redirected 302"),
    Row(
        "uri-headers",
        "302 to a URI with headers",
        _to_another(302, "<{}?X-Why=moved>"),
        **HOME,
        outcome="redirected 302",
    ),
    Row(
        "uri-password",
        "302 to a URI with a password (nobody uses it)",
        _to_another(302, "<sip:alice:pw@{1}>"),
        **HOME,
        outcome="redirected 302",
    ),
    Row("compact", "302 in compact forms (`m:`, `v:`, `i:` …)", _compact, **HOME, outcome="redirected 302"),
    Row("no-contact", "302 without Contact", does(redirect()), **BAD),
    Row("star", "302 with `Contact: *`", does(redirect("*")), **BAD),
    Row("tel", "302 to a `tel:` URI", does(redirect("<tel:+4970317300>")), **BAD),
    Row("bad-contact", "302 whose Contact does not parse", does(redirect("<sip:[")), **BAD),
    Row("ended", "302 to a Contact with expires=0", _no_more("<{}>;expires=0"), **BAD, asks_others=False),
    Row(
        "maddr",
        "302 to a Contact with another host in maddr",
        _no_more("<{};maddr=192.0.2.9>"),
        **BAD,
        asks_others=False,
    ),
    Row(
        "one-of-use",
        "302 with Contacts of expires=0 and maddr, and another: that one is asked",
        _one_of_use,
        **HOME,
        outcome="redirected 302",
    ),
    Row("itself", "302 to itself", _to_itself, **LOOP),
    Row("loop", "a loop of three PBXes", _loop_of_three, **LOOP),
    Row("hops8", "eight redirects in a row", _hops(8), **HOME, outcome="redirected 302"),
    Row(
        "hops9",
        "nine redirects in a row",
        _hops(9),
        **_waiting("TooManyRedirects", 302, "redirected"),
    ),
    Row(
        "to-silent",
        "302 to a PBX that does not answer",
        _to_a_silent_one,
        **GONE | {"outcome": "redirected 302"},
    ),
    Row(
        "to-refusing",
        "302 to a PBX that refuses TCP",
        _to_one_that_refuses,
        **GONE | {"outcome": "redirected 302"},
    ),
    Row(
        "tls-to-udp",
        "302 from TLS to UDP: not followed",
        _from_tls_to_udp,
        **_waiting("RedirectRefused", 302, "redirected"),
        asks_others=False,
    ),
    Row("by-q", "302 with several Contacts: the highest q is asked", _by_q, **HOME, outcome="redirected 302"),
    Row(
        "best-dead",
        "302 with several Contacts, the best one dead: the next is asked",
        _best_is_dead,
        "Registered",
        AT_REST,
        outcome="redirected 302",
        registered={"via": "redirect", "role": "Standby"},
    ),
    Row("challenge", "401 with a challenge, then 200", does(challenge(accept())), registers=2, **KEPT),
    Row("basic", "401 with Basic only", does(reply(401, 'WWW-Authenticate: Basic realm="x"')), **_rejected(401)),
    Row(
        "basic-too",
        "401 with Basic, Bearer and a Digest challenge, then 200",
        does(_beside('Basic realm="x"', 'Bearer realm="x"', 'Digest realm="x", nonce="n", algorithm=MD5')),
        registers=2,
        **KEPT,
    ),
    Row("proxy", "407 with a challenge, then 200", does(challenge(accept(), code=407)), registers=2, **KEPT),
    Row("stale", "401 with stale=true once", does(_stale_once()), registers=3, **KEPT),
    Row("endless-401", "401 with a new nonce without end", does(_endless_challenge()), registers=2, **_rejected(401)),
    Row(
        "password",
        "401 again after the credentials (wrong password)",
        does(
            lambda request: [answer(request, 401, 'WWW-Authenticate: Digest realm="pbx.test", nonce="n", qop="auth"')]
        ),
        registers=2,
        **_rejected(401),
    ),
    Row("r403", "403 (innovaphone: also where From differs from To)", does(reply(403)), **_rejected(403)),
    Row("r404", "404", does(reply(404)), **_rejected(404)),
    Row("r423", "423 with Min-Expires", does(_too_brief(120)), registers=2, **KEPT),
    Row("r423-bare", "423 without Min-Expires", does(reply(423)), **_rejected(423)),
    Row(
        "r423-growing",
        "423 with a Min-Expires that grows each time",
        does(_ever_longer()),
        registers=3,
        **_rejected(423),
    ),
    *(
        Row(
            f"r423-growing-{number}",
            f"423 with a growing Min-Expires, to the AOR `{aor}`",
            does(_ever_longer()),
            registers=3,
            fields={"aor": aor},
            **_rejected(423),
        )
        for number, aor in enumerate(AORS)
    ),
    Row("r480", "480", does(reply(480)), **_unavailable(480)),
    Row("r486", "486", does(reply(486)), **_rejected(486)),
    Row("r488", "488 (innovaphone: it overlaps another REGISTER of the phone)", does(reply(488)), **_unavailable(488)),
    Row(
        "r488-refresh",
        "488 to a refresh",
        does(in_turn(accept(expires=10), reply(488), accept(expires=10))),
        "Registered",
        "keeps the binding, waits (back-off), then asks again",
        "Unavailable",
        488,
        "rejected 488",
    ),
    Row("r500", "500", does(reply(500)), **_unavailable(500)),
    Row(
        "r503",
        "503 without Retry-After (innovaphone: also where there is no licence)",
        does(reply(503)),
        **_unavailable(503),
    ),
    Row(
        "r503-later",
        "503 with Retry-After: 3600",
        does(reply(503, "Retry-After: 3600")),
        **_unavailable(503) | {"then": NOT_AGAIN},
    ),
    Row(
        "r503-folded",
        "503 with Retry-After folded over two lines",
        does(reply(503, "Retry-After:\r\n 3600")),
        **_unavailable(503) | {"then": NOT_AGAIN},
    ),
    Row(
        "r503-absurd",
        "503 with Retry-After: 99999999999 (an hour is waited)",
        does(reply(503, "Retry-After: 99999999999")),
        **_unavailable(503) | {"then": NOT_AGAIN},
    ),
    Row("r600", "600", does(reply(600)), **_rejected(600)),
    Row("ok-no-contact", "200 without Contact", does(_without_contact), **_unavailable(200)),
    Row(
        "ok-star",
        "200 with `Contact: *`",
        does(reply(200, "Contact: *")),
        **_unavailable(200),
    ),
    Row(
        "ok-odd-contact",
        "200 with our Contact and an odd one of another device (an umlaut, an empty port)",
        does(_with("Contact: <sip:m\u00fcller@192.0.2.7:>;x=;expires=60")),
        **KEPT,
    ),
    Row(
        "ok-dates",
        "200 with our Contact, and dates in Expires and Retry-After",
        does(_with("Expires: Thu, 01 Dec 2039 16:00:00 GMT", "Retry-After: Thu, 01 Dec 2039 16:00:00 GMT")),
        **KEPT,
    ),
    Row(
        "ok-service-route",
        "200 with our Contact and a Service-Route",
        does(_with("Service-Route: <sip:edge.test;lr>")),
        **KEPT,
    ),
    Row("ok-bare", "200 with our Contact without <> and a parameter in them", does(_without_brackets), **KEPT),
    Row("ok-star-too", "200 with our Contact and `Contact: *`", does(_with_star), **KEPT),
    Row("ok-expires-0", "200 with expires=0", does(_expires_0), **_unavailable(200)),
    Row(
        "ok-shorter",
        "200 with a shorter expiry",
        does(accept(expires=12)),
        **KEPT | {"then": "refreshes within the shorter time"},
    ),
    Row("ok-others", "200 that lists other phones' Contacts as well", does(_with_others), **KEPT),
    Row(
        "ok-only-others",
        "200 that lists the Contact of another device and not ours",
        does(reply(200, ANOTHER_DEVICE)),
        **_unavailable(200),
    ),
    Row(
        "ok-ours-ended",
        "200 that lists our Contact with expires=0 and that of another device",
        does(_ours_ended),
        **_unavailable(200),
    ),
    Row("ok-twice", "200 twice", does(_twice), **KEPT),
    Row(
        "ok-hangs-up",
        "200, then the TCP connection is closed, each time",
        _over_tcp(_hanging_up),
        "Waiting",
        WAITS,
        "TransportClosed",
        0,
        "accepted 200",
    ),
    Row("malformed", "200 with broken From and CSeq", does(_raw(_malformed)), **GONE),
    Row("garbage", "bytes that are no SIP", does(_raw(lambda request: bytes(range(256)) * 4)), **GONE),
    Row("huge", "a datagram of 64 KB", does(_raw(_huge)), **_unavailable(200)),
    Row("other-branch", "200 with another branch in Via", does(_raw(_wrong_branch)), **GONE),
    Row("other-address", "200 from another address than was asked", _from_another_address, **KEPT),
]


def page() -> str:
    """The page for docs/."""
    lines = [
        "# Odd answers",
        "",
        "What a PBX may do to a REGISTER, and what the agent makes of it. Each row is run against the real agent by",
        "`tests/agent/test_odd_answers.py`, and this page is made from its table (`python -m odd_answers`). The metric",
        "is `softphone_register_requests_total`, by outcome and code. The last column is how many REGISTERs an attempt",
        "may cost that PBX; how often an attempt is made is bounded by the back-off.",
        "",
        "| The PBX answers | State | Reason | Metric | Next | REGISTERs |",
        "|---|---|---|---|---|---|",
    ]
    for row in ROWS:
        reason = f"{row.reason} ({row.code})" if row.code else row.reason or ""
        state = f"{row.state}, {row.registered['role']}" if "role" in row.registered else row.state
        shown = [row.what, state, reason, row.outcome.strip(), row.then, str(row.registers)]
        lines.append("| " + " | ".join(shown) + " |")
    lines += ["", *odd_pings.table()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
