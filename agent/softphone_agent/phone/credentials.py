"""Reads the files that credentials and certificates lie in."""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

from softphone_agent.contract import sip_uri
from softphone_agent.contract.fields import SECRET_KEY
from softphone_agent.contract.phone import PASSWORD, USERNAME, Pbx, Phone, Tls
from softphone_agent.sip.request import Secret, TlsFiles

_QUOTING = re.compile(r"[\"\\]")
"""What would end a quoted text in the Authorization header; the SIP stack writes it there as it is."""


class Reader:
    """Reads the credentials of many phones; a file that several of them share is read once."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[str | None, str | None]] = {}

    def read(self, phone: Phone) -> tuple[Secret | None, str | None]:
        """The phone's credentials; where a file is missing, empty or of no use none, and what is wrong with it."""
        if phone.credentials is None:
            return None, None
        user = sip_uri.parse_aor(phone.aor).user
        if phone.credentials.directory is not None:
            return self._from_directory(phone.credentials.directory, user)
        username, fault = self._username(phone.credentials.username_file)
        if fault is not None:
            return None, f"credentials.usernameFile: {fault}"
        password, fault = self._password(phone.credentials.password_file or "")
        if password is None:
            return None, f"credentials.passwordFile: {fault}"
        return Secret(username or user, password), None

    def _from_directory(self, directory: str, user: str) -> tuple[Secret | None, str | None]:
        username: str | None = None
        file, fault = f"{directory}/{PASSWORD}", None
        if self._read(file)[0] is not None:
            username, fault = self._username(f"{directory}/{USERNAME}")
        elif SECRET_KEY.match(user):
            file = f"{directory}/{user}"
        else:
            fault = f'{directory}: no file can be named like the user "{user}"'
        if fault is None:
            password, fault = self._password(file)
            if password is not None:
                return Secret(username or user, password), None
        return None, f"credentials.directory: {fault}"

    def _username(self, file: str | None) -> tuple[str | None, str | None]:
        """The user name of a file that need not be there and, where it is of no use, why."""
        if file is None:
            return None, None
        username, fault = self._read(file)
        if fault == f"{file}: {os.strerror(errno.ENOENT)}":
            return None, None
        if username is not None and (not username.isprintable() or _QUOTING.search(username)):
            return None, f"{file}: holds a line break, a quote, a backslash or a control character"
        return username, fault

    def _password(self, file: str) -> tuple[str | None, str | None]:
        password, fault = self._read(file)
        return (None, f"{file}: is empty") if password == "" else (password, fault)

    def _read(self, file: str) -> tuple[str | None, str | None]:
        if file not in self._files:
            self._files[file] = _read(file)
        return self._files[file]


class Stamps:
    """The state of many files, to see whether one was changed since. Each file is looked at once.

    The time of the last change of a file's metadata does not count: the kubelet gives the files of a volume their owner
    and mode again whenever it looks at the pod.
    """

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, ...]] = {}

    def of(self, phones: Iterable[Phone], pbxs: Iterable[Pbx], *more: Path) -> frozenset[tuple[str, tuple[int, ...]]]:
        """The state of all files that are read for these phones, of the PBXes' TLS files, and of some more."""
        files = {file for phone in phones for file in _files(phone)} | {str(file) for file in more}
        for pbx in pbxs:
            if pbx.tls is not None:
                files |= {pbx.tls.ca_file, pbx.tls.certificate_file, pbx.tls.key_file}
        return frozenset((file, self._stamp(file)) for file in files if file is not None)

    def _stamp(self, file: str) -> tuple[int, ...]:
        if file not in self._seen:
            try:
                found = Path(file).stat()
                content = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
                self._seen[file] = (*content, found.st_mode, found.st_uid, found.st_gid)
            except OSError:
                self._seen[file] = ()
        return self._seen[file]


def _files(phone: Phone) -> tuple[str | None, ...]:
    if phone.credentials is None:
        return ()
    directory = phone.credentials.directory
    if directory is None:
        return (phone.credentials.password_file, phone.credentials.username_file)
    names = (PASSWORD, USERNAME, sip_uri.parse_aor(phone.aor).user)
    return tuple(f"{directory}/{name}" for name in names if SECRET_KEY.match(name))


def read_tls(tls: Tls | None) -> tuple[TlsFiles, list[str]]:
    """The TLS files with the digest of what is in them and, where one cannot be read, what is wrong."""
    if tls is None:
        return TlsFiles(), []
    digest, faults = hashlib.sha256((tls.server_name or "").encode()), []
    for file in (tls.ca_file, tls.certificate_file, tls.key_file):
        if file is None:
            continue
        try:
            content = Path(file).read_bytes()
        except OSError as error:
            faults.append(f"{file}: {error.strerror}")
            continue
        digest.update(content)
        if not content:
            faults.append(f"{file}: is empty")
    digests = digest.hexdigest()[:16]
    return TlsFiles(tls.ca_file, tls.certificate_file, tls.key_file, digests, tls.server_name), faults


def _read(file: str) -> tuple[str | None, str | None]:
    try:
        return Path(file).read_text(encoding="utf-8").rstrip("\r\n"), None
    except OSError as error:
        return None, f"{file}: {error.strerror}"
    except UnicodeDecodeError:
        return None, f"{file}: is not UTF-8"
