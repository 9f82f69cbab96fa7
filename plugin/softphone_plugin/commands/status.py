"""`kubectl softphone status`: tables, or the way of one phone."""

from __future__ import annotations

from datetime import UTC, datetime

from softphone_operator.api.kinds import CALL_CHECK, PBX, SOFTPHONE_FLEET, SOFTPHONE_POOL
from softphone_plugin import calls, overview, reading, rendering
from softphone_plugin.cluster import Object
from softphone_plugin.errors import NOT_FOUND, PluginError
from softphone_plugin.output import DATA, Format, document, listed
from softphone_plugin.overview import Shown
from softphone_plugin.phones import Known
from softphone_plugin.rendering import Console
from softphone_plugin.session import Session
from softphone_plugin.streams import tell

_FIELDS = {PBX.name: "pbxs", SOFTPHONE_FLEET.name: "fleets", SOFTPHONE_POOL.name: "pools", CALL_CHECK.name: "checks"}


async def show(session: Session, console: Console, name: str | None, selector: str, form: Format | None) -> None:
    """Everything, what a selector matches, one PBX, fleet, pool or CallCheck, or one phone."""
    if name is None:
        of = await reading.all_kinds(session.cluster, session.scope, selector)
    else:
        found = await reading.find_object(session.cluster, session.namespace, name)
        if found is None:
            await _one(session, console, name, form)
            return
        kind, obj = found
        of = Shown(**{_FIELDS[kind.name]: [obj]})
    if form in DATA:
        tell(listed(of.all(), form, one=name is not None))
        return
    wide, namespaces = form is Format.WIDE, session.all_namespaces
    shown = overview.tables(of, datetime.now(UTC), wide=wide, namespaces=namespaces)
    if not shown:
        where = "" if session.all_namespaces else f" in the namespace {session.namespace}"
        rendering.console(stderr=True).print(
            f"No PBXes, Softphones, SoftphoneFleets, SoftphonePools or CallChecks{where}."
        )
        return
    console.print(rendering.tables(shown))
    if name is not None and of.checks:
        console.print(rendering.pairs(calls.notes(of.checks[0], datetime.now(UTC))))


async def _one(session: Session, console: Console, name: str, form: Format | None) -> None:
    phone = await reading.find_phone(session.cluster, session.namespace, name)
    if form is Format.NAME or (form in DATA and not phone.is_of_fleet):
        tell(listed([phone.owner], form, one=True))
        return
    known = await reading.hear(session.cluster, phone)
    if form in DATA:
        tell(document(_report(known), form or Format.JSON))
        return
    console.print(rendering.way(overview.way(known, datetime.now(UTC))))


def _report(known: Known) -> Object:
    """What its agent says of a phone of a fleet, which has no object of its own. Raises PluginError."""
    if known.heard is None:
        raise PluginError(f"the agent of {known.phone.name} cannot be heard: {known.why_not}")
    if known.heard.report is None:
        raise PluginError(f"its agent does not know {known.phone.name} yet", NOT_FOUND)
    return known.heard.report.model_dump(mode="json", by_alias=True, exclude_none=True)
