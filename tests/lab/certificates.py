"""A certificate authority for a test, by the openssl command."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key, as PEM files."""

    certificate: Path
    key: Path


class Authority:
    """Signs certificates; its own is `ca`, made unless the folder has it."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._name = folder, name
        self.ca, self._key = folder / f"{name}.pem", folder / f"{name}.key"
        if not self.ca.exists():
            _openssl("req", "-x509", *self._new(f"/CN={name}", self._key), "-days", "2", "-out", str(self.ca))

    def issue(self, name: str, *alternative_names: str, days: int = 2) -> Certificate:
        """A certificate for `name` with these subjectAltNames, as in `DNS:pbx.test` or `IP:127.0.0.1`.

        It is valid for so many days; fewer than none make one that has expired.
        """
        made = Certificate(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        request, extensions = self._folder / f"{name}.csr", self._folder / f"{name}.ext"
        _openssl("req", *self._new(f"/CN={name}", made.key), "-out", str(request))
        extensions.write_text(f"subjectAltName={','.join(alternative_names)}\n" if alternative_names else "")
        _openssl(
            *("x509", "-req", "-in", str(request), "-days", str(days), "-CA", str(self.ca), "-CAkey", str(self._key)),
            *("-CAcreateserial", "-extfile", str(extensions), "-out", str(made.certificate)),
        )
        return made

    def _new(self, subject: str, key: Path) -> list[str]:
        return ["-newkey", "rsa:2048", "-nodes", "-subj", subject, "-keyout", str(key)]


def server(certificate: Certificate, *, clients: Path | None = None) -> ssl.SSLContext:
    """A server's context; with `clients` it demands a client certificate of that authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients)
    return context


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60)
