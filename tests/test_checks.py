"""docs/checks.md names tests that exist, for every number of its catalogue and every section."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "checks.md").read_text()


def named() -> Iterator[tuple[str, str]]:
    """Yield (file, test) for every test that the page names."""
    file = ""
    for path, test in re.findall(r"`([\w/]*(?:\.py)?)::(\w+)`", PAGE):
        file = path or file
        yield file, test


def test_every_test_named_on_the_page_exists() -> None:
    found = list(named())
    assert len(found) > 100
    missing = [f"{file}::{test}" for file, test in found if test not in functions(TESTS / file)]
    assert missing == []


def functions(path: Path) -> set[str]:
    """Return the names of the test functions of a file; none if it is not there."""
    if not path.is_file():
        return set()
    body = ast.parse(path.read_text()).body
    return {node.name for node in body if isinstance(node, ast.FunctionDef)}


def test_every_number_and_section_has_a_row() -> None:
    catalogue, sections, whole = PAGE.split("\n## ")[1:]
    assert re.findall(r"^\| (\d+) \|", catalogue, re.M) == [str(n) for n in range(1, 16)]
    assert re.findall(r"^\| (\d+) \w", sections, re.M) == [str(n) for n in range(1, 16)]
    assert re.findall(r"^\| (\d+) \|", whole, re.M) == [str(n) for n in range(1, 10)]
