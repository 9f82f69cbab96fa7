"""What is wrong with the files that a configuration names: missing, empty or of no use. For `run --check`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from softphone_agent.contract.config import AgentConfig
from softphone_agent.contract.phone import Phone, Tls
from softphone_agent.phone.credentials import Reader

_OF_TLS = {"caFile": "ca_file", "certificateFile": "certificate_file", "keyFile": "key_file"}


def file_faults(config: AgentConfig) -> list[str]:
    """One message for each file, or folder of credentials, that cannot be used, with the PBX or phone and the field.

    What is wrong for several of them in the same way is told of the first one. An agent that runs waits for such files.
    """
    reader, faults = Reader(), dict[str, str]()
    for pbx in config.pbxs:
        for fault in _tls_faults(pbx.tls):
            faults.setdefault(fault, f'pbxs "{pbx.name}": tls.{fault}')
    for phone in config.phones:
        if wrong := _credentials_fault(phone, reader):
            faults.setdefault(wrong, f'phones "{phone.name}": {wrong}')
    return list(faults.values())


def _tls_faults(tls: Tls | None) -> Iterator[str]:
    for field, name in _OF_TLS.items():
        file = getattr(tls, name, None)
        if file is not None and (fault := _fault(Path(file))):
            yield f"{field}: {fault}"


def _credentials_fault(phone: Phone, reader: Reader) -> str | None:
    given = phone.credentials
    if given is None:
        return None
    if given.directory is not None and (fault := _fault(Path(given.directory), folder=True)):
        return f"credentials.directory: {fault}"
    if given.username_file is not None and (fault := _fault(Path(given.username_file))):
        return f"credentials.usernameFile: {fault}"  # an agent takes the AOR's user then, and that may be another one
    return reader.read(phone)[1]


def _fault(path: Path, *, folder: bool = False) -> str | None:
    """What is wrong with it, None for nothing. Whoever may not look into it is told so."""
    try:
        empty = not (any(path.iterdir()) if folder else path.read_bytes().strip(b"\r\n"))
    except OSError as error:
        return f"{path}: {error.strerror}"
    return f"{path}: is empty" if empty else None
