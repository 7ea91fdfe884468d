"""What all families' settings have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from workbench.errors import WorkbenchError
from workbench.spec import models
from workbench.spec.fields import setting
from workbench.spec.forms import form_fields
from workbench.spec.models import REPLACED, built_in_kinds, is_kind, settings_class
from workbench.spec.models.image_lebm import ImageLEBMSettings
from workbench.spec.resolve import resolve
from workbench.spec.schema import RunSpec

# of a run of each family with all settings at their defaults, as version 0.1.0 has them
GROUPS = {
    "ae-gmm": "7a5e5896054f",
    "avb": "367e3c2a922d",
    "binary-vae": "21342985a74f",
    "classifier": "c45f0ce4e999",
    "ddpm": "4ccc8bf0a665",
    "dlgm": "5fdb37dfb0ea",
    "dsm": "fbd077e47f87",
    "image-lebm": "fd9ec8ae975c",
    "lae": "98dc583d6a43",
    "lebm": "cba9705f3c41",
    "vae": "20d9e0cd814b",
    "vae-flow": "c9d697965f0f",
}


def group_of(**model: Any) -> str:
    return RunSpec.model_validate({"model": model, "training": {"epochs": 1}}).group_hash()


def test_the_group_of_each_family_is_that_of_older_versions() -> None:
    assert {kind: group_of(kind=kind) for kind in (*built_in_kinds(), *REPLACED)} == GROUPS


def test_a_kind_that_was_replaced_is_loaded_and_not_listed() -> None:
    assert set(REPLACED) == {"image-lebm"} and not set(REPLACED) & set(built_in_kinds())
    assert is_kind("image-lebm") and not is_kind("image-lebms") and not is_kind(["lebm"])
    old = resolve("lebm-svhn", ["model.kind=image-lebm"])
    field = {field.key: field for field in form_fields(old)}["model.kind"]
    assert field.value == "image-lebm" and field.choices[-1] == "image-lebm"
    new = {field.key: field for field in form_fields(resolve("lebm-svhn"))}["model.kind"]
    assert "image-lebm" not in new.choices


def test_an_lebm_with_convolutions_is_of_the_group_of_the_old_image_lebm() -> None:
    old = ImageLEBMSettings(clamp=5.0, generator=[6, 5])
    same = {**dict(old), "kind": "lebm"}
    assert group_of(**same) == group_of(**dict(old)) != group_of(kind="image-lebm")
    assert group_of(**{**same, "net": "residual"}) != group_of(**same)
    assert group_of(**{**same, "net": "dense"}) not in (group_of(**same), group_of(kind="lebm"))
    assert group_of(**{**same, "objective": "power"}) == group_of(**{**dict(old), "objective": "power"})


@pytest.mark.parametrize("kind", sorted(GROUPS))
def test_a_setting_added_since_changes_the_group_only_where_it_is_not_at_its_default(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = settings_class(kind)

    class Grown(family):  # type: ignore[valid-type, misc]
        late: int = setting(3, "added later", "units", since="99.0")
        early: int = setting(3, "as old as the family", since=family.since)

    class Late(family):  # type: ignore[valid-type, misc]
        late: int = setting(3, "added later", "units", since="99.0")

    monkeypatch.setattr("workbench.spec.schema.settings_class", lambda kind: Late)
    assert group_of(kind=kind) == GROUPS[kind] == group_of(kind=kind, late=3)
    assert group_of(kind=kind, late=4) != GROUPS[kind]
    monkeypatch.setattr("workbench.spec.schema.settings_class", lambda kind: Grown)
    assert group_of(kind=kind) != GROUPS[kind]


def test_a_module_of_the_package_is_a_family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "toy_model.py").write_text(
        "from typing import Literal\n"
        "from workbench.spec.fields import setting\n"
        "from workbench.spec.models.vae import VAESettings\n"
        "class ToySettings(VAESettings):\n"
        '    kind: Literal["toy-model"] = setting("toy-model", "model family")\n'
    )
    monkeypatch.setattr(models, "__path__", [*models.__path__, str(tmp_path)])
    caches = (models.built_in_kinds, models.model_kinds, models.settings_class)
    try:
        for cached in caches:
            cached.cache_clear()
        spec = {"model": {"kind": "toy-model", "latent": 4}, "training": {"epochs": 1}}
        assert RunSpec.model_validate(spec).model == settings_class("toy-model")(latent=4)
    finally:
        for cached in caches:
            cached.cache_clear()


@pytest.mark.parametrize("width", [0, -3, 100_001])
def test_a_hidden_layer_has_between_1_and_100000_units(width: int) -> None:
    for preset, net in (("vae-digits", "encoder"), ("lebm-moons", "prior"), ("avb-digits", "adversary")):
        said = f"model.{net}: each width must be at least 1 and at most 100000, got {width}\\."
        with pytest.raises(WorkbenchError, match=said):
            resolve(preset, [f"model.{net}=[16, {width}]"])
    spec = resolve("lebm-moons", ["model.prior=[1, 100000]", "model.generator=[]"])
    assert (spec.model.prior, spec.model.generator) == ([1, 100_000], [])  # type: ignore[attr-defined]
