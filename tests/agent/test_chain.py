"""What follows from an answer to a REGISTER before it counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone_agent.sip import chain
from softphone_agent.sip.chain import Again, Chain, Final
from softphone_agent.sip.digest import Session


def begun(expires: int = 60, password: str | None = "secret") -> Chain:
    return Chain(expires, None if password is None else Session("alice", password))


def asks(nonce: str, *, stale: bool = False, proxy: bool = False, more: str = "") -> tuple[int, str]:
    """A 401 or 407 with this nonce."""
    code, name = (407, "Proxy-Authenticate") if proxy else (401, "WWW-Authenticate")
    old = ", stale=true" * stale
    return code, f'SIP/2.0 {code} No\r\n{name}: Digest realm="pbx", nonce="{nonce}"{old}{more}\r\n\r\n'


def brief(seconds: object) -> tuple[int, str]:
    return 423, f"SIP/2.0 423 Interval Too Brief\r\nMin-Expires: {seconds}\r\n\r\n"


OK = (200, "SIP/2.0 200 OK\r\n\r\n")


@pytest.mark.parametrize(
    ("name", "answers", "registers"),
    [
        ("a challenge is answered", [asks("1"), OK], 2),
        ("refused credentials are not sent again", [asks("1"), asks("1")], 2),
        ("nor where each refusal has another nonce", [asks("1"), asks("2")], 2),
        ("a nonce that is too old is no refusal", [asks("1"), asks("2", stale=True), OK], 3),
        ("nor a second one", [asks("1"), asks("2", stale=True), asks("3", stale=True), OK], 4),
        ("but for ever they are not", [asks("1"), *[asks(str(n), stale=True) for n in range(2, 9)]], 4),
        ("a proxy and a registrar each ask once", [asks("1", proxy=True), asks("2"), OK], 3),
        ("a proxy that refuses ends it", [asks("1", proxy=True), asks("2", proxy=True)], 2),
        ("an expiry that is too brief", [brief(120), OK], 2),
        ("a second one", [brief(120), brief(240), OK], 3),
        ("a third one is not followed", [brief(120), brief(240), brief(480)], 3),
        ("one that is not longer says nothing", [brief(60)], 1),
        ("nor one that no clock knows", [brief(2**31)], 1),
        ("nor one that is no number", [brief("soon")], 1),
        ("too brief, then a challenge", [brief(120), asks("1"), OK], 3),
        ("an error is the end", [(403, "SIP/2.0 403 Forbidden\r\n\r\n")], 1),
    ],
)
def test_how_many_registers_come_of_one(name: str, answers: list[tuple[int, str]], registers: int) -> None:
    one, sent = begun(), 1
    for code, message in answers:
        following = chain.step(one, code, message)
        if isinstance(following, Final):
            break
        sent += 1
    assert sent == registers, name
    assert isinstance(following, Final), name


def test_a_longer_expiry_is_asked_for() -> None:
    one = begun()
    assert isinstance(chain.step(one, *brief(120)), Again)
    assert one.expires == 120


def test_a_removal_is_never_too_brief() -> None:
    """Else an un-REGISTER would become a REGISTER."""
    one = begun(expires=0)
    assert chain.step(one, *brief(120)) == Final()
    assert one.expires == 0


def test_a_refresh_whose_nonce_grew_old_is_answered_once_more() -> None:
    """Many PBXes give another nonce without saying that it was only too old. What was accepted before is tried once."""
    session = Session("alice", "secret")
    assert isinstance(chain.step(Chain(60, session), *asks("1")), Again)
    refresh = Chain(60, session)
    assert isinstance(chain.step(refresh, *asks("2")), Again)
    assert isinstance(chain.step(refresh, *asks("3")), Final)
    assert isinstance(chain.step(Chain(60, session), *asks("2")), Final)  # the nonce that it used: a refusal


def test_without_a_password_no_challenge_is_answered() -> None:
    assert chain.step(begun(password=None), *asks("1")) == Final()


def test_what_cannot_be_answered_is_said() -> None:
    basic = 401, 'SIP/2.0 401 No\r\nWWW-Authenticate: Basic realm="pbx"\r\n\r\n'
    assert chain.step(begun(), *basic) == Final("the PBX asks for Basic")


@given(
    st.lists(
        st.one_of(
            st.builds(asks, st.sampled_from("abc"), stale=st.booleans(), proxy=st.booleans()),
            st.builds(brief, st.integers(0, 10**10)),
            st.just(OK),
        ),
        max_size=20,
    )
)
def test_every_chain_ends_and_never_repeats_refused_credentials(answers: list[tuple[int, str]]) -> None:
    one, sent, fresh = begun(), 1, 0
    for code, message in answers:
        if isinstance(chain.step(one, code, message), Final):
            break
        sent += 1
        fresh += code in (401, 407) and "stale" not in message
    assert sent <= chain.LONGEST
    assert fresh <= 2  # one for the registrar, one for a proxy
