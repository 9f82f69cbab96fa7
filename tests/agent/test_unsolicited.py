"""What an agent answers to a request that comes to it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone_agent.sip.unsolicited import (
    ALLOWED,
    ANSWERS_PER_PHONE,
    ANSWERS_PER_SECOND,
    KNOWN,
    OTHER,
    Reply,
    Unsolicited,
)

PAGE = Path(__file__).parents[2] / "docs" / "proof" / "attackers.md"


def request(method: str, *headers: str, to: str = "<sip:alice@pbx.test>", via: str = "") -> str:
    first = f"{method} sip:alice@192.0.2.1 SIP/2.0"
    return "\r\n".join([first, f"Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1;rport{via}", f"To: {to}", *headers])


STRANGER, PRIMARY, SECONDARY = "203.0.113.66", "192.0.2.1", "2001:db8::2"


def code(method: str, head: str) -> int:
    return Unsolicited().reply_to(method, head, STRANGER, 0.0).code


def answered(rules: Unsolicited, count: int, source: str, now: float = 0.0, method: str = "OPTIONS") -> int:
    """How many of so many requests at once are answered."""
    head = request(method)
    return sum(rules.reply_to(method, head, source, now).code > 0 for _ in range(count))


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("OPTIONS", 200),
        ("INVITE", 480),
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
    assert Unsolicited().reply_to("X" * 60, request("X" * 60), STRANGER, 0.0) == Reply(OTHER, 501)


def test_a_flood_is_counted_and_no_more_answered() -> None:
    rules, head = Unsolicited(10), request("OPTIONS")
    first = [rules.reply_to("OPTIONS", head, STRANGER, 0.0).code for _ in range(1000)]
    assert first.count(200) == 10
    assert first[10:] == [0] * 990
    assert answered(rules, 5, STRANGER, 0.3) == 3, "as many again as time allows"


@pytest.mark.parametrize("source", [PRIMARY, SECONDARY])
def test_a_pbx_that_asks_for_each_of_its_phones_gets_all_answers(source: str) -> None:
    """Asterisk qualifies each Contact as it registers, and sends a NOTIFY of its mailbox."""
    rules = Unsolicited()
    rules.pbxes_in_use({PRIMARY, SECONDARY}, 500)
    assert answered(rules, 500, source) == 500
    assert answered(rules, 500, source, method="NOTIFY") == 500


def test_after_a_fail_over_the_other_pbx_gets_all_answers_at_once() -> None:
    """The first one has used up what it gets, and goes on asking for the Contacts that it still has."""
    rules = Unsolicited()
    rules.pbxes_in_use({PRIMARY, SECONDARY}, 500)
    assert answered(rules, 9000, PRIMARY) < 9000
    assert answered(rules, 500, SECONDARY) == 500
    rules.pbxes_in_use({PRIMARY, SECONDARY}, 500)
    assert answered(rules, 500, PRIMARY, 0.5) == 500


def test_a_pbx_that_a_redirect_led_to_counts_from_the_first_register_on() -> None:
    rules = Unsolicited()
    rules.pbxes_in_use({PRIMARY}, 300)
    rules.pbx_in_use("192.0.2.3")
    assert answered(rules, 300, "192.0.2.3") == 300
    rules.pbx_in_use("192.0.2.3")
    assert answered(rules, 9000, "192.0.2.3") <= ANSWERS_PER_SECOND + 300 * ANSWERS_PER_PHONE, "once is enough"


def test_strangers_stay_limited_and_take_nothing_from_the_pbxes() -> None:
    rules = Unsolicited()
    rules.pbxes_in_use({PRIMARY}, 500)
    assert answered(rules, 9000, STRANGER) == ANSWERS_PER_SECOND
    assert answered(rules, 9000, "203.0.113.67") == 0, "all strangers share"
    assert answered(rules, 500, PRIMARY) == 500
    rules.pbxes_in_use(set(), 500)
    assert answered(rules, 500, PRIMARY) == 0, "a PBX that is used no more is a stranger"


def test_who_forges_the_address_of_a_pbx_is_limited_too() -> None:
    rules = Unsolicited()
    rules.pbxes_in_use({PRIMARY}, 7)
    at_most = ANSWERS_PER_SECOND + 7 * ANSWERS_PER_PHONE
    assert answered(rules, 9000, PRIMARY) == at_most
    rules.pbxes_in_use({PRIMARY}, 7)
    assert answered(rules, 9000, PRIMARY) == 0, "to say the same again gives nothing"
    rules.pbxes_in_use({PRIMARY}, 8)
    assert answered(rules, 9000, PRIMARY) == at_most + ANSWERS_PER_PHONE


@given(st.text(max_size=40), st.text(max_size=400))
def test_whatever_comes_there_is_a_verdict(method: str, head: str) -> None:
    verdict = Unsolicited().reply_to(method, head, STRANGER, 0.0)
    assert verdict.method in KNOWN | {OTHER}
    assert verdict.code in (0, 200, 405, 480, 481, 501)


def test_the_page_tells_the_same() -> None:
    text = PAGE.read_text()
    rows = dict(re.findall(r"^\| ([A-Z][A-Z, ]+) \|[^|]*\| (none|[0-9]{3})", text, re.MULTILINE))
    told = {method: answer for methods, answer in rows.items() for method in methods.split(", ")}
    assert told == {method: str(code(method, request(method)) or "none") for method in KNOWN}
    assert f"Allow: {ALLOWED}" in text
    assert f"{ANSWERS_PER_SECOND:.0f} a second" in text
    assert f"{ANSWERS_PER_PHONE:.0f} more for each phone" in text
