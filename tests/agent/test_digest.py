"""Digest authentication: which challenge is answered, and with what."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone_agent.sip import digest
from softphone_agent.sip.digest import Challenge, Session

NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"


def unauthorized(*headers: str) -> str:
    """A 401 with these headers."""
    return "\r\n".join(["SIP/2.0 401 Unauthorized", "Call-ID: 1", *headers, "Content-Length: 0", "", ""])


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_responses_of_rfc_7616(algorithm: str, expected: str) -> None:
    """Section 3.9.1: Mufasa asks for /dir/index.html."""
    challenge = Challenge(False, "http-auth@example.org", NONCE, algorithm, "auth", None, False)
    cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    made = digest.response(challenge, "Mufasa", "Circle of Life", "GET", "/dir/index.html", "00000001", cnonce)
    assert made == expected


def test_the_response_of_rfc_2617_and_that_without_qop() -> None:
    challenge = Challenge(False, "testrealm@host.com", "dcd98b7102dd2f0e8b11d0f600bfb0c093", "", "auth", None, False)
    asked = ("Mufasa", "Circle Of Life", "GET", "/dir/index.html", "00000001", "0a4f113b")
    assert digest.response(challenge, *asked) == "6629fae49393a05397450978507c4ef1"
    without = Challenge(False, "testrealm@host.com", "dcd98b7102dd2f0e8b11d0f600bfb0c093", "", "", None, False)
    assert digest.response(without, *asked) == "670fd8c2df070c60b045671b8b24ff02"


MD5 = 'WWW-Authenticate: Digest realm="pbx", nonce="m", algorithm=MD5'
SHA256 = 'WWW-Authenticate: Digest realm="pbx", nonce="s", algorithm=SHA-256, qop="auth"'


@pytest.mark.parametrize(
    ("headers", "nonces"),
    [
        ([MD5], ["m"]),
        ([SHA256, MD5], ["s"]),
        ([MD5, SHA256], ["m"]),
        (['WWW-Authenticate: Basic realm="pbx"', MD5], ["m"]),
        (['WWW-Authenticate: Bearer authz_server="https://x.test"', "WWW-Authenticate: NTLM", SHA256], ["s"]),
        (['WWW-Authenticate: Digest realm="pbx", nonce="a", algorithm=AKAv1-MD5', MD5], ["m"]),
        (['WWW-Authenticate: Digest realm="pbx", nonce="q", qop="other"', MD5], ["m"]),
        ([MD5, 'Proxy-Authenticate: Digest realm="edge", nonce="p"'], ["m", "p"]),
        (["www-authenticate:digest realm=pbx,nonce=bare,stale=TRUE"], ["bare"]),
        (['WWW-Authenticate: Digest realm="pbx",\r\n nonce="folded",\r\n\talgorithm=md5'], ["folded"]),
        (['WWW-Authenticate: Digest realm="pbx"'], []),
        ([], []),
    ],
)
def test_of_several_challenges_the_topmost_that_we_can_answer(headers: list[str], nonces: list[str]) -> None:
    """RFC 8760, section 2.4."""
    assert [challenge.nonce for challenge in digest.challenges(unauthorized(*headers))] == nonces


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        (['WWW-Authenticate: Basic realm="pbx"'], "the PBX asks for Basic"),
        (["WWW-Authenticate: NTLM", 'WWW-Authenticate: Bearer realm="x"'], "the PBX asks for NTLM or Bearer"),
        (['WWW-Authenticate: Digest nonce="1", algorithm=AKAv1-MD5'], "the PBX asks for the algorithm AKAv1-MD5"),
        (['WWW-Authenticate: Digest nonce="1", qop="new"'], "the PBX asks for the qop new"),
        (['WWW-Authenticate: Digest realm="pbx"'], "the PBX asks for a digest without a nonce"),
        ([MD5, 'WWW-Authenticate: Basic realm="pbx"'], ""),
        ([], ""),
    ],
)
def test_what_cannot_be_answered_is_named(headers: list[str], words: str) -> None:
    """Else people would look for a fault in the password."""
    assert digest.why_none(unauthorized(*headers)) == words


@pytest.mark.parametrize(
    "algorithm", ["", "MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256", "sha-512-256-SESS"]
)
@pytest.mark.parametrize("qop", ["", "auth", "auth-int"])
def test_each_algorithm_with_each_qop_is_answered(algorithm: str, qop: str) -> None:
    named, wanted = f", algorithm={algorithm}" * bool(algorithm), f', qop="{qop}"' * bool(qop)
    (challenge,) = digest.challenges(unauthorized(f'WWW-Authenticate: Digest realm="pbx", nonce="n"{named}{wanted}'))
    session = Session("alice", "secret")
    session.learn(challenge)
    ((name, value),) = session.headers("REGISTER", "sip:pbx.test")
    assert name == "Authorization"
    length = 32 if "md5" in (algorithm or "md5").lower() else 64
    assert re.search(rf'response="[0-9a-f]{{{length}}}"', value)
    assert ("qop=" in value, "nc=00000001" in value) == (bool(qop), bool(qop))
    assert ('cnonce="' in value) == (bool(qop) or algorithm.lower().endswith("-sess"))
    assert f"algorithm={algorithm}" in value or not algorithm


def test_a_nonce_is_counted_and_a_new_one_begins_anew() -> None:
    session = Session("alice", "secret")
    assert (session.headers("REGISTER", "sip:p"), session.nonce(proxy=False)) == ([], "")
    for nonce, counts in (("one", ["00000001", "00000002"]), ("two", ["00000001"])):
        session.learn(Challenge(False, "pbx", nonce, "MD5", "auth", "o", False))
        assert session.nonce(proxy=False) == nonce
        for count in counts:
            ((_, value),) = session.headers("REGISTER", "sip:p")
            assert f"nc={count}" in value
            assert 'opaque="o"' in value


def test_a_proxy_and_a_registrar_are_answered_in_one_request() -> None:
    session = Session("alice", "secret")
    for proxy in (True, False):
        session.learn(Challenge(proxy, "pbx", "n", "", "", None, False))
    assert [name for name, _ in session.headers("REGISTER", "sip:p")] == ["Proxy-Authorization", "Authorization"]


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_password_is_never_shown(username: str, password: str) -> None:
    session = Session(username, f"se{password}cret")
    session.learn(Challenge(False, "pbx", "n", "MD5", "auth", None, False))
    assert f"se{password}cret" not in repr(session) + str(session.headers("REGISTER", "sip:p"))


@given(st.text(alphabet=st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=200))
def test_whatever_a_challenge_holds_it_is_read(value: str) -> None:
    message = unauthorized(f"WWW-Authenticate: {value}", f"Proxy-Authenticate: Digest {value}")
    digest.challenges(message)
    digest.why_none(message)
