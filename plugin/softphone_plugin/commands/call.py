"""`kubectl softphone call`: one test call now, step by step as both ends tell of it."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncGenerator

from pydantic import ValidationError

from softphone_agent.contract.call_report import CallReport
from softphone_agent.contract.phone import is_uri
from softphone_agent.contract.report import CallChanged, Snapshot, parse_line
from softphone_operator.api.kinds import CALL_CHECK
from softphone_plugin import rendering
from softphone_plugin.calling import Outcome, Story, call_check
from softphone_plugin.cluster import Object, RefusedError, objects
from softphone_plugin.errors import NO, USAGE, PluginError
from softphone_plugin.following import SILENCE_SECONDS, WAIT_SECONDS
from softphone_plugin.output import Data, document
from softphone_plugin.phones import FoundPhone, condition
from softphone_plugin.reading import agent_pod, find_phone, proxied
from softphone_plugin.rendering import Console
from softphone_plugin.session import Session, until_told
from softphone_plugin.streams import tell

LOOK_SECONDS = 0.3
LAST_WORDS_SECONDS = 1.0
"""For so long after the verdict what an agent tells is waited for."""


async def call(
    session: Session,
    console: Console,
    notes: Console,
    caller: str,
    callee: str,
    hold: float,
    timeout: float,
    form: Data | None,
) -> bool:
    """Make the call and tell of it; whether it was as expected. Raises PluginError."""
    phone = await find_phone(session.cluster, session.namespace, caller)
    other = callee if is_uri(callee) else await find_phone(session.cluster, session.namespace, callee)
    if isinstance(other, FoundPhone) and other.name == phone.name:
        raise PluginError("a phone does not call itself", USAGE)
    wanted = call_check(phone, other, hold, secrets.token_hex(3))
    made = await session.cluster.create(objects(CALL_CHECK, phone.namespace), wanted)
    name, uid = made["metadata"]["name"], made["metadata"]["uid"]
    story = Story(name, phone.name, other if isinstance(other, str) else other.name)
    outcomes: list[Outcome] = []
    try:
        ends = [phone, *([other] if isinstance(other, FoundPhone) else [])]
        agents = {end.agent: end for end in ends}.values()
        shown = console if form is None else notes
        stopped = await until_told(_watch(session, shown, story, list(agents), timeout, outcomes))
    finally:
        await _remove(session, notes, phone.namespace, name, uid)
    if stopped:
        return False
    (outcome,) = outcomes
    if form is None:
        console.print(rendering.called(outcome))
    else:
        tell(document(outcome.data(), form))
    return outcome.passed


async def _remove(session: Session, notes: Console, namespace: str, name: str, uid: str) -> None:
    try:
        await session.cluster.delete(objects(CALL_CHECK, namespace, name), uid)
    except RefusedError as error:
        if error.status != 404:
            notes.print(f"the CallCheck {name} could not be deleted, and makes no more calls: {error}", style="yellow")


async def _watch(
    session: Session, console: Console, story: Story, agents: list[FoundPhone], timeout: float, outcomes: list[Outcome]
) -> None:
    following = [asyncio.create_task(_follow(session, console, story, agent)) for agent in agents]
    try:
        async with asyncio.timeout(timeout):
            outcomes.append(await _verdict(session, story, agents[0].namespace, following))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                while not all(half.state == "Ended" for half in story.halves.values()):
                    await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError:
        raise PluginError(await _why_not(session, story, agents[0].namespace, timeout), NO) from None
    finally:
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)


async def _verdict(session: Session, story: Story, namespace: str, following: list[asyncio.Task[None]]) -> Outcome:
    """How it ended, as soon as the operator says so."""
    while True:
        outcome = story.outcome(await session.cluster.get(objects(CALL_CHECK, namespace, story.check)))
        if outcome is not None:
            return outcome
        for task in following:
            if task.done():
                task.result()  # what nobody may see ends the command
        await asyncio.sleep(LOOK_SECONDS)


async def _why_not(session: Session, story: Story, namespace: str, timeout: float) -> str:
    """Why nothing came of it, as far as is known."""
    obj: Object = await session.cluster.get(objects(CALL_CHECK, namespace, story.check))
    if story.halves:
        return f"the call has not ended within {timeout:g} s"
    if not condition(obj, "Accepted"):
        return f"no call was made within {timeout:g} s: no operator has looked at the CallCheck {story.check}"
    told = condition(obj, "Passing").get("message", "")
    return f"no call was made within {timeout:g} s: {told or 'the agents have not taken it over'}"


async def _follow(session: Session, console: Console, story: Story, phone: FoundPhone) -> None:
    """Tell what an agent says of the call, until cancelled; one that cannot be heard is asked again."""
    while True:
        with contextlib.suppress(PluginError):
            async for report in _calls(session, phone):
                for what, words in story.told(report):
                    console.print(rendering.step_of_call(what, words))
                    console.file.flush()
        await asyncio.sleep(WAIT_SECONDS)


async def _calls(session: Session, phone: FoundPhone) -> AsyncGenerator[CallReport]:
    """What an agent says of test calls. Raises PluginError."""
    pod = await agent_pod(session.cluster, phone.namespace, phone.agent)
    async for line in session.cluster.lines(proxied(pod, "status"), {"watch": "1"}, SILENCE_SECONDS):
        try:
            match parse_line(line):
                case Snapshot(calls=calls):
                    for report in calls:
                        yield report
                case CallChanged(call=report):
                    yield report
        except ValidationError:
            raise PluginError("its status is that of another version") from None
