"""docs/proof/benchmarks.md: what the benches of phones measured. `make generate` makes it of the files in seen/."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from bench.clients import ABOUT
from bench.figures import CallCost, Checks, Cost, Failover, Figure, Part, Start, exponent, parts
from bench.tables import Table
from drills.seen import Machine

PAGE = Path(__file__).parents[2] / "docs" / "proof" / "benchmarks.md"
SUPERLINEAR = 1.1
"""An exponent above it is called worse than linear."""
OURS = "agent"
Row = TypeVar("Row", bound=Figure)

HEAD = """\
# Benchmarks

<!-- Made from tests/bench/seen by `make generate`. Do not edit. -->

The agent beside what one would use instead, in the same run on the same machine. `make bench` measures all of it, `make bench ONLY=failover-udp`
one part; `WRITE=1` keeps the figures for this page. Nothing here is asserted by a test: another machine has other figures.

**How it is measured.** Two Kamailio keep whoever registers and know nothing of each other; all programs get the same two addresses. They run
on the machine of the clients. No client is asked for its own opinion: the times are those of the REGISTERs in the PBXes' logs. All users ask for 60 s.
*Killed* is `kill -9`, *silent* is SIGSTOP: connections stay open and nothing is answered. Eight seconds after the last registration the fault comes, and a
client is watched for 100 s. What is told of the fault by a closed connection is measured alone, and so is the agent; what waits for timers is measured side
by side. The exponent k is that of the y = c·x^k that fits best: 1 is linear, 0 does not grow with the number of phones.
"""  # noqa: E501

READ = """\
## How to read it

- **Where nothing tells of the fault, the agent is faster because it asks.** A ping to each PBX every 2 s, from each of its processes, tells it what a peer learns from a REGISTER of a user that
  nobody answers for 32 s (timer F of RFC 3261). The price is that a PBX must answer pings.
- **serreg moves all users or none.** It goes to the other PBX when the last user has failed. Without `fbregint` it drops the account that failed before it
  looks whether all have: with one user it moves, with a hundred it never did.
- **pjsua2 has no second registrar.** SRV records are the only way to tell it of one. They helped where connecting failed, never where an answer did not come.
- RFC 5626 (`sipnat=outbound` in baresip) is another answer: a registration at both PBXes at all times. It was not measured: PBXes that redirect to each other
  do not keep both.
- **The agent's memory is not its phones.** One phone takes 75 MB: the interpreter and what it imports (HTTP, validation, SIP). A second process, from 500 phones on, takes some 13 MB,
  and each phone some 25 KB. The target of 80 MB for 1000 phones was missed: so much takes pjsua2 alone, in two Python processes without rules, metrics or HTTP.
- **CPU at rest** is that of one client alone on the machine, with an expiry of 60 s. The agent uses twice what plain pjsua2 does for refreshes with its defaults, since its rules run in
  Python and it refreshes at 50 to 90 % of the expiry. With 120 s, for which the target of 2 % is, it uses 1.1 %. Beside twenty other clients the same agent takes twice as much,
  since each time that it wakes it finds nothing of its own in the caches: so it was measured until 2026-11-28.
- **CPU at a fail-over** is counted from the fault until the last phone moved, or for all of the 100 s where some did not: rows of different length do not compare. Where a
  connection closes, all of them are done within seconds, and the agent is worse: about 1 ms a phone, several times what the two C programs use, as its rules run in Python.
- **Checks** were to be less than 5 % of the refreshes at an expiry of 300 s. With one phone in 50 and a binding check every 10 s they were 5.8 % for 1000 phones (2026-11-29); hence one in 100, and
  every 20 s at that expiry. A PBX asks for the password again when its nonce is too old, here after 300 s: so a third of all refreshes are challenged. In the 300 s that were watched fewer checks
  were challenged than in the long run, where each second request of a path check is: then all checks are 3.1 % of the refreshes of 1000 phones in a fleet, and 180 % where every phone checks.
  That is above the aim on purpose: two ways are four requests in 300 s, a refresh is one and a half in 204 s, and nobody else knows the ways of that phone.
