"""docs/models.md and its pages agree with the code: presets, labels, files, defaults."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import health_page
from workbench.spec.metrics import METRICS
from workbench.spec.models import built_in_kinds, settings_class
from workbench.spec.presets import built_in_folder, find_preset

DOCS = Path(__file__).parents[1] / "docs"
MODELS = DOCS.parent / "workbench" / "engine" / "models"
INDEX = (DOCS / "models.md").read_text()
ROWS = [
    [cell.strip() for cell in line.split(" | ")] for line in INDEX.splitlines() if re.match(r"\| \d", line)
]
FAMILY_PAGES = sorted(
    set(re.findall(r"\((models/[\w-]+\.md)\)", "\n".join(map(str, ROWS)))) - {"models/evaluation.md"}
)
PARTS = ("Objective", "Algorithm as coded", "Defaults", "Departures, and why", "What the checks prove")
BASE = {"vae-flow": "vae", "dlgm": "vae"}  # whose pages have the rest of their settings


def ticked(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def test_every_section_has_a_row_and_every_preset_its_place() -> None:
    assert [row[0].strip("| ") for row in ROWS] == [str(number) for number in range(1, 16)]
    shipped = {path.stem for path in built_in_folder().glob("*.toml")}
    placed = [name for row in ROWS for name in ticked(row[4]) if name in shipped]
    assert sorted(placed) == sorted(shipped)
    for row in ROWS:
        for name in set(ticked(row[4])) & shipped:
            assert find_preset(name).kind in ticked(row[2]), name
        assert all((MODELS / file).exists() for file in ticked(row[3]))


def test_curves_have_the_labels_of_the_screens() -> None:
    pairs = re.findall(r"`(\w+)` \(((?:[^()]|\([^()]*\))*)\)", "\n".join(row[5] for row in ROWS))
    assert len(pairs) > 50
    for name, label in pairs:
        assert METRICS[name].label == label, name


@pytest.mark.parametrize("page", FAMILY_PAGES)
def test_a_page_has_its_five_parts(page: str) -> None:
    headings = re.findall(r"^## (.+)$", (DOCS / page).read_text(), re.M)
    assert [part for part in PARTS if part not in headings] == []


def documented_defaults() -> Iterator[tuple[str, str, Any]]:
    """Yield (kind, setting, value) for every documented default."""
    for page in FAMILY_PAGES:
        (part,) = re.findall(r"^## Defaults\n(.*?)(?=^## |\Z)", (DOCS / page).read_text(), re.M | re.S)
        kind = ""
        for key, text in re.findall(r"`(\w+) = ([^`]+)`", part):
            value = tomllib.loads(f"value = {text}")["value"]
            kind = value if key == "kind" else kind
            yield kind, key, value


def test_documented_defaults_are_those_of_the_code() -> None:
    documented = list(documented_defaults())
    for kind, key, value in documented:
        assert settings_class(kind).model_fields[key].default == value, f"{kind}: {key}"
    for kind in built_in_kinds():
        fields = settings_class(kind).model_fields
        base = settings_class(BASE[kind]).model_fields if kind in BASE else {}
        own = {key for key in fields if key not in base or fields[key].default != base[key].default}
        assert own <= {key for name, key, _ in documented if name == kind}, kind


def test_the_page_about_health_has_the_limits_of_the_code() -> None:
    text = health_page.PAGE.read_text()
    assert text == health_page.page(text), "Run `python -m tests.health_page`."
