"""Retry-After: what is understood, and that nothing breaks the reader."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone_agent.contract.retry_after import retry_after


def message(*headers: str) -> str:
    return "\r\n".join(["SIP/2.0 503 Service Unavailable", *headers, "", ""])


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("Retry-After: 120", 120),
        ("retry-after:5;duration=3600", 5),
        ("Retry-After: 18000 (in a meeting)", 18000),
        ("Retry-After:\r\n 120", 120),
        ("Retry-After:\r\n\t(maintenance,\r\n until noon)", None),
        ("Retry-After: 60\r\n (a\r\n  meeting);duration=5", 60),
        ("Retry-After: 0", 0),
        ("Retry-After: 000120", 120),
        ("Retry-After: 99999999999999999999", 10**9),
        (f"Retry-After: {'9' * 5000}", 10**9),
        ("Retry-After: soon", None),
        ("Retry-After:", None),
        ("\r\nRetry-After: 5", None),
        ("Retry-After: -5", None),
        ("X-Retry-After: 5", None),
    ],
)
def test_retry_after(header: str, seconds: int | None) -> None:
    assert retry_after(message(header)) == seconds


NOON = "Sun, 29 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("date", "until", "seconds"),
    [
        (NOON, "Sun, 29 Nov 2026 12:02:00 GMT", 120),
        (NOON, "Sunday, 29-Nov-26 12:02:00 GMT", 120),
        (NOON, "Sun Nov 29 12:02:00 2026", 120),
        (NOON, "Sun, 29 Nov 2026 12:02:00 GMT (lunch);duration=3600", 120),
        (NOON, "Sun,\r\n 29 Nov 2026\r\n 13:00:30 +0100", 30),
        (NOON, "Sun, 29 Nov 2026 11:00:00 GMT", 0),
        (NOON, "Fri, 31 Dec 9999 23:59:59 GMT", 10**9),
        (NOON, "Sun, 41 Nov 2026 12:02:00 GMT", None),
        ("yesterday", "Sun, 29 Nov 2026 12:02:00 GMT", None),
        (None, "Sun, 29 Nov 2026 12:02:00 GMT", None),
    ],
)
def test_a_date_counts_from_the_date_of_the_same_answer(date: str | None, until: str, seconds: int | None) -> None:
    """So that the clocks of phone and PBX need not agree; without that Date it says nothing."""
    headers = [f"Retry-After: {until}", *([f"Date: {date}"] if date else [])]
    assert retry_after(message(*headers)) == seconds


DATE_LIKE = st.text(alphabet=st.sampled_from("SunMoNv0123456789:, +-GMT()\r\n\t;"), max_size=60)


@given(st.one_of(st.text(max_size=200), st.tuples(DATE_LIKE, DATE_LIKE).map(lambda pair: message(*pair))))
def test_whatever_a_pbx_answers_reading_it_is_safe(text: str) -> None:
    seconds = retry_after(text)
    assert seconds is None or 0 <= seconds <= 10**9


@given(DATE_LIKE, DATE_LIKE)
def test_whatever_dates_a_pbx_sends_reading_them_is_safe(until: str, date: str) -> None:
    seconds = retry_after(message(f"Retry-After: {until}", f"Date: {date}"))
    assert seconds is None or 0 <= seconds <= 10**9
