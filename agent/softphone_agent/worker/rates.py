"""How many REGISTERs a second a worker may send to each registrar (herd control)."""

from __future__ import annotations

from collections.abc import Iterable

from softphone_agent.contract.phone import DEFAULT_REGISTER_RATE, Phone
from softphone_agent.phone.directory import entry_uri
from softphone_agent.registration.pacing import TokenBucket, begin_times
from softphone_agent.worker.configured import Configured


class Rates:
    """One token bucket for each registrar. `share` is the part of each PBX's rate that this worker has."""

    def __init__(self, configured: Configured) -> None:
        self._configured = configured
        self._buckets: dict[str, TokenBucket] = {}
        self.share = 1.0

    def reserve(self, uri: str, now: float) -> float:
        """Take the next free place at this registrar; returns the seconds to wait for it, 0 for none."""
        return self._bucket(uri).reserve(now)

    def spare(self, uri: str, now: float) -> bool:
        """Take a place at this registrar if there are enough for the REGISTERs that cannot wait."""
        return self._bucket(uri).spare(now)

    def begin_times(self, phones: Iterable[Phone], now: float) -> dict[str, float]:
        """When each of these new phones begins: spread so that each PBX gets no more than its rate."""
        entries = ((phone.name, entry_uri(phone, self._configured.directory)) for phone in phones)
        return begin_times(((name, uri, self._rate(uri)) for name, uri in entries), now)

    def forget(self, now: float) -> None:
        """Keep no bucket that is as good as a new one."""
        self._buckets = {uri: bucket for uri, bucket in self._buckets.items() if not bucket.is_full(now)}

    def _bucket(self, uri: str) -> TokenBucket:
        rate = self._rate(uri)
        bucket = self._buckets.get(uri)
        if bucket is None:
            bucket = self._buckets[uri] = TokenBucket(rate)
        bucket.rate = rate
        return bucket

    def _rate(self, uri: str) -> float:
        pbx = self._configured.directory.pbx(uri)
        return (pbx.register_rate if pbx else DEFAULT_REGISTER_RATE) * self.share
