"""The facts about a data set by name, as a process: its loader may need torch.

    python -m workbench.engine.data.describe SETTINGS FILE

SETTINGS is a JSON object of `DataSettings`. FILE becomes an .npz with the preview's arrays and `report`, the
facts in JSON. The last line of standard error says why there is none; exit codes are the worker's.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from pkgutil import resolve_name

import numpy as np

from workbench.engine.process import explain, log
from workbench.exit_codes import WorkerExit
from workbench.settings import user_settings
from workbench.spec.data import Arrays, source_of
from workbench.spec.data.report import report_of
from workbench.spec.data.settings import DataSettings


def main() -> int:
    """Load, describe, write, and return the exit code."""
    settings = DataSettings.model_validate_json(sys.argv[1])
    user = user_settings()
    try:
        arrays: Arrays = resolve_name(source_of(settings).load)(settings, user.data_dir, user.download)
        report, preview = report_of(settings, arrays)
    except Exception as problem:
        code, sentence = explain(problem, "Set data.train_size.")
        log(sentence)
        return code
    np.savez(Path(sys.argv[2]), report=json.dumps(asdict(report)), **preview)
    return WorkerExit.DONE


if __name__ == "__main__":
    sys.exit(main())
