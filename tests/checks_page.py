"""Generate docs/checks.md from the `check` markers of the tests: python -m tests.checks_page

`@pytest.mark.check("section 7", "claim")` adds a row to that group. The files are parsed, not imported.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "checks.md"

HEAD = """\
# Checks

This page lists what the tests prove, and which test proves it. It is generated from the `check` markers of
the tests: `python -m tests.checks_page`.

Paths are relative to `tests/`. The tests use fixed seeds, float64 where precision matters, and tolerances of
four Monte Carlo standard errors. CI runs all of them except those marked *slow*. Run these with
`pytest -m slow`; their measured values are in docs/results/. [models.md](models.md) has the same sections.
"""

# chapter → its heading, and the subjects of its groups, numbered from 1
CHAPTERS = {
    "catalogue": (
        "Catalogue",
        """estimates of log p(x) | KL divergences | discretised logistic | Langevin samplers
        | LAE: accept step | LAE: amortisation | AVB: adversary | Bernoulli gradients | β-VAE: collapse
        | LEBM: chains | thermodynamic integration | DDPM, DSM | attacks
        | distances, diagnostics, EM | means over examples""",
    ),
    "section": (
        "Further checks of each section",
        """classifier | VAE | binary VAE | AE + GMM | β-VAE | AVB | LAE | flows, DLGM | probe | attacks
        | LEBM | thermodynamic integration | DDPM | DSM | evaluation""",
    ),
    "whole": (
        "The package as a whole",
        """likelihood estimates | samplers | Bernoulli gradients | AVB | thermodynamic integration
        | make_moons | MNIST, four families by AIS | device, precision | divergence, log Z, presets
        | loaded models""",
    ),
    "science": (
        "Errors that were found, and stay found",
        "importance weights | quadrature | log Z | R-hat | two-sample errors | AIS to a target",
    ),
    "data": ("Own data", "the digits in every format | reading from disk | memory of a run"),
}
ELSEWHERE = {  # rows that no marker gives
    "whole 2": "Stationary moments and detailed balance: see 4 to 6 of the catalogue.",
    "whole 7": "Measured by hand; values in docs/results/.",
}


class Check(NamedTuple):
    """One marker: what is claimed, and the test that proves it."""

    group: str
    claim: str
    test: str  # file::function
    slow: bool


def checks() -> Iterator[Check]:
    """Yield the `check` markers of all tests, by file and line."""
    for path in sorted(TESTS.rglob("test_*.py")):
        text = path.read_text()
        if "mark.check(" not in text:
            continue
        body = ast.parse(text).body
        all_slow = any(isinstance(node, ast.Assign) and "mark.slow" in ast.unparse(node) for node in body)
        for node in body:
            if isinstance(node, ast.FunctionDef):
                marks = {ast.unparse(mark): mark for mark in node.decorator_list}
                slow = all_slow or "pytest.mark.slow" in marks
                for text, mark in marks.items():
                    if text.startswith("pytest.mark.check(") and isinstance(mark, ast.Call):
                        group, claim = map(ast.literal_eval, mark.args)
                        yield Check(group, claim, f"{path.relative_to(TESTS).as_posix()}::{node.name}", slow)


def page() -> str:
    """Return the text of docs/checks.md.

    Raises KeyError for a marker of an unknown group, and for a group without a check.
    """
    groups: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for group, row in ELSEWHERE.items():
        groups[group].append((row, ""))
    for check in checks():
        slow = " (*slow*)" if check.slow else ""
        groups[check.group].append((check.claim.replace("|", "\\|"), f"`{check.test}`{slow}"))
    lines = [HEAD]
    for chapter, (heading, subjects) in CHAPTERS.items():
        lines.append(f"## {heading}\n\n| subject | claim | test |\n|---|---|---|")
        for number, subject in enumerate(subjects.split("|"), 1):
            first = f"{number} {subject.strip()}"
            for claim, test in groups.pop(f"{chapter} {number}"):
                lines.append(f"| {first} | {claim} | {test} |")
                first = ""
        lines.append("")
    if groups:
        raise KeyError(f"Unknown groups: {', '.join(groups)}.")
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
