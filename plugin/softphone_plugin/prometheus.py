"""Asks a Prometheus by its HTTP API. Only here the plugin speaks with one."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence

from softphone_agent.contract.series import Series, range_query, read
from softphone_plugin.errors import USAGE, PluginError

TIMEOUT_SECONDS = 30.0
MOST_BYTES = 64 * 1024 * 1024


async def ask(url: str, query: str, begin: float, end: float, step: float) -> Sequence[Series]:
    """The series of a query over a time. Raises PluginError, which does not repeat the URL: it may hold a password."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise PluginError("--prometheus must be http://HOST… or https://HOST…", USAGE)
    asked = range_query(query, begin, end, step)
    return await asyncio.to_thread(_ask, f"{url.rstrip('/')}/api/v1/query_range", asked, parts.hostname)


def _ask(url: str, asked: dict[str, str], host: str) -> Sequence[Series]:
    request = urllib.request.Request(url, urllib.parse.urlencode(asked).encode())
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
            return read(json.loads(response.read(MOST_BYTES)))
    except urllib.error.HTTPError as error:
        error.close()
        raise PluginError(f"Prometheus at {host} answered {error.code} {error.reason}") from None
    except (OSError, ValueError) as error:
        raise PluginError(f"Prometheus at {host} cannot be asked: {getattr(error, 'reason', error)}") from None
    except (KeyError, TypeError):
        raise PluginError(f"what answers at {host} is no Prometheus") from None
