"""`kubectl softphone history`: outages, fail-overs and lost ways of a phone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import ValidationError

from softphone_agent.contract import series
from softphone_agent.contract.history import History, HistoryEntry
from softphone_plugin import past, prometheus, reading, rendering
from softphone_plugin.errors import PluginError
from softphone_plugin.output import document
from softphone_plugin.past import Form
from softphone_plugin.phones import FoundPhone
from softphone_plugin.rendering import Console
from softphone_plugin.session import Session
from softphone_plugin.streams import tell


async def show(session: Session, console: Console, name: str, url: str, last: str, form: Form | None) -> None:
    """The history of one phone: of Prometheus where its URL is given, else of its agent's memory."""
    now = datetime.now(UTC)
    seconds = past.span(last)
    phone = await reading.find_phone(session.cluster, session.namespace, name)
    entries = await (_of_prometheus(phone, url, now, seconds) if url else _of_its_agent(session, phone))
    told = [entry for entry in entries if not entry.time or _ago(entry, now) <= seconds]
    if form is Form.CSV:
        tell(past.as_csv(told))
    elif form is not None:
        tell(document([entry.model_dump(mode="json", by_alias=True, exclude_none=True) for entry in told], form))
    elif told:
        console.print(rendering.tables([past.table(told, now)]))
    else:
        source = "Prometheus has" if url else "its agent remembers"
        rendering.console(stderr=True).print(f"Of {phone.name} {source} nothing from the last {last}.")


def _ago(entry: HistoryEntry, now: datetime) -> float:
    return (now - datetime.fromisoformat(entry.time)).total_seconds()


async def _of_its_agent(session: Session, phone: FoundPhone) -> Sequence[HistoryEntry]:
    pod = await reading.agent_pod(session.cluster, phone.namespace, phone.agent)
    try:
        told = await session.cluster.get(reading.proxied(pod, "history"), {"phone": phone.name})
        return History.model_validate(told).entries
    except ValidationError:
        raise PluginError(f"the agent of {phone.name} is of another version, and tells no history") from None


async def _of_prometheus(phone: FoundPhone, url: str, now: datetime, seconds: float) -> Sequence[HistoryEntry]:
    end, step = now.timestamp(), series.step(seconds)
    asked = series.queries(phone.namespace, phone.name)
    answers = [await prometheus.ask(url, query, end - seconds, end, step) for query in asked]
    return series.from_series(phone.name, *answers)
