"""What the README names is there."""

import re
from pathlib import Path

import civitai_rs
import pytest

README = Path(__file__).parent.parent / "README.md"


def named() -> list[str]:
    rows = [line for line in README.read_text().splitlines() if line.startswith("| `")]
    cells = [row.split("|")[2] for row in rows if row.count("|") == 3]
    names = [name for cell in cells for name in re.findall(r"`([A-Za-z_.]+)`", cell)]
    return sorted(set(names))


def test_the_table_is_read() -> None:
    assert len(named()) > 5


@pytest.mark.parametrize("name", named())
def test_every_verb_of_the_table_is_there(name: str) -> None:
    found: object = civitai_rs
    for part in name.split("."):
        found = getattr(found, part)
    assert callable(found)
