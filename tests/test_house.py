"""House rules that no linter checks: how long a module may be, and that it says what it is for."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parents[1]
LONGEST = 400  # lines of a module
APP = ROOT / "workbench" / "ui" / "app.py"
WIDEST = 110  # characters of a line
PRAGMA = re.compile(r"\s*# (noqa|type:|pragma:).*$")  # words to a tool, as ruff sees it too
PACKAGE = sorted((ROOT / "workbench").rglob("*.py"))
EVERYTHING = [*PACKAGE, *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "benchmarks").rglob("*.py"))]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_no_module_is_too_long() -> None:
    lengths = {name(path): len(path.read_text().splitlines()) for path in EVERYTHING}
    assert {module: n for module, n in lengths.items() if n > LONGEST} == {}
    if APP.exists():
        assert lengths[name(APP)] <= 250
    assert median(lengths[name(path)] for path in PACKAGE) <= 120


@pytest.mark.parametrize("path", PACKAGE, ids=name)
def test_a_module_begins_with_a_sentence_that_says_what_it_is_for(path: Path) -> None:
    text = path.read_text()
    if path.name == "__init__.py" and not text.strip():
        return
    docstring = ast.get_docstring(ast.parse(text)) or ""
    first = docstring.partition("\n\n")[0].replace("\n", " ")
    assert re.fullmatch(r"[^\s].{10,}[.:]", first), f"{name(path)}: {first!r}"


def test_no_line_is_too_wide() -> None:
    wide = [
        f"{name(path)}:{number}"
        for path in EVERYTHING
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if len(PRAGMA.sub("", line)) > WIDEST
    ]
    assert wide == []


def test_tests_lie_where_their_module_lies() -> None:
    """A test of `workbench/a/b.py` is `tests/a/test_b.py`; contracts and whole-program tests stand apart."""
    rooms = {
        path.name for path in (ROOT / "workbench").iterdir() if path.is_dir() and path.name[0] not in "._"
    }
    apart = {"contracts", "golden", "plugin_example"}
    found = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name[0] not in "._"}
    assert found - apart <= rooms
