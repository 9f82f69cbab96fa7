"""The table of faults of calls: what goes wrong with a test call, and what the check says of it.

The rows are run by test_call_faults.py with real agents, all at once, each with a PBX (call_proxy.py), a caller, a
callee and a media relay (media_relay.py) of its own. `python -m call_faults` writes docs/proof/calls.md from them and
from what was seen last.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from call_proxy import Proxy
from media_relay import Change, Relay, as_it_is, drops_all, drops_each, silences, with_body

SEEN = Path(__file__).parent / "data" / "call_faults.json"
"""What test_call_faults.py saw: CALL_FAULTS_WRITE=1 renews it."""
CLEAN = Path(__file__).parents[1] / "bench" / "seen" / "calls.json"
PAGE = Path(__file__).parents[2] / "docs" / "proof" / "calls.md"
TALK_SECONDS = 6
TOKEN = "known-at-both-ends"


@dataclass
class Stage:
    """What a row has to play with."""

    proxy: Proxy
    relay: Relay
    kill_callee: Callable[[], None] = lambda: None
    """SIGKILL to the callee's agent."""
    struck: Callable[[], None] = lambda: None
    """The fault begins now; where it is not called, it begins with the INVITE."""


@dataclass(frozen=True)
class Row:
    """One fault."""

    name: str
    what: str
    set_up: Callable[[Stage], None]
    says: tuple[str, ...]
    """What the check says, as regular expressions; () for nothing: it has passed."""
    callee_heard: str = "Tone"
    """What the callee's report of the call says; empty where there is none."""
    answer: str = "Checks"
    other: str = "Echo"
    """How somebody else answers, where there is one."""
    check: dict[str, Any] = field(default_factory=dict)
    """Fields of the check that differ."""
    expects: dict[str, Any] = field(default_factory=dict)
    own_agent: bool = False
    """Whether its callee has an agent of its own, which may be killed."""


def nothing(stage: Stage) -> None:
    """The clean path."""


def media(*, there: Change = as_it_is, back: Change = as_it_is) -> Callable[[Stage], None]:
    """This becomes of RTP."""

    def set_up(stage: Stage) -> None:
        stage.relay.changes = {"there": there, "back": back}

    return set_up


def refuses(code: int) -> Callable[[Stage], None]:
    def set_up(stage: Stage) -> None:
        stage.proxy.answers = code

    return set_up


def late(seconds: float) -> Callable[[Stage], None]:
    def set_up(stage: Stage) -> None:
        stage.relay.delay_seconds = seconds

    return set_up


def somebody_else(name: str) -> Callable[[Stage], None]:
    """The PBX sends the call to another telephone."""

    def set_up(stage: Stage) -> None:
        stage.proxy.instead = {f"{name}-alice": f"{name}-carol"}

    return set_up


def no_codec(stage: Stage) -> None:
    """The PBX offers the callee G.729 only."""
    before = stage.proxy.alters

    def alters(text: str) -> str:
        text = before(text)
        if not text.startswith("INVITE "):
            return text
        head, _, body = text.partition("\r\n\r\n")
        return with_body(head, re.sub(r"RTP/AVP [\d ]+", "RTP/AVP 18", body))

    stage.proxy.alters = alters


def rings(stage: Stage) -> None:
    stage.proxy.rings = True


def when(begin: str, do: Callable[[Stage], None], *, seconds: float = 0.0) -> Callable[[Stage], None]:
    """Do this, once, so long after a message that begins so has gone through."""

    def set_up(stage: Stage) -> None:
        def strike() -> None:
            stage.struck()
            do(stage)

        def sees(text: str) -> None:
            if text.startswith(begin):
                stage.proxy.sees = lambda text: None
                asyncio.get_running_loop().call_later(seconds, strike)

        stage.proxy.sees = sees

    return set_up


def in_mid_call(do: Callable[[Stage], None]) -> Callable[[Stage], None]:
    return when("ACK ", do, seconds=2)


