"""docs/proof/operator-benchmarks.md: what the operator's benches measured, made of seen/operator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from bench.figures import exponent
from bench.operator_figures import Different, Lag, Part, Pooled, Ready, Reconciled, StatusWrites, parts

PAGE = Path(__file__).parents[2] / "docs" / "proof" / "operator-benchmarks.md"
NAMES = ("reconciled", "ready", "lag", "different", "pooled", "rest", "rest-pooled")
BARE = "bare client"

HEAD = """\
# Benchmarks of the operator

<!-- Made from tests/bench/seen/operator by `make generate`. Do not edit. -->

The operator beside what does the same writes with less: `make bench ONLY=operator`, `operator-ready`, `operator-lag`, `operator-pool`, `operator-rest`; `WRITE=1` keeps the figures for this page.
Nothing here is asserted by a test: another machine has other figures.

**How it is measured.** A real Kubernetes 1.20, its etcd and all that is measured share the cores of one machine, so the API server takes most of the time.
The *bare client* is one asynchronous process with 20 requests in flight that knows beforehand all that is to be written: the Softphone, its ConfigMap, its
Deployment, its status, by server-side apply. The *minimal kopf operator* has a handler for create, resume and update that makes the same two objects by the same client,
and has kopf write the status; it looks for no drift, follows no agent and counts no PBX. Its agents and ours have no pods.
The exponent k is that of the y = c·x^k that fits best: 1 is linear.
"""  # noqa: E501

READ = """\
## How to read it

- **Many at once:** the target is 1.5 times the bare client's time for 1000, and it is met. With 100 the operator takes about twice as long, 1.5 s.
- **A new Softphone is Registered 0.7 s after its agent's process was started; the target is 3 s.** More than half of that is Python, until it has read what it needs.
  What comes before is Kubernetes' part; now and then a pod begins a second or two later.
- **1000 of a pool at once:** all registered within 1.5 times the bare client's time and 5 s more is the target, and it is met. Files, pods and registrations are done 3 s after the last Softphone was written.
- **Until 2026-11-30 a pool took half a minute longer.** Its agents were made behind the statuses of its phones, three for each; now pools go first, and a new phone's first status mostly says where it is. And an agent took
  a changed file every 8 s at last, so that phones are not disturbed too often; a phone more disturbs none, and is taken within a second.
- **Where the operator is worse than a minimal one:** CPU. It watches six kinds and all Secrets, keeps what it needs to correct drift, and checks and words
  every object. Where it is better: one request to write less for each object, no annotation of its own in the users' objects, and less memory.
- **5000 Softphones at rest: the target is 200 MB, and it is met.** Until 2026-11-28 it was missed, with some 250 MB after a start. kopf keeps an object, and a task for it, for 5 s
  after it was told, in case that more comes of it: so a start held everything that the cluster has of ours at once, as dictionaries, and a process does not give such memory back. Now it keeps
  each for 0.1 s.
- **Up to 200 transitions a second the status follows within 1 s (p99), which is the target.** At 10 a second most of the lag is the 0.1 s over which changes are gathered.
- **At 500 a second it takes about 2 s: this machine has no more to give.** All of its two cores are taken, most of it by API server and etcd with 4 ms for each write. The bare client, alone on the machine and with
  nobody who watches, does not come to 500 writes a second either, in none of the three ways to write a status; so apply, which tells who owns what, costs nothing. What could not be told in time was
  overtaken by newer transitions of the same phones; the last state of each was told within 3 s of the last transition. Fleets do not have this: their status is written once a second.
