"""ejabberd with its SIP registrar, which serves domains and no addresses."""

from __future__ import annotations

import re
from collections.abc import Iterable

from interop.process import Process, inside, root
from lab.waiting import wait_until

PATIENCE = 30.0
CONFIG = """\
hosts: ["{domain}"]
listen:
  - {{port: 5060, ip: "{address}", transport: udp, module: ejabberd_sip}}
  - {{port: 5060, ip: "{address}", module: ejabberd_sip}}
auth_method: internal
modules:
  mod_sip: {{}}
"""


class Ejabberd(Process):
    """One ejabberd, at an address of its own, that serves one domain with these users."""

    def __init__(self, name: str, address: str, domain: str, users: Iterable[str]) -> None:
        super().__init__(name)
        self.address = address
        self._domain, self._users = domain, list(users)
        (self.folder / "ejabberd.yml").write_text(CONFIG.format(domain=domain, address=address))

    def uri(self, transport: str = "udp") -> str:
        """Where phones register."""
        return f"sip:{self.address}:5060;transport={transport}"

    def start(self) -> None:
        """Start it, by Erlang's own program: ejabberd's would want a name for the node, and another user."""
        here = inside(self.folder)
        made = "".join(f'ejabberd_auth:try_register(<<"{u}">>,<<"{self._domain}">>,<<"pw-{u}">>),' for u in self._users)
        argv = ["erl", "-noinput", "-mnesia", "dir", f'"{here}/spool"', "-s", "ejabberd"]
        libraries = inside(next((root() / "usr" / "lib").glob("*/ejabberd-*")).parent)
        self.begin(
            [*argv, "-eval", f'{made}io:format("users are there~n").'],
            HOME=here,
            ERL_LIBS=libraries,
            EJABBERD_CONFIG_PATH=f"{here}/ejabberd.yml",
            EJABBERD_LOG_PATH=f"{here}/ejabberd.log",
        )

    def wait_ready(self) -> None:
        """Wait until it knows its users, and takes REGISTERs."""
        wait_until(lambda: "users are there" in self.output(), self.name, seconds=PATIENCE, interval=0.05,
                   alive=lambda: self.running, explain=self.output)  # fmt: skip

    def registered(self) -> set[str]:
        """The users whose REGISTERs it has taken, as its log says, which is written a moment later."""
        log = (self.folder / "ejabberd.log").read_text(errors="replace")
        return set(re.findall(rf"register SIP session for user (\S+)@{re.escape(self._domain)}", log))
