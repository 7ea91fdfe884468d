"""A terminal lab bench for latent-variable generative models.

In a notebook: `load`, `run`, `runs`, `table` and `presets` (docs/notebook.md).
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.notebook import load, presets, run, runs, table

__version__ = "0.2.0"
__all__ = ["__version__", "load", "presets", "run", "runs", "table"]

if not TYPE_CHECKING:  # a type checker reports a misspelt name instead

    def __getattr__(name: str) -> object:
        if name in __all__:
            from workbench import notebook  # at first use: every process of the program imports this file

            return getattr(notebook, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