def pbx_dies(stage: Stage) -> None:
    stage.proxy.close()


def pbx_and_media_die(stage: Stage) -> None:
    stage.proxy.close()
    stage.relay.close()


def rings_and_dies(stage: Stage) -> None:
    rings(stage)
    when("INVITE ", pbx_dies)(stage)


ANSWERED_BY = r"answer: 200 was expected, came: "
LOST = r"audio: {}% of the packets were lost"

ROWS = [
    Row("clean", "Nothing: the clean path", nothing, ()),
    Row(
        "dropped-there",
        "RTP dropped from the caller to the callee; RTCP passes",
        media(there=drops_all),
        ("audio: the other end reports that it hears nothing of us",),
        callee_heard="Nothing",
    ),
    Row(
        "dropped-back",
        "RTP dropped from the callee to the caller; RTCP passes",
        media(back=drops_all),
        ("audio: nothing was heard, no packet came",),
    ),
    Row(
        "silenced-there",
        "The packets pass, with silence in them, from the caller to the callee; the callee plays its own tone",
        media(there=silences),
        (),
        callee_heard="Silence",
    ),
    Row(
        "silenced-echo",
        "The same, and the check expects an echo (`hears: Echo`)",
        media(there=silences),
        ("audio: packets came, and they were silent",),
        callee_heard="",
        answer="Echo",
        expects={"hears": "Echo"},
    ),
    Row(
        "silenced-back",
        "The packets pass, with silence in them, from the callee to the caller",
        media(back=silences),
        ("audio: packets came, and they were silent",),
    ),
    Row(
        "loss-1",
        "1 % of the packets lost, with `maxLossPercent: 0.5`",
        media(back=drops_each(100)),
        (LOST.format(r"(0\.[6-9]|1\.[0-4])"),),
        expects={"maxLossPercent": 0.5},
    ),
    Row("loss-5", "5 % of the packets lost", media(back=drops_each(20)), (LOST.format(r"(4|5)\.\d"),)),
    Row(
        "loss-20",
        "20 % of the packets lost, with `minMos: 4`",
        media(back=drops_each(5)),
        (LOST.format(r"(19|20)\.\d"), r"audio: MOS 1\.\d\d, less than 4"),
        expects={"minMos": 4},
    ),
    Row(
        "late-150",
        "150 ms of delay each way, with `minMos: 4.39`",
        late(0.15),
        (r"audio: MOS [1-4]\.\d\d, less than 4\.39",),
        expects={"minMos": 4.39},
    ),
    Row(
        "somebody-else",
        "Somebody else answers, with another sound",
        somebody_else("somebody-else"),
        (r"audio: the other end's tone was in \d+% of what was heard",),
        callee_heard="",
    ),
    Row(
        "wrong-phone",
        "Another phone of ours answers, which the same check calls, too",
        somebody_else("wrong-phone"),
        ("answer: wrong-phone-alice was to answer, wrong-phone-carol did",),
        callee_heard="",
        other="Checks",
        check={"callee": "wrong-phone-alice"},
    ),
    Row("busy", "Busy: 486", refuses(486), (ANSWERED_BY + "486 So",), callee_heard=""),
    Row("unknown", "The PBX does not know the number: 404", refuses(404), (ANSWERED_BY + "404 So",), callee_heard=""),
    Row(
        "no-answer",
        "It rings, and nobody answers",
        rings,
        (ANSWERED_BY + "nothing in time",),
        callee_heard="",
        check={"answerTimeoutSeconds": 4},
    ),
    Row(
        "no-codec",
        "The callee is offered G.729 only",
        no_codec,
        (ANSWERED_BY + "488 .*",),
        callee_heard="",
    ),
    Row(
        "pbx-killed-media-direct",
        "The PBX is killed in mid-call; media goes on past it",
        in_mid_call(pbx_dies),
        ("end: BYE was not answered",),
        callee_heard="",
    ),
    Row(
        "pbx-killed",
        "The PBX is killed in mid-call, and media goes through it; the call is to last 60 s",
        in_mid_call(pbx_and_media_die),
        ("end: nothing was heard any more", r"audio: nothing came for the last 3\d\.\d s"),
        callee_heard="Silence",
        check={"talkSeconds": 60},
    ),
    Row(
        "pbx-killed-ringing",
        "The PBX is killed while it rings",
        rings_and_dies,
        (ANSWERED_BY + "nothing in time",),
        callee_heard="",
        check={"answerTimeoutSeconds": 4},
    ),
    Row(
        "agent-killed",
        "The callee's agent is killed in mid-call",
        in_mid_call(lambda stage: stage.kill_callee()),
        ("end: BYE was not answered", r"audio: nothing came for the last \d+\.\d s"),
        callee_heard="",
        own_agent=True,
    ),
]


