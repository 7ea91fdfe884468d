"""docs/architecture.md stays short, and the files that it names exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
ROW = re.compile(r"^\| (.+\?) \| (.+) \|$", re.M)


def test_it_fits_on_a_page() -> None:
    assert len(PAGE.splitlines()) <= 60


def test_every_question_has_a_file_that_exists() -> None:
    rows = ROW.findall(PAGE)
    named = [file for _, answer in rows for file in re.findall(r"`([^`]+)`", answer)]
    assert len(rows) >= 20 and len(named) >= len(rows)
    assert [file for file in named if not (ROOT / "workbench" / file).is_file()] == []


def test_it_names_every_package() -> None:
    packages = {path.parent.name for path in (ROOT / "workbench").glob("*/__init__.py")}
    assert packages <= set(re.findall(r"`(\w+)/`", PAGE))
