"""Numbers in the README and in docs/results: each file says where they come from, and tables are made again.

A table below a line `<!-- printed by: COMMAND && … -->` is the output of its last command. The slow test runs
the commands and compares: `pytest -m slow tests/test_printed_tables.py` (about four minutes).
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

HOME = Path(__file__).parents[1]
RESULTS = sorted((HOME / "docs" / "results").glob("*.md"))
MARK = re.compile(r"<!-- printed by: (?P<commands>[^\n]+) -->\n\n(?P<table>(?:\|[^\n]*\n)+)")
COMMAND = re.compile(
    r"(?m)(^ {4}|`)(workbench (run|studies|evaluate|export)|python benchmarks|PYTHONPATH|pytest -m slow)"
)
NUMBER = re.compile(r"[−-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?")
PRINTED = [
    pytest.param(found["commands"], found["table"], id=f"{path.stem}-{number}")
    for path in (HOME / "README.md", *RESULTS)
    for number, found in enumerate(MARK.finditer(path.read_text()))
]
# other processors round otherwise, and a seed's training follows its roundings
TOLERANCE = 0.05


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_results_carry_date_commit_and_command(path: Path) -> None:
    text = path.read_text()
    assert re.search(r"[Mm]easured\s+20\d\d-\d\d-\d\d", text), "no date: 'Measured YYYY-MM-DD'"
    assert re.search(r"commits?\s+(are\s+)?[0-9a-f]{7,}", text), "no commit"
    assert COMMAND.search(text), "no command"


def test_the_readme_shows_its_command_and_only_tables_that_are_made_again() -> None:
    text = (HOME / "README.md").read_text()
    for found in MARK.finditer(text):
        assert f"`{found['commands'].split(' && ')[-1]}`" in text
    measured = [line for line in text.splitlines() if line.startswith("|") and "±" in line]
    assert measured and all(any(line in found["table"] for found in MARK.finditer(text)) for line in measured)


def cells(table: str) -> list[list[str]]:
    """Return the rows of a Markdown table without rule, emphasis and the columns of times."""
    rows = [[cell.strip(" *≈") for cell in line.strip().strip("|").split("|")] for line in table.splitlines()]
    kept = [number for number, title in enumerate(rows[0]) if "time" not in title]
    return [[row[number] for number in kept] for row in rows if set(row[0]) != {"-"}]


def agrees(printed: str, found: str) -> bool:
    """Whether two cells say the same: equal words, and each number within the printed spread or 5 %."""
    if NUMBER.sub("#", printed) != NUMBER.sub("#", found):
        return False
    old, new = ([float(text.replace("−", "-")) for text in NUMBER.findall(cell)] for cell in (printed, found))
    if "±" not in printed:
        return all(abs(a - b) <= TOLERANCE * abs(a) for a, b in zip(old, new, strict=True))
    return abs(old[0] - new[0]) <= max(old[1], TOLERANCE * abs(old[0]))


def test_cells_agree_within_their_spread() -> None:
    assert agrees("0.958 ± 0.005", "0.960 ± 0.002")
    assert not agrees("0.0132 ± 0.0001", "0.0200 ± 0.0001")
    assert agrees("vae-digits", "vae-digits") and not agrees("vae-digits", "lae-digits")
    assert not agrees("0.02 ± 0.01", "– (failed)")


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("commands", "table"), PRINTED)
def test_a_printed_table_is_what_its_command_prints(commands: str, table: str, tmp_path: Path) -> None:
    for command in commands.split(" && "):
        program, *arguments = shlex.split(command)
        assert program == "workbench"
        line = [sys.executable, "-m", "workbench", "--store", str(tmp_path / "runs"), *arguments]
        done = subprocess.run(line, capture_output=True, text=True, env=None)
        assert done.returncode == 0, (command, done.stderr)
    found = "".join(line + "\n" for line in done.stdout.splitlines() if line.startswith("|"))
    old, new = cells(table), cells(found)
    assert [len(row) for row in old] == [len(row) for row in new], found
    wrong = [
        (a, b)
        for left, right in zip(old, new, strict=True)
        for a, b in zip(left, right, strict=True)
        if not agrees(a, b)
    ]
    assert not wrong, f"printed and found: {wrong}"
