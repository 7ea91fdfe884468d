"""The command line: `workbench` opens the screens, its verbs do the same work without them."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from typing import Any

from workbench.cli.tui import open_screens, screen_options
from workbench.errors import STORE, WorkbenchError
from workbench.text import safe_text


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code. An error is one line on stderr."""
    while (spare := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass  # a closed stream's number would go to the next file that is opened, and be written to
    os.close(spare)
    if sys.stdout is None:
        return _complain("Standard output is closed. Send it to a file, or to /dev/null.", STORE)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that knows no ± gets a ?
            stream.reconfigure(errors="replace")
    given = sys.argv[1:] if arguments is None else arguments
    try:
        return _run(given)
    except WorkbenchError as error:
        return _complain(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _complain("Interrupted.", 130)
    except (BrokenPipeError, SystemExit):  # the parser turns the one into the other
        # broken pipe: the reader closed it; keep Python from complaining at exit as well
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + 13
    except OSError as error:
        return _complain(_os_sentence(error), STORE)
    except Exception as error:
        if os.environ.get("WORKBENCH_DEBUG"):
            raise
        kind = type(error).__name__
        return _complain(f"Unexpected error: {kind}: {error} WORKBENCH_DEBUG=1 shows the traceback.", 1)


def _run(arguments: list[str]) -> int:
    """Open the screens if nothing else is asked for, else import the verbs and their parser."""
    options = screen_options(arguments)
    if options is not None and "_WORKBENCH_COMPLETE" not in os.environ:
        return open_screens(options.store, mouse=options.mouse, ascii=options.ascii)
    from workbench.cli.verbs import run_verb  # loads typer and all verbs: 0.1 s before the first screen

    return run_verb(arguments)


def _complain(sentence: str, code: int) -> int:
    if sys.stderr is None:  # closed from the start
        return code
    with contextlib.suppress(OSError):  # stderr is gone too
        sys.stderr.write(f"workbench: {safe_text(sentence, 2000, one_line=True)}\n")
        sys.stderr.flush()
    return code


def _os_sentence(error: OSError) -> str:
    """Return what the operating system refused, and how to fix it."""
    fixes: dict[Any, str] = {
        errno.ENOSPC: "Free some space or choose another folder with --store.",
        errno.EDQUOT: "Free some of your quota or choose another folder with --store.",
        errno.EACCES: "Change its permissions or choose another folder with --store.",
        errno.EPERM: "Change its permissions or choose another folder with --store.",
        errno.EROFS: "Choose another folder with --store.",
    }
    if error.errno == errno.ENOENT and not error.filename:
        return "The current folder no longer exists. Change to another one."
    place = f": {error.filename}" if error.filename else ""
    return f"{error.strerror or error}{place}. {fixes.get(error.errno, '')}".strip()


if __name__ == "__main__":
    sys.exit(main())
