"""The receiver of notifications: one HTTP POST for each message, with a token that is read anew for each.

Neither the token nor the path of the URL, which may be a secret as well, is ever part of a text.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

TIMEOUT_SECONDS = 10.0
TOKEN, CA = "token", "ca.crt"
"""Files in the directory of its Secret; both may be missing."""


class NotTakenError(Exception):
    """The receiver has not taken a message; the text says why, without any secret."""


class Receiver:
    """A receiver at `url`. `directory`: where its Secret is mounted, None where it has none."""

    def __init__(self, session: aiohttp.ClientSession, url: str, directory: Path | None) -> None:
        self._session = session
        self._url = url
        self._directory = directory
        parts = urlsplit(url)
        self.host = f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
        """What may be said of the URL."""

    async def post(self, message: Mapping[str, Any]) -> None:
        """Hand a message over. Raises NotTakenError."""
        token = self._read(TOKEN)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        try:
            # A redirect would carry the token to whom nobody has named.
            async with self._session.post(
                self._url, json=message, headers=headers, timeout=timeout, allow_redirects=False, ssl=self._trust()
            ) as response:
                if not 200 <= response.status < 300:
                    raise NotTakenError(f"{self.host} answered {response.status}")
        except TimeoutError:
            raise NotTakenError(f"{self.host} did not answer within {TIMEOUT_SECONDS:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise NotTakenError(f"{self.host} cannot be reached: {type(error).__name__}") from None

    def _read(self, name: str) -> str:
        """A file of the Secret without what stands around it, empty where there is none."""
        if self._directory is None:
            return ""
        try:
            return (self._directory / name).read_text().strip()
        except FileNotFoundError:
            return ""
        except (OSError, ValueError) as error:
            raise NotTakenError(f"{name} of its Secret cannot be read: {type(error).__name__}") from None

    def _trust(self) -> ssl.SSLContext | bool:
        authority = self._read(CA)
        return ssl.create_default_context(cadata=authority) if authority else True
