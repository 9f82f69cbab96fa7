"""The few questions that the lab itself asks the cluster's API server."""

from __future__ import annotations

import http
import http.client
import json
import ssl
from collections.abc import Mapping
from typing import Any

from lab import net
from lab.errors import LabError
from lab.settings import Settings


class Api:
    """A client with the administrator's certificate of the lab's own cluster."""

    def __init__(self, settings: Settings) -> None:
        self._pki = settings.run / "pki"

    def get(self, path: str, port: int = 6443) -> tuple[int, str]:
        """Status and body of a GET; status 0 when nobody answers."""
        try:
            return net.inside(lambda: self._request("GET", path, port))
        except (OSError, http.client.HTTPException):
            return 0, ""

    def ok(self, path: str, port: int = 6443) -> bool:
        """Whether a GET is answered with 200."""
        return self.get(path, port)[0] == http.HTTPStatus.OK

    def json(self, path: str) -> dict[str, Any]:
        """The object at a path, empty when there is none."""
        status, body = self.get(path)
        return dict(json.loads(body)) if status == http.HTTPStatus.OK else {}

    def patch(self, path: str, change: object) -> None:
        """Merges a change into the object at a path. Many times as fast as kubectl; raises LabError when refused."""
        headers = {"Content-Type": "application/merge-patch+json"}
        status, body = net.inside(lambda: self._request("PATCH", path, 6443, json.dumps(change), headers))
        if status != http.HTTPStatus.OK:
            raise LabError(f"PATCH {path}: {status} {body}")

    def _request(
        self, method: str, path: str, port: int, body: str | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        context = ssl.create_default_context(cafile=str(self._pki / "ca.crt"))
        context.load_cert_chain(self._pki / "admin.crt", self._pki / "admin.key")
        if port != 6443:
            # controller-manager and scheduler serve certificates that they made up themselves.
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=3, context=context)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.read().decode(errors="replace")
        finally:
            connection.close()
