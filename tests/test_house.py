"""House rules that no linter checks: module lengths, docstrings, function-level imports, errors."""

import ast
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parents[1]
LONGEST = 400  # lines of a module
WIDEST = 110  # characters of a line
FUNCTION_IMPORTS = 50  # imports inside functions of the package
PRAGMA = re.compile(r"\s*# (noqa|type:|pragma:).*$")  # directives, which ruff does not count either
PACKAGE = sorted((ROOT / "workbench").rglob("*.py"))
EVERYTHING = [*PACKAGE, *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "benchmarks").rglob("*.py"))]
Function = ast.FunctionDef | ast.AsyncFunctionDef


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def report(rule: str, offenders: list[str]) -> None:
    if offenders:
        pytest.fail(f"{rule} ({len(offenders)}):\n" + "\n".join(offenders), pytrace=False)


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def functions(path: Path) -> Iterator[Function]:
    return (node for node in ast.walk(parsed(path)) if isinstance(node, Function))


def test_no_module_is_too_long() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in EVERYTHING}
    report("too many lines", [f"{name(path)}: {n}" for path, n in lengths.items() if n > LONGEST])
    assert lengths[ROOT / "workbench" / "ui" / "app.py"] <= 250
    assert median(lengths[path] for path in PACKAGE) <= 120


def test_a_module_begins_with_a_sentence_about_its_purpose() -> None:
    first = {
        name(path): (ast.get_docstring(parsed(path)) or "").partition("\n\n")[0].replace("\n", " ")
        for path in PACKAGE
        if path.name != "__init__.py" or path.read_text().strip()
    }
    wrong = [
        f"{module}: {text!r}" for module, text in first.items() if not re.fullmatch(r"\S.{10,}[.:]", text)
    ]
    report("no sentence at the beginning", wrong)


def test_no_line_is_too_wide() -> None:
    wide = [
        f"{name(path)}:{number}"
        for path in EVERYTHING
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if len(PRAGMA.sub("", line)) > WIDEST
    ]
    report(f"more than {WIDEST} characters", wide)


def commented_lines(path: Path) -> set[int]:
    """Return the lines of a module that have a comment of more than a directive."""
    with path.open("rb") as file:
        return {
            token.start[0]
            for token in tokenize.tokenize(file.readline)
            if token.type == tokenize.COMMENT and PRAGMA.sub("", " " + token.string)
        }


def imports_inside_functions(path: Path) -> set[int]:
    """Return the lines of import statements and `import_module` calls inside functions."""
    return {
        node.lineno
        for function in functions(path)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
        or (isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"))
    }


def test_imports_inside_functions_are_few_and_give_their_reason() -> None:
    found = [(path, line) for path in PACKAGE for line in sorted(imports_inside_functions(path))]
    silent = [f"{name(path)}:{line}" for path, line in found if not {line - 1, line} & commented_lines(path)]
    report("no reason on the line of the import or above it", silent)
    assert len(found) <= FUNCTION_IMPORTS


def test_public_functions_document_the_errors_they_raise() -> None:
    """Verbs are exempt: their docstrings are help texts, and docs/cli.md lists the exit codes."""
    silent = [
        f"{name(path)}:{function.lineno}: {function.name}"
        for path in PACKAGE
        for function in functions(path)
        if not function.name.startswith("_")
        and path.parent.name != "cli"
        and "raises" not in (ast.get_docstring(function) or "").lower()
        and any(
            isinstance(node, ast.Raise) and node.exc and "WorkbenchError" in ast.unparse(node.exc)
            for node in ast.walk(function)
        )
    ]
    report("no `Raises` in the docstring", silent)


def test_tests_mirror_the_package() -> None:
    """A test of `workbench/a/b.py` is `tests/a/test_b.py`; contracts and whole-program tests are apart."""
    rooms, found = (
        {path.name for path in (ROOT / folder).iterdir() if path.is_dir() and path.name[0] not in "._"}
        for folder in ("workbench", "tests")
    )
    assert found - rooms <= {"contracts", "golden", "plugin_example", "recipes"}