- **Earlier figures of this page** had 85 writes a second and 10 s. The lab's Prometheus read its list of pods anew for each of the bench's thousand pods, minutes long, and took the cores. It reads many at once now.
"""  # noqa: E501


def page(found: Mapping[str, Part]) -> str:
    """The whole page."""
    lines = [HEAD]
    known = [found[name] for name in NAMES if name in found]
    for part in known:
        tables = [*reconciled(part.reconciled), *ready(part.ready), *lag(part.lag), *status_writes(part.status_writes)]
        tables += [*different(part.different), *pooled(part.pooled)]
        lines += [*tables, f"Measured {_when(part)}.", ""] if tables else []
    return "\n".join([*lines, *rest(known), READ])


def _when(part: Part) -> str:
    machine = part.machine
    busy = ", with other work on it" if machine.busy else ""
    return f"{part.date} ({machine.cores} cores, {machine.memory_gigabytes} GB{busy})"


def reconciled(rows: Iterable[Reconciled]) -> Iterator[str]:
    """Many at once."""
    of: dict[str, list[Reconciled]] = {}
    for row in rows:
        of.setdefault(row.client, []).append(row)
    if not of:
        return
    alone = {row.softphones: row.seconds for row in of.get(BARE, ())}
    yield "## Many Softphones at once\n"
    yield "From the first write of a Softphone until the last one has its objects and its status.\n"
    yield "| | Softphones | s | a second | of the bare client's time | writes each | reads each | CPU, s | memory, MB |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|--:|"
    for client, each in of.items():
        for row in each:
            ratio = f"{row.seconds / alone[row.softphones]:.2f}" if row.softphones in alone else ""
            yield (
                f"| {client} | {row.softphones} | {row.seconds:.1f} | {row.softphones / row.seconds:.0f} | {ratio} | "
                f"{row.writes:.1f} | {_figure(row.reads, 1)} | {_figure(row.cpu_seconds, 1)} | "
                f"{_figure(row.megabytes, 0)} |"
            )
    yield ""
    for client, each in of.items():
        if len(each) > 2:
            grows = [("seconds", exponent([(row.softphones, row.seconds) for row in each]))]
            if all(row.cpu_seconds for row in each):
                grows.append(("CPU", exponent([(row.softphones, row.cpu_seconds or 0.0) for row in each])))
            yield f"- {client}: {', '.join(f'{what} k = {k:.2f}' for what, k in grows)}"
    yield ""


def ready(rows: Sequence[Ready]) -> Iterator[str]:
    """New Softphones."""
    if not rows:
        return
    yield "## From the write of a Softphone to Registered\n"
    yield "One after the other, each with its pod; the image is there. Seconds: medians, and the longest.\n"
    yield (
        "| Softphones | the agent's process is started | the PBX grants a binding | the status says so | longest | "
        "from the process's start to the status | longest |"
    )
    yield "|--:|--:|--:|--:|--:|--:|--:|"
    for row in rows:
        yield (
            f"| {row.softphones} | {row.started:.2f} | {row.granted:.2f} | {row.told:.2f} | {row.longest:.2f} | "
            f"{row.after_start:.2f} | {row.longest_after_start:.2f} |"
        )
    yield ""


def lag(rows: Sequence[Lag]) -> Iterator[str]:
    """Transitions."""
    if not rows:
        return
    yield "## From an agent's transition to the status\n"
    yield "Until a watch of the API server shows it. The agents are one server that speaks the status stream, with an"
    yield "address for each. What the next transition of the same phone overtakes is never told.\n"
    yield (
        "| sent a second | phones | sent | told | median, s | p99, s | longest, s | writes a second | "
        "CPU of the operator, cores | of API server and etcd | of agents and witness |"
    )
    yield "|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
    for row in rows:
        yield (
            f"| {row.rate} | {row.softphones} | {row.transitions} | {row.told} | {row.median:.2f} | {row.p99:.2f} | "
            f"{row.longest:.2f} | {row.writes:.0f} | {row.cores:.2f} | {row.server_cores:.2f} | "
            f"{row.other_cores:.2f} |"
        )
    yield ""


def status_writes(rows: Sequence[StatusWrites]) -> Iterator[str]:
    """What the API server takes."""
    if not rows:
        return
    yield "The bare client by itself, with such statuses of the same Softphones, as fast as it is answered:\n"
    yield (
        "| the bare client's way | in flight | writes a second | median, ms | p99, ms | "
        "CPU of API server and etcd, ms a write | of the client |"
    )
    yield "|---|--:|--:|--:|--:|--:|--:|"
    for row in rows:
        yield (
            f"| {row.how} | {row.in_flight} | {row.writes:.0f} | {1000 * row.median:.0f} | {1000 * row.p99:.0f} | "
            f"{1000 * row.server_cores / row.writes:.1f} | {1000 * row.client_cores / row.writes:.1f} |"
        )
    yield ""


def different(rows: Sequence[Different]) -> Iterator[str]:
    """A table of users in a pool."""
    if not rows:
        return
    yield "## Many different phones in a pool\n"
    yield "Users of several systems, over UDP, TCP and TLS, each with a location of their own, some with a wrong"
    yield "password: `kubectl softphone import csv --pool` and `kubectl apply`. Seconds from the beginning of apply."
    yield "*Granted*: the last one with the right password has a binding, by the PBXes' logs. *Told*: a watch of the"
    yield "API server has shown of each what is true, Ready at its PBX with its location, or refused by it. On"
    yield "Kubernetes 1.36.\n"
    yield "| phones | systems | wrong passwords | agents | processes | applied | granted | told |"
    yield "|--:|--:|--:|--:|--:|--:|--:|--:|"
    for row in rows:
        yield (
            f"| {row.softphones} | {row.systems} | {row.wrong_passwords} | {row.agents} | {row.processes} | "
            f"{row.applied:.1f} | {row.granted:.1f} | {row.told:.1f} |"
        )
    yield "\nWhat the agents take (PSS); that of so many single ones is reckoned from a few. One more takes what is not"
    yield "of files, since those are in memory already.\n"
    yield "| phones | in a pool, MB | single ones measured, MB | one more, MB | so many single ones, MB | ratio |"
    yield "|--:|--:|--:|--:|--:|--:|"
    for row in rows:
        alone = row.single_megabytes + (row.softphones - row.single) * row.each_more
        yield (
            f"| {row.softphones} | {row.megabytes:.0f} | {row.single}: {row.single_megabytes:.0f} | "
            f"{row.each_more:.1f} | {alone:.0f} | {alone / row.megabytes:.0f} |"
        )
    yield ""


def pooled(rows: Sequence[Pooled]) -> Iterator[str]:
    """Many of a pool at once."""
    if not rows:
        return
    yield "## Many Softphones of a pool at once\n"
    yield "Written by the bare client, with real agents and PBXes, on Kubernetes 1.36. Its own time is that for the"
    yield "Softphones and their statuses alone: agents it has none. Seconds from the first write.\n"
    yield (
        "| Softphones | agents | bare client | written | granted | told | told, less 5 s, of the bare client's | "
        "writes each | CPU, s | memory, MB |"
    )
    yield "|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
    for row in rows:
        yield (
            f"| {row.softphones} | {row.agents} | {row.bare:.1f} | {row.written:.1f} | {row.granted:.1f} | "
            f"{row.told:.1f} | {max(0.0, row.told - 5) / row.bare:.2f} | {row.writes:.1f} | {row.cpu_seconds:.1f} | "
            f"{row.megabytes:.0f} |"
        )
    yield ""


def rest(found: Iterable[Part]) -> Iterator[str]:
    """While nothing happens."""
    rows = [(row, _when(part)) for part in found for row in part.rest]
    if not rows:
        return
    yield "## At rest\n\nEach status stream is an open connection to an agent.\n"
    yield "| | Softphones | status streams | memory, MB | CPU, % of a core | requests a minute | measured |"
    yield "|---|--:|--:|--:|--:|--:|---|"
    for row, when in rows:
        yield (
            f"| {row.note} | {row.softphones} | {row.streams} | {row.megabytes:.0f} | {row.cores:.1%} | "
            f"{row.requests_a_minute:.0f} | {when} |"
        )
    yield ""


def _figure(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(parts()))


if __name__ == "__main__":
    main()
