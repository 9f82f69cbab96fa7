"""The connections that this process made."""

from __future__ import annotations

import pytest

from softphone_agent.sip.connections import read_peer


@pytest.mark.parametrize(
    ("text", "peer"),
    [("192.0.2.1:5060", ("192.0.2.1", 5060)), ("[2001:db8::1]:5061", ("2001:db8::1", 5061))],
)
def test_a_peer_is_an_address_and_a_port(text: str, peer: tuple[str, int]) -> None:
    assert read_peer(text) == peer
