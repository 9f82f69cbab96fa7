"""What an agent answers to a request that comes to it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone_agent.sip.unsolicited import ALLOWED, ANSWERS_PER_SECOND, KNOWN, OTHER, Reply, Unsolicited

PAGE = Path(__file__).parents[2] / "docs" / "proof" / "attackers.md"


def request(method: str, *headers: str, to: str = "<sip:alice@pbx.test>", via: str = "") -> str:
    first = f"{method} sip:alice@192.0.2.1 SIP/2.0"
    return "\r\n".join([first, f"Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1;rport{via}", f"To: {to}", *headers])


def code(method: str, head: str) -> int:
    return Unsolicited().reply_to(method, head, 0.0).code


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("OPTIONS", 200),
        ("INVITE", 405),
        ("MESSAGE", 405),
        ("NOTIFY", 405),
        ("SUBSCRIBE", 405),
        ("REGISTER", 405),
        ("PUBLISH", 405),
        ("REFER", 405),
        ("INFO", 405),
        ("UPDATE", 405),
        ("BYE", 481),
        ("CANCEL", 481),
        ("PRACK", 481),
        ("ACK", 0),
        ("CALL", 501),
        ("options", 501),  # methods are case-sensitive (RFC 3261, section 7.1)
    ],
)
def test_the_answer_by_method(method: str, answer: int) -> None:
    assert code(method, request(method)) == answer


@pytest.mark.parametrize("method", sorted(KNOWN - {"ACK"}))
@pytest.mark.parametrize("to", ["<sip:a@b>;tag=1", "sip:a@b ; x=y ;TAG = 1", "<sip:a@b>\r\n ;tag=1"])
def test_there_is_no_dialog_that_a_request_could_belong_to(method: str, to: str) -> None:
    assert code(method, request(method, to=to)) == 481


@pytest.mark.parametrize("via", [";maddr=192.0.2.66", "; maddr = slow.example", "\r\n\t;MAddr=192.0.2.66"])
def test_no_answer_goes_where_the_sender_wants_it(via: str) -> None:
    assert code("OPTIONS", request("OPTIONS", via=via)) == 0


def test_a_method_that_nobody_knows_is_counted_with_all_such() -> None:
    assert Unsolicited().reply_to("X" * 60, request("X" * 60), 0.0) == Reply(OTHER, 501)


def test_a_flood_is_counted_and_no_more_answered() -> None:
    rules, head = Unsolicited(10), request("OPTIONS")
    first = [rules.reply_to("OPTIONS", head, 0.0).code for _ in range(1000)]
    assert first.count(200) == 10
    assert first[10:] == [0] * 990
    assert [rules.reply_to("OPTIONS", head, 0.3).code for _ in range(5)].count(200) == 3, "as many again as time allows"


@given(st.text(max_size=40), st.text(max_size=400))
def test_whatever_comes_there_is_a_verdict(method: str, head: str) -> None:
    verdict = Unsolicited().reply_to(method, head, 0.0)
    assert verdict.method in KNOWN | {OTHER}
    assert verdict.code in (0, 200, 405, 481, 501)


def test_the_page_tells_the_same() -> None:
    text = PAGE.read_text()
    rows = dict(re.findall(r"^\| ([A-Z][A-Z, ]+) \|[^|]*\| (none|[0-9]{3})", text, re.MULTILINE))
    told = {method: answer for methods, answer in rows.items() for method in methods.split(", ")}
    assert told == {method: str(code(method, request(method)) or "none") for method in KNOWN}
    assert f"Allow: {ALLOWED}" in text
    assert f"{ANSWERS_PER_SECOND:.0f} a second" in text
