"""Which code a run was trained with, and whether it is the code that is here now."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import workbench
from workbench.store.json_fields import read_table, table
from workbench.store.paths import RunPaths

DIFF_LIMIT = 100_000  # characters of an uncommitted diff that are kept


@dataclass(frozen=True)
class CodeState:
    """A version of the program, its commit where it is a checkout, and whether that has been changed."""

    version: str = ""  # empty: not recorded
    commit: str = ""
    dirty: bool = False

    def __str__(self) -> str:
        code = f"commit {self.commit[:10]}" if self.commit else f"version {self.version}"
        return f"{code} with uncommitted changes" if self.dirty else code


@dataclass(frozen=True)
class CodeChange:
    """The code of a run and the code here; `same` is None where the first was not recorded."""

    run: CodeState
    here: CodeState
    same: bool | None
    text: str  # one sentence


def code_change(paths: RunPaths) -> CodeChange:
    """Compare the code that a run was trained with, as recorded at its first start, with the present one."""
    environment = read_table(paths.environment)
    old = table(environment.get("git"))
    new = git_state(Path(workbench.__file__).parent) or {}
    run = _code_state(environment.get("workbench"), old)
    here = _code_state(workbench.__version__, new)
    if not run.version:
        return CodeChange(run, here, None, f"The code of {paths.id} was not recorded: it has not started.")
    if run == here and old.get("diff", "") == new.get("diff", ""):
        return CodeChange(run, here, True, f"The code is that of {paths.id}: {here}.")
    here_text = "the same commit with other uncommitted changes" if run == here else str(here)
    text = f"The code has changed: {paths.id} was trained with {run}, here is {here_text}."
    return CodeChange(run, here, False, text)


def _code_state(version: Any, git: dict[str, Any]) -> CodeState:
    return CodeState(str(version or ""), str(git.get("commit") or ""), bool(git.get("diff")))


def git_state(folder: Path) -> dict[str, Any] | None:
    """Return commit and uncommitted changes of a checkout, or None outside one."""
    commit = _run_git(folder, "rev-parse", "HEAD")
    if not commit:
        return None
    diff = _run_git(folder, "diff", "HEAD", "--no-ext-diff") or ""
    if len(diff) > DIFF_LIMIT:
        diff = diff[:DIFF_LIMIT] + f"\n… cut off, {len(diff) - DIFF_LIMIT} characters more\n"
    return {"commit": commit.strip(), "diff": diff}


def _run_git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="replace") if done.returncode == 0 else None
