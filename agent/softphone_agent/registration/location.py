"""Which physical location a softphone registers with (docs/rules.md, Physical location)."""

from __future__ import annotations

from softphone_agent.registration.plan import Mode


def physical_location(
    mode: Mode, *, no_physical_location: bool, explicit: str | None, primary: str | None
) -> str | None:
    """The location to register with, None for none.

    `explicit` is the configured physical location (`phys`), `primary` the location of the primary PBX, and
    `no_physical_location` the setting of that name on the primary PBX (13r3 SR7).
    """
    if explicit is not None:
        return explicit
    if mode is Mode.BROWSER or no_physical_location:
        return None
    return primary
