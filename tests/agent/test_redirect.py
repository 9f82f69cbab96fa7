"""The Contacts of a redirect: which are followed, in which order, and why not the others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone_agent.contract.redirect import contacts_of
from softphone_agent.contract.sip_uri import parse


def message(*headers: str) -> str:
    return "\r\n".join(["SIP/2.0 302 Moved Temporarily", *headers, "", ""])


@pytest.mark.parametrize(
    ("headers", "targets"),
    [
        (["Contact: <sip:192.0.2.1>"], ["sip:192.0.2.1"]),
        (["m: sip:192.0.2.1"], ["sip:192.0.2.1"]),
        (["CONTACT : <sip:192.0.2.1:5070;transport=tcp>;expires=60"], ["sip:192.0.2.1:5070;transport=tcp"]),
        (["Contact: sip:192.0.2.1;q=0.5"], ["sip:192.0.2.1"]),
        (['Contact: "a, <sip:x>" <sip:192.0.2.1>'], ["sip:192.0.2.1"]),
        (['Contact: "a \\" b" <sip:192.0.2.1>'], ["sip:192.0.2.1"]),
        (["Contact: <sip:a>;q=0.1, <sip:b>;q=0.9, <sip:c>"], ["sip:c", "sip:b", "sip:a"]),
        (["Contact: <sip:a>;q=0.1", "Contact: <sip:b>;q=0.9"], ["sip:b", "sip:a"]),
        (["Contact: <sip:a>,\r\n <sip:b>"], ["sip:a", "sip:b"]),
        (["Contact: <sip:a>;q=1.0;expires=3, <sip:b>"], ["sip:a", "sip:b"]),
        (["Contact: <sip:a>;q=7, <sip:b>;q=0.2"], ["sip:a", "sip:b"]),
        (["Contact: *"], []),
        (["Contact: <tel:+4970317300>, <sip:a>"], ["sip:a"]),
        (["Contact:"], []),
        (["Contact: <sip:a"], []),
        (["X-Contact: <sip:a>"], []),
        ([], []),
        (["", "Contact: <sip:in-the-body>"], []),
        # without <> around the URI, with them in a parameter (RFC 3261, section 20.10)
        (['Contact: sip:a;+sip.instance="<urn:uuid:1>"'], ["sip:a"]),
        (['Contact: sip:a;+sip.instance="<urn:uuid:1>";q=0.1, <sip:b>'], ["sip:b", "sip:a"]),
        (["Contact: sip:a;+sip.instance=<urn:uuid:1>;q=0.5"], ["sip:a"]),
        (["Contact: sip:a;x=<, sip:b;y=>"], ["sip:a", "sip:b"]),
        (['m: sip:a ; note="x <sip:no> y", sip:b;reg-id=1'], ["sip:a", "sip:b"]),
        (["Contact: <sip:a;lr>;x=<y, <sip:b;lr>"], ["sip:a;lr", "sip:b;lr"]),
        (['Contact: "a;b" <sip:a;lr>'], ["sip:a;lr"]),
        # with headers or a password in the URI (RFC 3261, section 19.1.1)
        (["Contact: <sip:alice@a?X-Why=moved>"], ["sip:alice@a"]),
        (["Contact: <sip:a:5070;transport=tcp?Route=%3Csip:b%3E&Subject=x>;q=0.3"], ["sip:a:5070;transport=tcp"]),
        (["Contact: <sip:alice:secret@a>"], ["sip:alice@a"]),
        (["Contact: sip:alice:@a;q=0.2, <sips:bob:x=1@b?a=b>"], ["sips:bob@b", "sip:alice@a"]),
        (["Contact: <sip:what?ever@a?Call-Info=x@y>"], ["sip:what?ever@a"]),
        # that are to be used no more, or lead to another host than they name
        (["Contact: <sip:a>;expires=0, <sip:b>;q=0.1"], ["sip:b"]),
        (["Contact: sip:a;EXPIRES = 00;q=1"], []),
        (['Contact: <sip:a>;expires="0"'], []),
        (["Contact: <sip:a;expires=0>;expires=10"], ["sip:a;expires=0"]),
        (["Contact: <sip:a>;expires=01"], ["sip:a"]),
        (["Expires: 0", "Contact: <sip:a>"], ["sip:a"]),
        (["Contact: <sip:a;maddr=192.0.2.9>, <sip:b>;q=0.1"], ["sip:b"]),
        (["Contact: <sip:192.0.2.1;maddr=239.0.0.1;ttl=1>"], []),
        (["Contact: <sip:192.0.2.1;maddr=192.0.2.1>"], ["sip:192.0.2.1;maddr=192.0.2.1"]),
        (["Contact: <sip:[2001:db8::1];MADDR=[2001:DB8::1]>"], ["sip:[2001:db8::1];MADDR=[2001:DB8::1]"]),
        (["Contact: <sip:a;maddr>"], []),
        ([f"Contact: <sip:alice@a?X-Long={'x' * 600}>"], ["sip:alice@a"]),
        (["Contact: <sip::secret@a>, <sip:?X=y>, <sip:a:b:c@>"], []),
    ],
)
def test_the_contacts_of_a_redirect_by_falling_q(headers: list[str], targets: list[str]) -> None:
    assert [str(uri) for uri in contacts_of(message(*headers)).targets] == targets


@pytest.mark.parametrize(
    ("header", "faults"),
    [
        ("Contact: <sip:a>", []),
        ("Contact: <sip:a>;expires=0", ['Contact "sip:a" has expires=0: it is not to be used any more']),
        (
            "Contact: <sip:a;maddr=192.0.2.9>",
            ['Contact "sip:a;maddr=192.0.2.9" has maddr=192.0.2.9, another host than its own: that is not followed'],
        ),
        ("Contact: *", ['Contact "*" must begin with "sip:" or "sips:"']),
        (
            "Contact: <tel:+4970317300>, <sip:alice:secret@[>",
            [
                'Contact "tel:+4970317300" must begin with "sip:" or "sips:"',
                'Contact "sip:alice@[" has an unfinished IPv6 address',
            ],
        ),
    ],
)
def test_a_contact_that_cannot_be_followed_says_why(header: str, faults: list[str]) -> None:
    assert list(contacts_of(message(header)).faults) == faults


SIP_LIKE = st.text(alphabet=st.sampled_from('sip:tel@[]<>"\\;,=?*.0123456789 \t\r\nq٣x-_%&transportudcmaddrexpires'))


@given(st.one_of(st.text(max_size=300), SIP_LIKE, st.lists(SIP_LIKE).map(lambda ls: message(*("m:" + x for x in ls)))))
def test_whatever_a_pbx_answers_reading_its_contacts_is_safe(text: str) -> None:
    contacts = contacts_of(text)
    for uri in contacts.targets:
        assert parse(str(uri)) == uri
    assert all(fault.isprintable() for fault in contacts.faults)
