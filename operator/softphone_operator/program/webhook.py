"""The admission webhook's HTTPS server: a thin shell around admission.py.

It answers from what the operator observed. Before it refuses it asks the API server whether the Softphone that the
refusal rests on is still so, since a watch may be a moment behind.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import structlog
from aiohttp import web

from softphone_agent.contract.connection_limiter import ConnectionLimiter, Limits
from softphone_operator.decide import admission, references
from softphone_operator.decide.admission import Answer, Request
from softphone_operator.kubernetes.cluster import Cluster, ClusterError
from softphone_operator.kubernetes.resources import SOFTPHONES
from softphone_operator.observe.observed import Observed

PATH = "/validate"
CERTIFICATE_SECONDS = 5.0
MAX_BODY = 8 * 1024 * 1024
ANSWER_SECONDS = 30.0
"""An API server waits no longer than that."""

log = structlog.get_logger()


class Certificate:
    """The TLS side of the server, from `tls.crt` and `tls.key` in a directory; changed files are taken."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._loaded: tuple[bytes, bytes] | None = None
        self._told = ""
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    def refresh(self) -> bool:
        """Take the files if they changed; returns whether there is a certificate. A pair that does not fit is left."""
        chain, key = self._directory / "tls.crt", self._directory / "tls.key"
        try:
            found = (chain.read_bytes(), key.read_bytes())
            if found != self._loaded:
                # Tried elsewhere first: a failed attempt would leave the context in use with half of a pair.
                ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(chain, key)
                self.context.load_cert_chain(chain, key)
                self._loaded, self._told = found, ""
                log.info("the webhook's certificate was taken", directory=str(self._directory))
        except (OSError, ssl.SSLError) as error:
            if str(error) != self._told:
                log.warning("the webhook's certificate cannot be taken", error=str(error))
            self._told = str(error)
        return self._loaded is not None


class Webhook:
    """Serves AdmissionReviews on `port`, port 0 for any; `addresses` says where, once it does."""

    def __init__(self, observed: Observed, cluster: Cluster, certificate: Certificate, address: str, port: int) -> None:
        self._observed = observed
        self._cluster = cluster
        self._certificate = certificate
        self._place = (address, port)
        self.addresses: list[tuple[str, int]] = []

    async def run(self) -> None:
        """Serve until cancelled, from when there is a certificate. Raises OSError where the port is taken."""
        runner: web.AppRunner | None = None
        try:
            while True:
                if self._certificate.refresh() and runner is None:
                    runner = await self._start()
                await asyncio.sleep(CERTIFICATE_SECONDS)
        finally:
            if runner is not None:
                await runner.cleanup()

    async def _start(self) -> web.AppRunner:
        application = web.Application(client_max_size=MAX_BODY)
        application.router.add_post(PATH, self._review)
        limiter = ConnectionLimiter(Limits(answer_seconds=ANSWER_SECONDS))
        runner = await limiter.serve(application, *self._place, tls=self._certificate.context)
        self.addresses = list(runner.addresses)
        log.info("the webhook serves", port=self.addresses[0][1])
        return runner

    async def _review(self, asked: web.Request) -> web.Response:
        try:
            request = admission.read(await asked.json())
        except ValueError as error:
            return web.Response(status=400, text=f"{error}\n")
        decision = await self.judge(request)
        if not decision.allowed:
            log.info(
                "refused",
                kind=request.kind,
                namespace=request.namespace,
                name=request.name,
                operation=request.operation,
                reason=decision.message,
            )
        return web.json_response(admission.answer(request.uid, decision))

    async def judge(self, request: Request) -> Answer:
        """The decision, from what is observed, without witnesses that are out of date."""
        passed: set[str] = set()
        while True:
            decision = self._decide(request, passed)
            if decision.witness is None or await self._is_still_so(request, decision.witness):
                return decision
            passed.add(decision.witness)

    def _decide(self, request: Request, passed: Iterable[str]) -> Answer:
        namespace = request.namespace
        if aor := admission.aor_asked_for(request):
            sharing = self._observed.softphones_of_aor(namespace, aor)
            return admission.on_aor(request, [name for name in sharing if name not in {request.name, *passed}])
        if admission.is_deletion_of_pbx(request):
            use = self._observed.use_of_pbx((namespace, request.name), request.present)
            left = tuple(name for name in use.softphones if name not in passed)
            return admission.on_deletion(request, replace(use, softphones=left))
        if admission.is_deletion_of_pool(request):
            naming = self._observed.phones_of_pool((namespace, request.name))
            return admission.on_deletion_of_pool(request, [name for name in naming if name not in passed])
        return admission.ALLOWED

    async def _is_still_so(self, request: Request, name: str) -> bool:
        try:
            found = await self._cluster.find(SOFTPHONES, request.namespace, name)
        except ClusterError as error:
            log.warning("a refusal could not be checked", error=str(error))
            return True
        if found is None or found["metadata"].get("deletionTimestamp"):
            return False
        needs = references.softphone_needs(found.get("spec"))
        if admission.is_deletion_of_pbx(request):
            return request.name in needs.pbxs
        if admission.is_deletion_of_pool(request):
            return needs.pool == request.name
        return needs.aor == admission.aor_asked_for(request)
