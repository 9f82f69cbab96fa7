"""Bytes that try to be more than YAML: for every reader of files from people."""

from __future__ import annotations

from hypothesis import strategies as st

FRAGMENTS = [
    *(
        "\n",
        "  ",
        "- ",
        "? ",
        ": ",
        ", ",
        "[",
        "]",
        "{",
        "}",
        "\n---\n",
        "\n...\n",
        "#",
        "'",
        '"',
        "|\n",
        ">-\n",
        "\t",
        "%YAML 1.1\n",
    ),
    *("&a ", "*a ", "&b ", "*b ", "<<: ", "*a, *a, *a", "{<<: *a}", "= : ", "[*a, *b]: 1"),
    *(
        "!!int ",
        "!!float ",
        "!!timestamp ",
        "!!binary ",
        "!!bool ",
        "!!set ",
        "!!omap ",
        "!!pairs ",
        "!!null ",
        "!!map ",
        "!!seq ",
    ),
    *("!!str ", "!!merge ", "!!value ", "!x ", "! ", "!!python/name:os.system "),
    *(
        "2026-02-30",
        "2026-02-28",
        "2026-02-28 99:99:99",
        "0x",
        "0b_",
        "1:99",
        "1e999999",
        ".nan",
        "-.inf",
        "0x" + "f" * 2000,
    ),
    *(
        "~",
        "yes",
        "a",
        "ö",
        "\x00",
        "\x1b[31m",
        "\ufeff",
        "\u2028",
        "\ud7ff",
        "\U0001f600",
        '"\\ud800"',
        '"\\e[31m\\n"',
        "1" * 5000,
    ),
    *("[" * 150, "- " * 150, "{a: " * 150),
    *(
        "kind: List\nitems: ",
        "kind: ",
        "apiVersion: ",
        "metadata: ",
        "spec: ",
        "pbxs: ",
        "phones: ",
        "fleets: ",
        "name: ",
    ),
    "apiVersion: softphone-fleet.io/v1alpha1\nkind: Softphone\nmetadata: {name: a}\nspec: ",
    "apiVersion: softphone-fleet.io/v1alpha1\nkind: SoftphoneFleet\nmetadata: {name: a}\nspec: ",
    "apiVersion: softphone-fleet.io/v1alpha1\nkind: PBX\nmetadata: {name: a}\nspec: ",
    "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: ",
]
_BYTES = st.sampled_from([b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"\xe4", b"\xc3", b"\x00\xd8", b"\x80"])


def hostile_bytes(good: str = "") -> st.SearchStrategy[bytes]:
    """Any bytes; YAML's own signs in any order; and a good text with such signs anywhere in it."""
    signs = st.lists(st.sampled_from(FRAGMENTS), max_size=25).map("".join)
    spliced = st.lists(st.tuples(st.integers(0, len(good)), st.sampled_from(FRAGMENTS)), max_size=4).map(
        lambda at: _spliced(good, at)
    )
    texts = (signs | spliced).map(lambda text: text.encode())
    broken = st.tuples(texts, st.integers(0, 2000), _BYTES).map(lambda of: of[0][: of[1]] + of[2] + of[0][of[1] :])
    return st.binary() | texts | broken | signs.map(lambda text: text.encode("utf-16"))


def _spliced(good: str, at: list[tuple[int, str]]) -> str:
    for place, sign in at:
        good = good[:place] + sign + good[place:]
    return good
