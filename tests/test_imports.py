"""Who may import whom, proved in fresh interpreters and by the contracts in pyproject.toml."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("torch", "torchvision", "sklearn")


def torch_free_modules() -> list[str]:
    """Every module of the package but those of the engine and `__main__`."""
    package = ROOT / "workbench"
    names = []
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[1:2] != ("engine",) and parts[-1] != "__main__":
            names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return names


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_everything_but_the_engine_loads_without_torch():
    modules = torch_free_modules()
    assert len(modules) > 40
    code = f"""
import importlib, sys
for name in {modules!r}:
    importlib.import_module(name)
    found = [heavy for heavy in {HEAVY!r} if heavy in sys.modules]
    assert not found, f"{{name}} loads {{found}}"
"""
    python(code)


LIGHT = (*HEAVY, "textual", "numpy", "psutil", "pynvml", "plotext")


@pytest.mark.parametrize(
    ("arguments", "forbidden"),
    [
        (["--help"], (*LIGHT, "pydantic", "rich")),
        (["--version"], (*LIGHT, "pydantic", "rich")),
        (["queue", "--help"], LIGHT),  # newer versions of typer check arguments with pydantic
        (["run", "--help"], LIGHT),
        (["presets", "ls"], LIGHT),
    ],
)
def test_plain_verbs_load_nothing_heavy(arguments, forbidden):
    code = f"""
import sys
from workbench.cli.main import main
assert main({arguments!r}) == 0
found = [name for name in {forbidden!r} if name in sys.modules]
assert not found, found
"""
    assert python(code)


def test_the_screens_come_up_without_the_parser_of_the_verbs():
    heavy = (*HEAVY, "typer", "click", "numpy", "pydantic", "psutil", "plotext", "sqlite3")
    code = f"""
import sys
from workbench.cli import main, tui
from workbench.ui.app import WorkbenchApp
found = [name for name in {heavy!r} if name in sys.modules]
assert not found, found
"""
    python(code)


def test_only_the_screens_load_textual():
    faces = [name for name in torch_free_modules() if not name.startswith("workbench.ui")]
    code = f"""
import importlib, sys
for name in {faces!r}:
    importlib.import_module(name)
assert "textual" not in sys.modules
"""
    python(code)


def test_help_loads_nothing_that_is_slow_to_import():
    code = """
import sys
from workbench.cli.main import main
main(["--help"])
slow = {"numpy", "torch", "textual", "rich", "pydantic", "sqlite3", "tomllib"} & set(sys.modules)
assert not slow, slow
"""
    python(code)


def test_import_contracts():
    tool = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run(
        [str(tool), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
