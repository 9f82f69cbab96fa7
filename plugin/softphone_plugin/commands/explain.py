"""`kubectl softphone explain`: why is a phone where it is, and what would it do next."""

from __future__ import annotations

from datetime import UTC, datetime

from softphone_operator.api.kinds import PBX
from softphone_plugin import reading, rendering
from softphone_plugin.cluster import objects
from softphone_plugin.explaining import explain
from softphone_plugin.output import Data, document
from softphone_plugin.rendering import Console
from softphone_plugin.session import Session
from softphone_plugin.streams import tell


async def show(session: Session, console: Console, name: str, form: Data | None) -> None:
    """Explain one phone."""
    phone = await reading.find_phone(session.cluster, session.namespace, name)
    known = await reading.hear(session.cluster, phone)
    pbxs = await session.cluster.find_all(objects(PBX, phone.namespace))
    said = explain(known, pbxs, datetime.now(UTC))
    if form is None:
        console.print(rendering.explanation(said))
    else:
        tell(document(said.data(), form))
