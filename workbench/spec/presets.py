"""Presets: named experiments in TOML that hold only what differs from the defaults.

Found in three folders; a later one wins over an earlier one of the same name: the package's own,
`presets/` in the user's config folder, and `./presets`. The `spec.toml` of a run is a preset too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.errors import NOT_FOUND, WorkbenchError, did_you_mean
from workbench.settings import config_dir
from workbench.spec.seeds import seeds_from
from workbench.toml import Document, read_toml

SECTIONS = ("model", "data", "training", "evaluation", "resources")
TOP_LEVEL = ("title", "description", "seeds", *SECTIONS)
LAYOUT = "schema_number"  # a file with this key is the spec of a run, and has a name


@dataclass(frozen=True)
class Preset:
    """One preset file. `error` is set, and the rest empty, where the file cannot be used."""

    name: str  # the file's name without .toml; of a run's spec, the run's name
    title: str
    description: str
    path: Path
    source: str  # "built-in", "user" or "here"
    seeds: tuple[int, ...] | None = None  # None: the default of RunSpec
    document: Document | None = field(default=None, repr=False)
    error: str = ""
    made_from: str = ""  # of a run's spec: the preset that the run was made from, if known

    @property
    def layout(self) -> Any:
        """The layout number of a run's spec, as written; None for a preset."""
        return self.document.table.get(LAYOUT) if self.document else None

    @property
    def table(self) -> dict[str, Any]:
        """The sections as written: [model] [data] [training] [evaluation] [resources]."""
        table = self.document.table if self.document else {}
        return {name: table[name] for name in SECTIONS if name in table}

    @property
    def kind(self) -> str:
        """The model family it names, or an empty string."""
        return str(self.table.get("model", {}).get("kind", ""))

    @property
    def data(self) -> str:
        """The data set it names, or an empty string for the default."""
        return str(self.table.get("data", {}).get("name", ""))


def built_in_folder() -> Path:
    """Return the presets inside an installed package, or those of the checkout around it."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "_presets"
    return installed if installed.is_dir() else package.parent / "presets"


def preset_folders() -> list[tuple[str, Path]]:
    """Return (source, folder), the one that wins last. `./presets` of a checkout counts once."""
    folders = [("built-in", built_in_folder()), ("user", config_dir() / "presets")]
    here = Path.cwd() / "presets"
    if here.resolve() != folders[0][1].resolve():
        folders.append(("here", here))
    return folders


def toml_files(sub: str = "") -> dict[str, tuple[str, Path]]:
    """Return name → (source, path) of all TOML files in the preset folders, or in their `sub` folder."""
    found: dict[str, tuple[str, Path]] = {}
    for source, folder in preset_folders():
        for path in _list(folder / sub):
            found[path.stem] = (source, path)
    return dict(sorted(found.items()))


def list_presets() -> list[Preset]:
    """Return all presets by name; a broken file is listed with its `error`."""
    presets = []
    for name, (source, path) in toml_files().items():
        try:
            presets.append(load_preset(path, source))
        except WorkbenchError as error:
            presets.append(Preset(name, name, "", path, source, error=str(error)))
    return presets


def find_preset(name: str) -> Preset:
    """Return the preset of that name, or of that file if it ends in .toml.

    Raises:
        WorkbenchError: if there is none (exit code NOT_FOUND), or its file is faulty.
    """
    files = toml_files()
    if name in files:
        source, path = files[name]
        return load_preset(path, source)
    if name.endswith(".toml"):
        return load_preset(Path(name), "here")
    hint = did_you_mean(name, files) or "`workbench presets ls` lists them."
    raise WorkbenchError(f"There is no preset '{name}'.", hint, NOT_FOUND)


def load_preset(path: Path, source: str = "here") -> Preset:
    """Read one preset file and check its outline; its sections are checked by `resolve`.

    Raises:
        WorkbenchError: with file and line of the first fault.
    """
    return preset_of(read_toml(path), path.stem, path, source)


def preset_of(document: Document, name: str, path: Path, source: str, made_from: str = "") -> Preset:
    """Return the preset, or the spec of a run, that a TOML document holds; `name` is that of a preset.

    Raises:
        WorkbenchError: with file and line of the first fault.
    """
    if LAYOUT in document.table:
        check_keys(document, (*TOP_LEVEL, LAYOUT, "name"))
        name = text_of(document, "name") or name
    else:
        check_keys(document, TOP_LEVEL)
    for section in SECTIONS:
        if not isinstance(document.table.get(section, {}), dict):
            raise WorkbenchError(f"{document.where(section)}: {section}: must be a section, [{section}].")
    return Preset(
        name=name,
        title=text_of(document, "title") or name,
        description=text_of(document, "description"),
        path=path,
        source=source,
        seeds=seeds_of(document),
        document=document,
        made_from=made_from,
    )


def check_keys(document: Document, known: tuple[str, ...]) -> None:
    """Check that all top-level keys are known.

    Raises:
        WorkbenchError: with file and line of the first that is not.
    """
    for key in document.table:
        if key not in known:
            near = did_you_mean(key, known)
            hint = near[:1].lower() + near[1:] if near else f"known keys: {', '.join(known)}."
            raise WorkbenchError(f"{document.where(key)}: {key}: unknown key, {hint}")


def text_of(document: Document, key: str) -> str:
    """Return a top-level text, made harmless, or an empty string where there is none.

    Raises:
        WorkbenchError: if it is no text.
    """
    value = document.table.get(key, "")
    if not isinstance(value, str):
        raise WorkbenchError(f"{document.where(key)}: {key}: must be text in quotes.")
    return " ".join(value.split())[:2000]


def seeds_of(document: Document) -> tuple[int, ...] | None:
    """Return the top-level seeds, given as a count or a list; None where there are none.

    Raises:
        WorkbenchError: if they are no seeds.
    """
    if "seeds" not in document.table:
        return None
    try:
        return tuple(seeds_from(document.table["seeds"]))
    except WorkbenchError as error:
        raise WorkbenchError(f"{document.where('seeds')}: seeds: {error}") from None


def _list(folder: Path) -> Iterator[Path]:
    """Yield the folder's *.toml files; a folder that is not there or not readable has none."""
    try:
        yield from sorted(path for path in folder.iterdir() if path.suffix == ".toml" and path.stem)
    except OSError:
        return
