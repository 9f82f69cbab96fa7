"""Under which names the console may be opened: none that somebody elsewhere can own, but those that it was told of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone_console.http.hosts import is_known

TOLD = frozenset({"phones.example.com"})


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:8080",
        "10.244.0.7",
        "[::1]:8080",
        "localhost:41234",
        "LOCALHOST",
        "softphone-fleet-console",
        "softphone-fleet-console.telephony.svc",
        "softphone-fleet-console.telephony.svc.cluster.local.:80",
        "phones.example.com",
        "Phones.Example.com:443",
    ],
)
def test_a_name_that_is_known(host: str) -> None:
    assert is_known(host, TOLD)


@pytest.mark.parametrize(
    "host",
    [
        "",
        ":80",
        "evil.example",
        "evil.example:8080",
        "phones.example.com.evil.example",
        "x.svc.evil.example",
        "127.0.0.1.nip.example",
    ],
)
def test_a_name_that_anybody_may_own(host: str) -> None:
    assert not is_known(host, TOLD)


@given(st.text())
def test_no_header_makes_it_fail(host: str) -> None:
    is_known(host, TOLD)
