"""A PBX that behaves at random, and answers broken at random: when it behaves again every phone registers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_process import pbx, phone, running
from sip_responder import Behaviour, Request, Responder, Start, accept, challenge, redirect, reply, silence
from softphone_agent.sip import sip_message

SEEDS = (1, 2, 3)
CODES = (
    100,
    180,
    200,
    202,
    300,
    302,
    305,
    380,
    400,
    401,
    403,
    404,
    407,
    408,
    423,
    480,
    486,
    489,
    500,
    503,
    600,
    606,
    699,
)
MESSAGE = st.text(
    alphabet=st.sampled_from('SIP/2.0 Viatoconcexprsh:;=,<>@"[]\r\n\t0123456789 receivedrportdigest?\\x'), max_size=400
)


@given(st.one_of(st.text(max_size=300), MESSAGE, MESSAGE.map(lambda text: f"SIP/2.0 200 OK\r\n{text}")))
def test_whatever_a_pbx_sends_reading_it_is_safe(message: str) -> None:
    granted = sip_message.granted(message, sip_message.OwnBinding("sip:a@b", "urn:uuid:1"), 60)
    assert granted is None or granted.expires > 0
    sip_message.own_binding(message)
    sip_message.call_id(message)
    sip_message.branch(message)
    sip_message.reason_phrase(message)
    sip_message.observed_address(message)
    assert len(sip_message.redacted(message)) <= 2 * len(message) + 20


class Mad:
    """A PBX out of its mind: behaves at random, and breaks some of what it sends."""

    def __init__(self, seed: int, others: list[Responder]) -> None:
        self._random = random.Random(seed)
        self._others = others

    def __call__(self, request: Request) -> Iterable[bytes]:
        draw = self._random
        answers = list(self._sane(request))
        if draw.random() < 0.3:
            answers = [self._broken(data) for data in answers]
        return answers * draw.choice([1, 1, 1, 2])

    def _sane(self, request: Request) -> Iterable[bytes]:
        draw = self._random
        target = draw.choice(self._others)
        contact = ["*", "<tel:1>", "<sip:[", target.uri(), f"<{target.uri()}>;q=0.{draw.randrange(10)}"]
        headers = [
            f"Retry-After: {draw.choice([0, 1, -1, 'x'])}",
            f"Min-Expires: {draw.choice([0, 10, 61, 4_000_000_000, 'x'])}",
            f"Contact: {draw.choice(contact)}",
            'WWW-Authenticate: Digest realm="r", nonce="n", algorithm=MD5',
            'Proxy-Authenticate: Digest realm="r", nonce="n", algorithm=SHA-999',
            "Expires: 0",
        ]
        behaviours: list[Behaviour] = [
            silence,
            accept(),
            accept(expires=draw.choice([1, 2, 5])),
            challenge(accept()),
            redirect(f"<{target.uri()}>", f"<{draw.choice(self._others).uri()}>;q=0.5"),
            reply(draw.choice(CODES), *draw.sample(headers, draw.randrange(4))),
            lambda request: [draw.randbytes(draw.randrange(1, 2000))],
        ]
        return draw.choice(behaviours)(request)

    def _broken(self, data: bytes) -> bytes:
        draw = self._random
        broken = bytearray(data)
        for _ in range(draw.randrange(1, 12)):
            at = draw.randrange(len(broken) or 1)
            match draw.randrange(3):
                case 0:
                    broken[at : at + 1] = bytes([draw.randrange(256)])
                case 1:
                    del broken[at : at + draw.randrange(1, 30)]
                case _:
                    broken[at:at] = broken[at : at + draw.randrange(1, 30)]
        return bytes(broken)


@pytest.mark.lab
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_after_mad_pbxes_behave_again_every_phone_registers(
    tmp_path: Path, start: Start, seed: int, transport: str
) -> None:
    responders = [await start() for _ in range(3)]
    file = tmp_path / "password"
    file.write_text("pw")
    pbxs = [pbx(f"p{number}", responder.uri(transport)) for number, responder in enumerate(responders)]
    # The wait after a rejection may be half a minute by default, longer than this test is patient.
    registration = {"pingSeconds": 0.5, "maxRedirects": 4, "backoff": {"maxSeconds": 2}}
    fields = {"credentials": {"passwordFile": str(file)}, "registration": registration}
    names = [f"phone{number}" for number in range(14)]
    phones = [phone(name, pri=f"p{n % 3}", sec=f"p{(n + 1) % 3}", **fields) for n, name in enumerate(names)]
    for number, responder in enumerate(responders):
        responder.register = Mad(seed * 10 + number, responders)
        responder.options = Mad(seed * 10 + number + 5, responders)
    async with running(tmp_path, pbxs, phones) as agent:
        await asyncio.sleep(15)  # let them rage
        for responder in responders:
            responder.register, responder.options = accept(expires=20), reply(200)
        behaves = [request.branch for responder in responders for request in responder.requests]
        assert len(behaves) > len(names)
        for name in names:
            await agent.phone(name, registered=True, state="Registered")
