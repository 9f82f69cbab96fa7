"""What HTTP shows, made from what the workers send: reports of phones and PBXes, metrics, and the status stream."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import structlog

from softphone_agent.contract.counting import count
from softphone_agent.contract.history import History
from softphone_agent.contract.report import (
    CallChanged,
    ConfigChanged,
    Counts,
    PbxChanged,
    PbxReport,
    PhoneChanged,
    PhoneRemoved,
    Snapshot,
)
from softphone_agent.http import endpoints
from softphone_agent.http.metrics import AgentMetrics, Picture
from softphone_agent.supervisor.call_reports import CallReports
from softphone_agent.supervisor.configuration import Configuration
from softphone_agent.supervisor.memory import Memory
from softphone_agent.worker.messages import News

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Versions:
    """Of the agent, and of pjproject, by which it sends."""

    agent: str
    pjproject: str


class Showing:
    """The picture of this moment, and who is sent each change."""

    def __init__(self, configuration: Configuration, versions: Versions) -> None:
        self._configuration = configuration
        self._version = versions.agent
        self._picture = Picture()
        self.metrics = AgentMetrics(self._picture, versions.agent, versions.pjproject)
        self.metrics.configured(configuration.current)
        self.watchers = endpoints.Watchers()
        self._memory = Memory()
        self._calls = CallReports()
        self._seen: dict[int, dict[str, PbxReport]] = {}
        """The PBXes as each worker sees them, by the workers' numbers."""

    def take(self, worker: int, news: News) -> None:
        """Show what a worker has sent, but for the phones that it let go: those may be configured again by now."""
        self.metrics.observe(news.observations)
        self._picture.expiries.update(news.expiries)
        for phone in news.phones:
            self._memory.seen(self._picture.phones.get(phone.name), phone, len(self._configuration.current.phones))
            self._picture.phones[phone.name] = phone
            log.info(
                "softphone",
                softphone=phone.name,
                state=phone.state,
                registered=phone.registered,
                pbx=phone.pbx,
                via=phone.via,
                role=phone.role,
                failure=phone.last_failure.reason if phone.last_failure and not phone.registered else None,
                code=phone.last_failure.code if phone.last_failure and not phone.registered else None,
            )
            self.watchers.publish(PhoneChanged(phone=phone))
        for call in news.calls:
            self._calls.take(call)
            self.watchers.publish(CallChanged(call=call))
        seen = self._seen.setdefault(worker, {})
        for pbx in news.pbxs:
            seen[pbx.name] = pbx
            self._judge(pbx.name)
        for name in news.unwatched:
            seen.pop(name, None)
            self._judge(name)

    def _judge(self, name: str) -> None:
        """One PBX as the agent sees it: a worker that gets an answer knows more than one that does not yet."""
        views = [seen[name] for seen in self._seen.values() if name in seen]
        if not views:
            self._lose_sight(name)
            return
        report = PbxReport(
            name=name,
            reachable=_of_workers(view.reachable for view in views),
            answers_options=_of_workers(view.answers_options for view in views),
            certificate_expires=max(filter(None, (view.certificate_expires for view in views)), default=None),
        )
        if report != self._picture.pbxs.get(name):
            self._picture.pbxs[name] = report
            self.watchers.publish(PbxChanged(pbx=report))

    def _lose_sight(self, name: str) -> None:
        """No worker has to do with this PBX any more: how it was must not be shown for ever."""
        if self._picture.pbxs.pop(name, None) is not None:
            self.metrics.forget_pbx(name)
            self.watchers.publish(PbxChanged(pbx=PbxReport(name=name)))

    def worker_gone(self, worker: int) -> None:
        """What a worker saw of PBXes ends with it."""
        for name in self._seen.pop(worker, {}):
            self._judge(name)

    def phones_down(self, names: Collection[str]) -> None:
        """Their worker died: they are not registered, and begin again. Their calls are over."""
        for call in self._calls.cut_off(set(names)):
            self.watchers.publish(CallChanged(call=call))
        for name in names:
            self._picture.expiries.pop(name, None)
            report = self._picture.phones.get(name)
            if report is not None:
                down = report.model_copy(
                    update={"state": "Starting", "registered": False, "pbx": None, "registrar": None, "via": None}
                    | {"role": None, "redirects": (), "physical_location": None, "contact": None}
                    | {"observed_address": None}
                )
                self._picture.phones[name] = down
                self.watchers.publish(PhoneChanged(phone=down))

    def phone_removed(self, name: str) -> None:
        """The phone is no longer configured, and has left."""
        self._picture.phones.pop(name, None)
        self._picture.expiries.pop(name, None)
        self._memory.forget(name)
        self.watchers.publish(PhoneRemoved(name=name))

    def configured(self) -> None:
        """Another configuration is in force."""
        self.metrics.configured(self._configuration.current)
        self._calls.configured(self._configuration.current)

    def config_reported(self) -> None:
        """The report of the configuration is another one."""
        self.watchers.publish(ConfigChanged(config=self._configuration.report))

    def snapshot(self) -> Snapshot:
        """All of `/status`."""
        phones, pbxs = self._picture.phones, self._picture.pbxs
        return Snapshot(
            version=self._version,
            config=self._configuration.report,
            phones=tuple(phones[name] for name in sorted(phones)),
            pbxs=tuple(pbxs[name] for name in sorted(pbxs)),
            calls=self._calls.all(),
        )

    def counts(self) -> Counts:
        """`/status` in numbers."""
        report, picture = self._configuration.report, self._picture
        counts = count(self._version, report, picture.phones.values(), picture.pbxs.values())
        return counts.model_copy(update={"calls": self._calls.all()})

    def history(self, phone: str | None) -> History:
        """`/history`, of one phone or of all."""
        return History(version=self._version, entries=self._memory.entries(phone))

    def missing(self) -> list[str]:
        """Phones of which no worker has sent anything."""
        return [phone.name for phone in self._configuration.current.phones if phone.name not in self._picture.phones]


def _of_workers(views: Iterable[bool | None]) -> bool | None:
    """One that knows that it is so knows more than one that does not yet."""
    seen = set(views)
    return True if True in seen else False if False in seen else None
