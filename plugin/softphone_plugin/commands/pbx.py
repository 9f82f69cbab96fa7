"""`kubectl softphone pbx`: one PBX's view of the phones of its namespace."""

from __future__ import annotations

from datetime import UTC, datetime

from softphone_agent.contract.report import PhoneReport
from softphone_operator.api.kinds import PBX, SOFTPHONE, SOFTPHONE_FLEET
from softphone_operator.decide.names import FLEET_LABEL, INSTANCE, OWNED_SELECTOR, shorten
from softphone_plugin import pbx_view, rendering
from softphone_plugin.cluster import Object, gather_bounded, objects, pods
from softphone_plugin.errors import USAGE, PluginError
from softphone_plugin.output import Data, document
from softphone_plugin.pbx_view import Phone, View
from softphone_plugin.phones import kind_and_name
from softphone_plugin.reading import status_of
from softphone_plugin.rendering import Console
from softphone_plugin.session import Session
from softphone_plugin.streams import tell

AT_ONCE = 16
"""So many agents are asked at the same time."""


async def show(session: Session, console: Console, name: str, form: Data | None) -> None:
    """Show one PBX. Raises PluginError."""
    known, plain = kind_and_name(name)
    if known not in (None, PBX):
        raise PluginError(f'"{name}" is no PBX', USAGE)
    pbx = await session.cluster.get(objects(PBX, session.namespace, plain))
    softphones = await session.cluster.find_all(objects(SOFTPHONE, session.namespace))
    phones = [pbx_view.of_softphone(obj) for obj in softphones]
    of_fleets, unheard = await _of_fleets(session)
    view = View(pbx, [*phones, *of_fleets], unheard)
    if form is not None:
        tell(document(pbx_view.data(view), form))
        return
    console.print(rendering.titled(plain, pbx_view.notes(view), pbx_view.tables(view, datetime.now(UTC))))


async def _of_fleets(session: Session) -> tuple[list[Phone], list[str]]:
    """The phones of the namespace's fleets as their agents tell of them, and which agents do not."""
    fleets = await session.cluster.find_all(objects(SOFTPHONE_FLEET, session.namespace))
    if not fleets:
        return [], []
    agents = await session.cluster.find_all(pods(session.namespace), f"{OWNED_SELECTOR},{FLEET_LABEL}")
    answers = await gather_bounded([_reports(session, pod) for pod in agents], AT_ONCE)
    reports: dict[str, list[PhoneReport]] = {}
    unheard = []
    for pod, answer in zip(agents, answers, strict=True):
        labels = pod["metadata"]["labels"]
        if isinstance(answer, PluginError):
            unheard.append(f"{labels.get(INSTANCE, pod['metadata']['name'])}: {answer}")
        else:
            reports.setdefault(labels[FLEET_LABEL], []).extend(answer)
    phones = [
        phone
        for fleet in fleets
        for phone in pbx_view.of_fleet(fleet, reports.get(shorten(fleet["metadata"]["name"]), ()))
    ]
    return phones, unheard


async def _reports(session: Session, pod: Object) -> tuple[PhoneReport, ...]:
    return (await status_of(session.cluster, pod)).phones
