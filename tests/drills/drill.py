"""One fault: what is counted before, while and after it, what must hold when it is over, and its row of the page.

    with drill("pbx", "killed", "The PBX that holds all phones is killed (kill -9).") as fault:
        fault.kill("slave")

At the end of the block it waits until the phones are whole again: all registered by the PBXes' own logs, nobody held
twice and nobody's binding left, the product's words the same, and every object in its place. Then the row is written.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from drills import seen
from drills.history import History
from drills.ledger import Back, Died, FellSilent, Forgot, Ledger
from drills.seen import Group, Growth, Machine, Row
from lab.waiting import wait_until

PATIENCE = 180.0
"""Seconds after which a drill gives up; no statement about speed."""


class Phones(Protocol):
    """What is broken: phones, and what the product says of them."""

    @property
    def users(self) -> Collection[str]:
        """The users of the phones."""

    @property
    def history(self) -> History:
        """The events at their PBXes."""

    def disagreements(self, by_pbx: Mapping[str, int]) -> list[str]:
        """Where the product says something else than this of how many phones each PBX holds."""

    def inventory(self) -> dict[str, str]:
        """All objects, with a digest of their content."""


class Fault:
    """A drill that runs: breaks PBXes and notes that it did."""

    def __init__(self, phones: Phones) -> None:
        self._phones = phones
        self._history = phones.history
        self.began = time.time()
        self.note = ""
        self.figures: dict[str, str] = {}
        self.growth: list[Growth] = []

    def begins(self) -> None:
        """Count from now on; without this from the beginning of the block."""
        self.began = time.time()

    def kill(self, pbx: str) -> None:
        """Kill -9 of all processes of a PBX."""
        self._history.add(Died(time.time(), pbx))
        self._history.pbxes[pbx].kill()

    def start(self, pbx: str) -> None:
        """Start a PBX that was killed, or that forgets all by it; wait until it answers."""
        self._history.add(Back(time.time(), pbx))
        self._history.pbxes[pbx].start()
        self._history.pbxes[pbx].wait_ready()

    def pause(self, pbx: str) -> None:
        """Make a PBX silent (SIGSTOP)."""
        self._history.add(FellSilent(time.time(), pbx))
        self._history.pbxes[pbx].pause()

    def resume(self, pbx: str) -> None:
        """Let a silent PBX go on (SIGCONT)."""
        self._history.add(Back(time.time(), pbx))
        self._history.pbxes[pbx].resume()

    def silent(self, pbx: str) -> None:
        """Note that the phones cannot reach a PBX from now on."""
        self._history.add(FellSilent(time.time(), pbx))

    def back(self, pbx: str) -> None:
        """Note that they can again."""
        self._history.add(Back(time.time(), pbx))

    def forget(self, pbx: str) -> None:
        """Make a PBX forget all of its bindings."""
        self._history.add(Forgot(time.time(), pbx))
        self._history.pbxes[pbx].forget()

    def gone(self, place: str) -> None:
        """Note that the process behind the Contacts of a host, or host:port, was just ended without a word."""
        self._history.gone(place)

    def ledger(self) -> Ledger:
        """Who was registered where, up to now."""
        return self._history.ledger(self._phones.users)

    def registered(self) -> int:
        """How many phones are registered now."""
        return self.ledger().count(time.time())

    def until(self, holds: Callable[[Ledger], bool], what: str, seconds: float = PATIENCE) -> None:
        """Wait for what the PBXes' logs say."""
        wait_until(lambda: holds(self.ledger()), what, seconds=seconds, interval=0.25)

    def until_all_at(self, *pbxes: str) -> None:
        """Wait until these PBXes, and no others, hold all phones."""
        self.until(
            lambda ledger: (
                sum((at := ledger.by_pbx(time.time())).values()) == len(self._phones.users) and set(at) == set(pbxes)
            ),
            f"all phones are at {' and '.join(pbxes)}",
        )

    def until_none(self) -> None:
        """Wait until no phone is registered any more."""
        self.until(lambda ledger: not ledger.count(time.time()), "no phone is registered")


class Drill:
    """Runs faults on the same phones, one after the other."""

    def __init__(self, phones: Phones) -> None:
        self._phones = phones

    @contextmanager
    def __call__(
        self,
        group: Group,
        name: str,
        done: str,
        *,
        note: str = "",
        changed: Collection[str] = (),
        patience: float = PATIENCE,
    ) -> Iterator[Fault]:
        """Run the block as a fault. `changed`: kinds of objects that the fault changes for good."""
        phones, history = self._phones, self._phones.history
        there, before = frozenset(phones.users), phones.inventory()
        for pbx in history.away:
            if history.pbxes[pbx].running and history.pbxes[pbx].answers():
                history.add(Back(time.time(), pbx))  # brought back by others
        self._whole(before, changed, patience)
        fault = Fault(phones)
        fault.note = note
        yield fault
        ledger, end = self._whole(before, changed, patience)
        found = ledger.figures(fault.began, end)
        Row(
            group=group,
            name=name,
            done=done,
            note=fault.note,
            date=seen.today(),
            machine=Machine.here(),
            phones=len(phones.users),
            before=found.before,
            lowest=found.lowest,
            after=found.after,
            longest_outage=round(found.longest_outage, 3),
            whole_after=round(found.whole_after, 3),
            clean_after=round(found.clean_after, 3),
            longest_second=round(found.longest_second, 6),
            duplicates=found.duplicates,
            orphans=found.orphans,
            lost=_differences(before, phones.inventory(), changed),
            figures=fault.figures,
            growth=fault.growth,
        ).write()
        # A fault may be that phones come or go: then its figures are about those that there are at its end.
        assert (found.before, found.after) == (len(there.intersection(phones.users)), len(phones.users))

    def _whole(self, inventory: Mapping[str, str], changed: Collection[str], patience: float) -> tuple[Ledger, float]:
        """Wait until all is as it should be; the ledger and the moment at which it was."""
        wrong = [""]
        history, users = self._phones.history, self._phones.users

        def look() -> tuple[Ledger, float]:
            ledger, now = history.ledger(users), time.time()
            count = ledger.count(now)
            wrong[:] = [] if count == len(users) else [f"{count} of {len(users)} phones are registered"]
            wrong.extend(f"{user} is held twice" for user in ledger.duplicates(now))
            wrong.extend(f"nobody's binding: {span}" for span in ledger.orphans(now))
            # The rest is asked of others and costs more.
            if not wrong:
                wrong.extend(history.differences(ledger))
                wrong.extend(self._phones.disagreements(ledger.by_pbx(now)))
                wrong.extend(_differences(inventory, self._phones.inventory(), changed))
            return ledger, now

        found = [look()]

        def again() -> bool:
            found[0] = look()
            return not wrong

        if wrong:
            wait_until(again, "whole again", seconds=patience, interval=0.25, explain=lambda: "\n".join(wrong[:20]))
        return found[0]


def _differences(before: Mapping[str, str], now: Mapping[str, str], changed: Collection[str]) -> list[str]:
    """Objects that are lost, left over or changed, but for those of the kinds that may be."""
    found = [f"lost: {name}" for name in before.keys() - now.keys()]
    found += [f"left over: {name}" for name in now.keys() - before.keys()]
    found += [f"changed: {name}" for name in before.keys() & now.keys() if before[name] != now[name]]
    return sorted(each for each in found if each.partition(": ")[2].partition("/")[0] not in changed)
