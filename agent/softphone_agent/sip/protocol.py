"""What a worker asks of a SIP engine, and what it is told: all that the rooms above know of the engine."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Protocol

from softphone_agent.dns.targets import Place
from softphone_agent.sip.call_protocol import CallEngine
from softphone_agent.sip.happenings import FromStrangers, Happening
from softphone_agent.sip.request import RegisterRequest, TlsFiles
from softphone_agent.sip.settings import EngineSettings
from softphone_agent.sip.unsolicited import Unsolicited


class SipEngine(Protocol):
    """A SIP user agent for many phones, used from one thread. Nothing waits for the network but `poll`.

    No method raises for what a PBX or the network does: that comes out of `poll`, as what happened.
    """

    @property
    def settings(self) -> EngineSettings:
        """What it was opened with."""

    @property
    def unsolicited(self) -> Unsolicited:
        """The rules for requests from outside; it is told here which PBXes are in use."""

    @property
    def calling(self) -> CallEngine:
        """Calls. What they take is there from when this is first asked for."""

    def poll(self, seconds: float) -> Iterator[Happening]:
        """Wait up to so many seconds for the network, less where something happens; then give out what happened."""

    def set_answer_time(self, seconds: float) -> None:
        """How long a transaction waits for its answer (RFC 3261: timers B, D and F), from now on."""

    def trace(self, phones: Set[str]) -> None:
        """Give out the SIP messages of these phones, and of no others, as Signals from now on."""

    def register(self, phone: str, serial: int, request: RegisterRequest, *, unregister_old: bool = False) -> None:
        """Send a REGISTER of a new registration (another Call-ID); an Answer with `serial` follows.

        It takes the place of the phone's present registration, which is un-REGISTERed only with `unregister_old`.
        """

    def refresh(self, phone: str, serial: int) -> bool:
        """Go on with the phone's present registration (its Call-ID); an Answer with `serial` follows.

        False where there is none to go on with, or where the phone has another address by now: nothing is sent then,
        and no Answer follows.
        """

    def unregister(self, phone: str, serial: int) -> None:
        """Remove the phone's binding; an Answer with `serial` follows, at once where there is nothing to remove."""

    def abandon(self, phone: str) -> None:
        """Forget the phone's REGISTER in flight and the registration that it is of. Its PBX is sent nothing."""

    def fetch(self, phone: str, serial: int, request: RegisterRequest, *, anew: bool = False) -> None:
        """Send a REGISTER without Contact in place of the phone's last one; a Fetched with `serial` follows.

        It asks for the bindings of the AOR and changes none (RFC 3261, section 10.2.3). The phone's registration goes
        on beside it, with a Call-ID and CSeqs of its own. `anew`: where it goes by TLS, it goes over a connection of
        its own now and then, as one would that has to be made.
        """

    def drop_fetch(self, phone: str) -> None:
        """Wait no longer for the phone's REGISTER without Contact, if there is one in flight."""

    def remove(self, phone: str) -> None:
        """Forget the phone. A binding that it still has is removed as far as that goes; no Answer tells of it."""

    def ping(self, place: Place, aor: str, tls: TlsFiles | None = None) -> None:
        """Send OPTIONS there as this AOR, over TLS with these files; a Pong follows."""

    def watch(self, places: Set[Place]) -> None:
        """These places are pinged from now on, and no others: what is kept for the pings of others may go."""

    def reopen_udp(self, address: str) -> None:
        """Send what goes to the PBX at this IP address from a new UDP socket that nothing else uses.

        Every phone there needs a new registration after this: a refresh would keep the old socket.
        """

    def connected_to(self) -> Set[tuple[str, int]]:
        """The PBXes to which there is a TCP or TLS connection, as IP address (IPv6 without brackets) and port."""

    def take_from_strangers(self) -> FromStrangers:
        """What came from others than the PBXes that were asked, since this was called last."""
