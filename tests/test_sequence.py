"""The sequence pictures say what they were given, in order."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from documents import REPOSITORY
from sequence import Mark, Message, Step, draw

SVG = "{http://www.w3.org/2000/svg}"
STEPS: list[Step] = [
    Message(-1.5, "phone", "slave", "REGISTER <now>"),
    Message(-1.5, "slave", "phone", "200 OK", good=True),
    Mark(0, "slave", "kill -9", alive=False),
    Message(4.0, "phone", "master", "REGISTER"),
]


def drawn(*, dead: frozenset[str] = frozenset()) -> ET.Element:
    return ET.fromstring(draw("A story", ("phone", "master", "slave"), STEPS, dead=dead))


def test_everything_is_told_from_top_to_bottom() -> None:
    texts = sorted((float(text.attrib["y"]), text.text) for text in drawn().iter(f"{SVG}text"))
    given = [step.text for step in STEPS]
    assert [text for _, text in texts if text in given] == given
    assert "-1.500 s" in {text for _, text in texts}


def test_arrows_go_from_who_sends_to_who_hears() -> None:
    def ways(picture: ET.Element) -> list[bool]:
        arrows = [line for line in picture.iter(f"{SVG}line") if line.attrib["y1"] == line.attrib["y2"]]
        return [float(line.attrib["x1"]) < float(line.attrib["x2"]) for line in arrows]

    assert ways(drawn()) == [True, False, True]


@pytest.mark.parametrize(("dead", "lives"), [(frozenset(), 3), (frozenset({"slave"}), 2)])
def test_the_line_of_the_dead_ends(dead: frozenset[str], lives: int) -> None:
    lines = [line for line in drawn(dead=dead).iter(f"{SVG}line") if line.attrib["x1"] == line.attrib["x2"]]
    assert len(lines) == lives
    longest = max(float(line.attrib["y2"]) for line in lines)
    assert sum(float(line.attrib["y2"]) == longest for line in lines) == 2


@pytest.mark.parametrize("name", ["sequence-fail-over", "sequence-way-home"])
def test_the_documents_pictures_were_drawn_by_it(name: str) -> None:
    picture = ET.parse(REPOSITORY / "docs" / "pictures" / f"{name}.svg").getroot()
    texts = {text.text for text in picture.iter(f"{SVG}text")}
    assert {"phone", "master", "slave", "standby", "200 OK", "REGISTER"} <= texts
