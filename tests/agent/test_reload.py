"""When the agent reads its configuration again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from softphone_agent import config
from softphone_agent.supervisor import Supervisor


def test_what_was_not_changed_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "agent.json"
    file.write_text("{}")
    read: list[Path] = []
    load = config.load

    def counted(path: Path) -> tuple[config.AgentConfig, str]:
        read.append(path)
        return load(path)

    monkeypatch.setattr(config, "load", counted)
    supervisor = Supervisor(file, *load(file), "1")
    supervisor._reload()
    read.clear()
    (tmp_path / "agent.log").write_text("a line")
    supervisor._reload()
    assert read == []
    file.write_text(json.dumps({"fleet": "load"}))
    supervisor._reload()
    assert read == [file]
