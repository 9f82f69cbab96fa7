"""Kamailio as an edge: phones register through it, and it adds itself to Path (RFC 3327)."""

from __future__ import annotations

from pathlib import Path

from interop.process import Process, inside

CONFIG = Path(__file__).with_name("edge.cfg")


class Edge(Process):
    """An edge at an address of its own, in front of the registrar at another one (UDP, port 5060)."""

    def __init__(self, name: str, address: str, registrar: str) -> None:
        super().__init__(name)
        self.address = address
        words = {"EDGE_ADDRESS": address, "REGISTRAR_ADDRESS": registrar}
        text = CONFIG.read_text()
        for word, value in words.items():
            text = text.replace(word, value)
        (self.folder / "edge.cfg").write_text(text)

    def uri(self, transport: str = "udp") -> str:
        """Where phones register."""
        return f"sip:{self.address}:5060;transport={transport}"

    def start(self) -> None:
        """Start it. Who asks it before it listens asks again: it keeps nothing."""
        here = inside(self.folder)
        self.begin(["kamailio", "-DD", "-E", "-m", "16", "-M", "4", "-f", f"{here}/edge.cfg", "-Y", here])
