"""docs/results/literature.md: it is what the studies and the committed tables say, and claims no more."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.literature_page import FOLDER, NOT_PUBLISHED_SETTINGS, PAGE, page, shipped, verdict
from workbench.spec.reference_values import Value
from workbench.spec.studies import load_study

TEXT = """
presets = ["vae-digits"]
metrics = ["test_mse"]
notes = ["A note."]
[published]
source = "A. Author 2020"
[published.test_mse]
"vae-digits" = "0.020 ± 0.001"
[budgets.quick]
set = ["training.iterations=5"]
[budgets.paper]
"""


def test_the_page_is_what_the_studies_and_their_tables_say() -> None:
    assert PAGE.read_text() == page(shipped()), "run python -m tests.literature_page"


def test_every_published_number_of_a_study_is_on_the_page() -> None:
    text = PAGE.read_text()
    for study in shipped():
        for value in study.published.values if study.budgets else ():
            assert f"| {value.text} |" in text, (study.name, value.text)


def test_every_table_is_of_a_study_at_one_of_its_budgets() -> None:
    known = {study.name: study for study in shipped()}
    files = sorted(FOLDER.glob("*.json"))
    assert files and {path.stem for path in FOLDER.glob("*.md")} == {path.stem for path in files}
    for path in files:
        found = json.loads(path.read_text())
        assert found["study"] == path.stem and found["budget"] in known[path.stem].budgets
        assert f"--budget {found['budget']}" in path.with_suffix(".md").read_text()


@pytest.mark.parametrize(
    ("budget", "mean", "std", "said"),
    [
        ("paper", 0.0228, 0.001, "reproduced"),  # 2.0 combined standard deviations of 0.00141
        ("paper", 0.0229, 0.001, "not reproduced"),
        ("paper", 0.0229, None, "not decided: a spread is missing"),
        ("standard", 0.020, 0.001, NOT_PUBLISHED_SETTINGS),
        ("quick", 0.020, 0.001, NOT_PUBLISHED_SETTINGS),
    ],
)
def test_reproduced_is_said_at_the_published_settings_and_within_two_deviations(
    tmp_path: Path, budget: str, mean: float, std: float | None, said: str
) -> None:
    value = Value("test_mse", "vae-digits", (), "0.020 ± 0.001", 0.02, 0.001)
    row = {"label": "vae-digits", "metric": "test_mse", "mean": mean, "std": std, "n": 3}
    assert verdict(value, row, budget) == said
    assert verdict(value, None, budget) == "not run"
    (tmp_path / "own.toml").write_text(TEXT)
    (tmp_path / "own.json").write_text(json.dumps({"budget": budget, "rows": [row]}))
    if budget != "standard":  # which this study has not
        line = next(
            t for t in page([load_study(tmp_path / "own.toml")], tmp_path).splitlines() if "0.020 ±" in t
        )
        assert (line.endswith(f"| 3 | {budget} | {said} |") and "+0.00" in line) or mean == 0.02