- **Calls** were measured on a machine with ten times more work than it has cores. A process that is late sends several frames at one wake, which costs less, and finds cold caches, which costs more. Alone,
  the media of a call takes 20 µs each 20 ms, 0.1 % of a core, and 0.2 % encrypted; until 2026-11-30 it took twice that. The memory of encrypted calls is that of libsrtp and OpenSSL, once a process. 20 INVITEs a
  second are looked at in each process. sipp and baresip were not measured beside it.
- **Phones that check at the same moment** were a burden: until 2026-11-29 5000 phones that had registered together checked again all together every 300 s, 532 requests in a second on a busy machine.
  Now each has its own moment of the interval.
"""  # noqa: E501


def page(found: dict[str, Part]) -> str:
    """The whole page."""
    lines = [HEAD, "| client | what it is |", "|---|---|"]
    seen = {row.client for part in found.values() for row in (*part.failover, *part.start, *part.cost)}
    lines += [f"| {client} | {about} |" for client, about in ABOUT.items() if client in seen]
    for name, part in found.items():
        lines += ["", *_section(name, part)]
    if missing := [title for name, title in TITLES.items() if name not in found]:
        lines += ["", f"Not measured for this page yet: {', '.join(missing)}."]
    return "\n".join([*lines, "", READ])


def tables(part: Part) -> list[Table]:
    """All that a part has."""
    made = [*_failover(part.failover), *_start(part.start), *_cost(part.cost), *_checks(part.checks)]
    made += _calls(part.calls)
    return [table for table in made if table.rows]


def _section(name: str, part: Part) -> Iterator[str]:
    yield f"## {TITLES[name]}"
    for table in tables(part):
        yield ""
        yield f"**{table.title}.** {table.about}"
        yield ""
        yield from table.markdown()
    told = ", ".join(f"{what} {version}" for what, version in part.versions.items())
    yield ""
    yield f"Measured {part.date} ({machine(part.machine)}): {told}."


TITLES = {
    "calls": "Calls",
    "checks": "Path checks and binding checks",
    "cost": "Cost at rest",
    "failover-tcp": "Fail-over over TCP",
    "failover-tls": "Fail-over over TLS",
    "failover-udp": "Fail-over over UDP",
    "start": "Start",
}


def _failover(rows: Sequence[Failover]) -> Iterator[Table]:
    for fault in ("killed", "silent"):
        of = [row for row in rows if row.fault == fault]
        lines = []
        for client, found in _by_client(of):
            ours = _largest(of, OURS)
            for row in found:
                ratio = _ratio(row, ours) if row is found[-1] else ""
                grows = _grows([(r.phones, r.last) for r in found if r.last and r.moved == r.phones], row is found[-1])
                times = [seconds(value) for value in (row.first, row.median, row.p99, row.last)]
                moved = str(row.moved) if row.moved else "none"
                each = f"{row.cpu / row.phones * 1000:.1f} ms"
                lines.append([client, str(row.phones), moved, *times, ratio, grows, each])
        figures = ("phones", "moved", "first", "median", "p99", "last", "last : agent's", "k", "CPU a phone")
        yield Table(f"PBX {fault}", "Seconds until the phones were on the standby.", ("client",), figures, lines)


def _start(rows: Sequence[Start]) -> Iterator[Table]:
    for transport in ("udp", "tcp", "tls"):
        of = [row for row in rows if row.transport == transport]
        lines = []
        for client, found in _by_client(of):
            ours = _largest(of, OURS)
            for row in found:
                last = row is found[-1]
                ratio = f"{row.last / ours.last:.2g}" if last and ours and row is not ours else ""
                grows = _grows([(r.phones, r.last) for r in found], last)
                rate = f"{row.rate:.0f}" if row.phones > 1 else ""
                lines.append([client, str(row.phones), seconds(row.first), seconds(row.last), rate, ratio, grows])
        figures = ("phones", "first", "last", "registrations a second", "last : agent's", "k")
        about = (
            "From the start of the process until its phones were registered; the rate is from the first to the last."
        )
        yield Table(f"Start over {transport.upper()}", about, ("client",), figures, lines)


def _cost(rows: Sequence[Cost]) -> Iterator[Table]:
    lines = []
    for client, found in _by_client(rows):
        ours = _largest(rows, OURS)
        for row in found:
            last = row is found[-1]
            ratio = f"{row.megabytes / ours.megabytes:.2g}" if last and ours and row is not ours else ""
            grows = _grows([(r.phones, r.megabytes) for r in found], last)
            each = f"{row.megabytes / row.phones:.3f} MB" if row.phones > 1 else ""
            line = [str(row.phones), str(row.processes), f"{row.megabytes:.1f} MB", each, ratio, grows]
            lines.append(
                [client, *line, f"{row.cores:.2%}", _grows([(r.phones, r.cores) for r in found if r.cores], last)]
            )
    figures = ("phones", "processes", "memory", "a phone", "memory : agent's", "k", "CPU, of a core", "k of CPU")
    about = "Over UDP, a minute long, client by client. Memory is PSS as if nobody else ran: libraries count whole."
    yield Table("At rest", about, ("client",), figures, lines)


def _checks(rows: Sequence[Checks]) -> Iterator[Table]:
    lines = []
    for row in sorted(rows, key=lambda row: row.phones):
        rates = [f"{rate:.2f}" for rate in (row.refreshes, row.path_checks, row.binding_checks)]
        checks = [f"{row.share:.1%}", str(row.busiest), f"{row.challenged:.0%}"] if row.share else [""] * 3
        costs = [f"{row.cores:.2%}", f"{row.pbx_cores:.2%}", f"{row.megabytes:.1f} MB"]
        lines.append([row.client, str(row.phones), str(row.processes), *rates, *checks, *costs])
    figures = (
        "phones",
        "processes",
        "refreshes",
        "path checks",
        "binding checks",
        "checks : refreshes",
        "busiest second",
        "challenged",
        "CPU, agent",
        "CPU, PBXes",
        "memory",
    )
    about = (
        "REGISTERs a second at both PBXes, over UDP, with an expiry of 300 s; the answers to challenges count. "
        "All side by side, so CPU is higher than alone."
    )
    yield Table("While phones rest", about, ("what is checked",), figures, lines)


def _calls(rows: Sequence[CallCost]) -> Iterator[Table]:
    lines = []
    rest = min((row.cores for row in rows if not row.calls), default=0.0)
    for row in rows:
        a_call = f"{(row.cores - rest) / row.calls:.2%}" if row.calls and row.a_second is None else ""
        set_up = f"{row.a_second:g}" if row.a_second is not None else ""
        each = f"{row.cores / row.a_second * 1000:.1f} ms" if row.a_second else ""
        calls = str(row.calls) if row.a_second is None else ""
        lines.append(
            [row.client, str(row.phones), calls, f"{row.cores:.2%}", a_call, f"{row.megabytes:.1f} MB", set_up, each]
        )
    figures = ("phones", "calls", "CPU, of a core", "a call", "memory", "calls a second", "CPU of one of them")
    about = (
        "An agent whose phones are called by another one, over UDP on loopback, G.711 both ways; all in one process. "
        "A call is what its media takes beyond the phones at rest."
    )
    yield Table("Phones that are called", about, ("what is measured",), figures, lines)


def _by_client(rows: Iterable[Row]) -> Iterator[tuple[str, list[Row]]]:
    of: dict[str, list[Row]] = {}
    for row in rows:
        of.setdefault(row.client, []).append(row)
    yield from ((client, sorted(found, key=lambda row: row.phones)) for client, found in of.items())


def _largest(rows: Iterable[Row], client: str) -> Row | None:
    """The row of a client that has the most phones."""
    return max((row for row in rows if row.client == client), key=lambda row: row.phones, default=None)


def _ratio(row: Failover, ours: Failover | None) -> str:
    if ours is None or row is ours or row.phones != ours.phones or ours.last is None:
        return ""
    if row.last is None or row.moved < row.phones:
        return f"> {row.watched / ours.last:.0f}"
    return f"{row.last / ours.last:.2g}"


def _grows(points: Sequence[tuple[float, float]], told: bool) -> str:
    if not told or len(points) < 3:
        return ""
    found = exponent(points)
    return f"{found:.2f}" + (" (worse than linear)" if found > SUPERLINEAR else "")


def seconds(value: float | None) -> str:
    """As it is told: milliseconds below a second."""
    if value is None:
        return ""
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"


def machine(of: Machine) -> str:
    """In a few words."""
    return f"{of.cores} cores, {of.memory_gigabytes} GB" + (", with other work on it" if of.busy else "")


if __name__ == "__main__":
    PAGE.write_text(page(parts()))
