"""A PBX in a test that takes registrations and puts calls through: a registrar and a proxy with Record-Route, over UDP.

It can ask a caller for credentials, change what goes through, let a telephone ring, lose what a test wants to be lost,
and take no registrations any more.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable

Address = tuple[str, int]
REALM = "pbx.test"


class Proxy(asyncio.DatagramProtocol):
    """By user: the Contact of its phone. What goes through stands in `passed`, as the first line and the whole text."""

    def __init__(self) -> None:
        self.contacts: dict[str, Address] = {}
        self.passed: list[str] = []
        self.invited_at = 0.0
        """When the first INVITE came, in Unix time."""
        self.asks_callers = False
        """Whether an INVITE needs credentials."""
        self.loses: Callable[[str], bool] = lambda text: False
        """What is thrown away instead of being put through."""
        self.drops = ""
        """The name of a header that it does not know, and leaves out."""
        self.turns_away = False
        """Whether it takes no registrations any more; calls go through as before."""
        self.answers: int | None = None
        """With which code it refuses each INVITE itself; None: it puts them through."""
        self.rings = False
        """Whether it answers each INVITE with 180, and puts none through: nobody answers until it is cancelled."""
        self.instead: dict[str, str] = {}
        """Users in whose place others are called."""
        self.alters: Callable[[str], str] = lambda text: text
        """What becomes of a message that is put through."""
        self.sees: Callable[[str], None] = lambda text: None
        """Is told of each message that went through."""

    @classmethod
    async def start(cls) -> Proxy:
        _, proxy = await asyncio.get_running_loop().create_datagram_endpoint(cls, local_addr=("127.0.0.1", 0))
        return proxy

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.DatagramTransport = transport  # type: ignore[assignment]
        self.port = int(transport.get_extra_info("sockname")[1])

    @property
    def uri(self) -> str:
        return f"sip:127.0.0.1:{self.port}"

    def close(self) -> None:
        self.transport.close()

    def through(self, begin: str) -> list[str]:
        """The messages that went through and begin so."""
        return [text for text in self.passed if text.startswith(begin)]

    def datagram_received(self, data: bytes, addr: Address) -> None:
        text = data.decode()
        if text.startswith("INVITE "):
            self.invited_at = self.invited_at or time.time()
        if text.startswith("REGISTER "):
            self._register(text, addr)
        elif text.startswith("OPTIONS ") and "@" not in text.partition("\r\n")[0]:
            self._answer(text, addr, 200)
        elif text.startswith("SIP/2.0 "):
            self._back(text)
        elif text.startswith("INVITE ") and self.answers is not None:
            self._answer(text, addr, self.answers)
        elif text.startswith("INVITE ") and self.asks_callers and not header(text, "Proxy-Authorization"):
            self._answer(text, addr, 407, f'Proxy-Authenticate: Digest realm="{REALM}", nonce="n1", qop="auth"')
        elif text.startswith(("INVITE ", "CANCEL ")) and self.rings:
            self._ring(text, addr)
        elif not (text.startswith("ACK ") and ";tag=refused" in text):
            self._on(text)

    def _ring(self, text: str, addr: Address) -> None:
        if text.startswith("INVITE "):
            self.passed.append(text)
            self._answer(text, addr, 180)
            self.sees(text)
            return
        self._answer(text, addr, 200)
        self._answer(text.replace(" CANCEL\r\n", " INVITE\r\n"), addr, 487)

    def _register(self, text: str, addr: Address) -> None:
        if self.turns_away:
            self._answer(text, addr, 503)
            return
        found = re.search(r"<sip:([^@]+)@([0-9.]+):(\d+)", header(text, "Contact"))
        assert found, text
        self.contacts[found[1]] = (found[2], int(found[3]))
        expires = header(text, "Expires")
        self._answer(text, addr, 200, f"Contact: {header(text, 'Contact')};expires={expires}")

    def _answer(self, text: str, addr: Address, code: int, *headers: str) -> None:
        copied = [f"{name}: {header(text, name)}" for name in ("Via", "From", "Call-ID", "CSeq")]
        lines = [f"SIP/2.0 {code} So", *copied, f"To: {header(text, 'To')};tag=refused", *headers, "Content-Length: 0"]
        self.transport.sendto(("\r\n".join(lines) + "\r\n\r\n").encode(), addr)

    def _on(self, text: str) -> None:
        """A request: to the Contact of its user, or to where its Request-URI says, without our Route."""
        self.passed.append(text)
        if self.loses(text):
            return
        text = self.alters(text)
        line, _, rest = text.partition("\r\n")
        if self.drops:
            rest = re.sub(rf"^{self.drops}:[^\r]*\r\n", "", rest, flags=re.MULTILINE)
        rest = re.sub(rf"^Route: <sip:127\.0\.0\.1:{self.port};lr>\r\n", "", rest, flags=re.MULTILINE)
        found = re.search(r"sip:([^@]+)@([^\s;:]+)(?::(\d+))?", line)
        assert found, line
        user = self.instead.get(found[1], found[1])
        to = (found[2], int(found[3])) if found[3] else self.contacts[user]
        if not found[3]:
            line = line.replace(found[0], f"sip:{user}@{to[0]}:{to[1]}", 1)
        branch = re.search(r"branch=([^;\s]+)", rest)
        assert branch
        mine = f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};branch={branch[1]}.p\r\n"
        if line.startswith("INVITE "):
            mine += f"Record-Route: <sip:127.0.0.1:{self.port};lr>\r\n"
        self.transport.sendto(f"{line}\r\n{mine}{rest}".encode(), to)
        self.sees(text)

    def _back(self, text: str) -> None:
        """An answer: our Via goes, and the next one says where to."""
        self.passed.append(text)
        if self.loses(text):
            return
        text = re.sub(r"^Via:[^\r]*\r\n", "", text, count=1, flags=re.MULTILINE)
        found = re.search(r"^Via: SIP/2\.0/UDP ([0-9.]+):(\d+)", text, flags=re.MULTILINE)
        assert found, text
        self.transport.sendto(self.alters(text).encode(), (found[1], int(found[2])))
        self.sees(text)


def header(text: str, name: str) -> str:
    """A header's value, empty where it is missing."""
    found = re.search(rf"^{re.escape(name)}[ \t]*:[ \t]*(.*?)\r?$", text, re.IGNORECASE | re.MULTILINE)
    return found[1] if found else ""
