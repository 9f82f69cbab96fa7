"""What the PBXes saw of phones meanwhile: whether one was without a binding at any moment."""

from __future__ import annotations

from collections.abc import Iterable

from lab.pbx import Binding, System


class Watched:
    """The bindings of these users, from when it was made."""

    def __init__(self, pbxes: System, users: Iterable[str]) -> None:
        self._pbxes = pbxes.pbxes
        self._held = {name: {b.contact.strip("<>") for b in self._bindings(name)} for name in users}
        self._since = {pbx.name: pbx.position() for pbx in self._pbxes}

    def _bindings(self, name: str) -> list[Binding]:
        return [held for pbx in self._pbxes for held in pbx.bindings(name)]

    def fewest_bindings(self) -> dict[str, int]:
        """Of each phone, how many bindings it had when it had the fewest."""
        fewest = {name: len(held) for name, held in self._held.items()}
        seen = [each for pbx in self._pbxes for each in pbx.registers(self._since[pbx.name]) if each.code == 200]
        for register in sorted(seen, key=lambda register: register.time):
            name = register.aor.removeprefix("sip:").partition("@")[0]
            if name not in fewest:
                continue
            held = self._held[name]
            (held.discard if register.unregisters else held.add)(register.contact_uri)
            fewest[name] = min(fewest[name], len(held))
        return fewest