def fits(row: Row, faults: list[str]) -> bool:
    """Whether a check has said what the row has."""
    return len(faults) == len(row.says) and all(
        re.fullmatch(wanted, fault) for wanted, fault in zip(row.says, faults, strict=True)
    )


HEAD = """\
# Test calls, and what a check says of faults

<!-- Made from tests/agent/call_faults.py and what its test saw, by `make generate`. Do not edit. -->

Each row is run with real agents by `tests/agent/test_call_faults.py`, all at once, each with a PBX, a caller, a callee and a media relay of its own on loopback. The
PBX puts calls through with Record-Route. The callee answers with its tone, and the check expects what it does by default; a call lasts {talk} s. Each end tells what it
hears: the check is the caller's half, the callee's report the other one. How soon: from the fault, or from the INVITE where that came later, until the check said so.
Seen {date}{busy}.

| The fault | The check says | The callee heard | how soon |
|---|---|---|--:|
"""  # noqa: E501
BUSY = " on a machine that had other work at the same time"
NOTES = """
- Silence that only the callee hears is seen by the callee, or by a check that expects an echo. To the caller all is well: its tone goes out, and the callee's comes in.
- RTP alone lies. Where media does not go through the PBX that died, both ends hear each other on, and only the BYE without an answer tells.
- A call in which nothing comes any more ends after 30 s, if it was to last longer.
- A check says nothing of loss and MOS where its agent was late itself by more than a second. Up to that, what comes waits in the kernel, which notes its time;
  its own lateness is taken off the round trip.
"""  # noqa: E501
NO_ALARM = """
## No false alarm

{calls} test calls of {seconds:g} s on the clean path, {at_once} at a time, with `maxLossPercent: 0.5` and `minMos: 4.3`: {failed} failed{faults}. {measured} of them had
a MOS, the lowest {lowest_mos}; the others were late themselves or had no report on their own in time. Seen {date} by `make bench ONLY=calls`.
"""  # noqa: E501


def page(seen: dict[str, Any]) -> str:
    """The page for docs/."""
    lines = []
    for row in ROWS:
        found = seen["rows"][row.name]
        said = "; ".join(f"`{fault}`" for fault in found["faults"]) or "passed"
        lines.append(f"| {row.what} | {said} | {row.callee_heard} | {found['seconds']:.1f} s |\n")
    return (
        HEAD.format(talk=TALK_SECONDS, date=seen["date"], busy=BUSY * seen["busy"]) + "".join(lines) + NOTES + _clean()
    )


def _clean() -> str:
    """What the bench of calls saw on the clean path."""
    seen = json.loads(CLEAN.read_text()) if CLEAN.exists() else {}
    if "clean" not in seen:
        return ""
    clean = seen["clean"]
    faults = "".join(f"; `{fault}`" for fault in clean["faults"])
    return NO_ALARM.format(**clean | {"faults": faults}, date=seen["date"])


if __name__ == "__main__":
    PAGE.write_text(page(json.loads(SEEN.read_text())))
