"""A faulty scheduler: at its start it queues again whatever was running, alive or not.

The chaos test must catch it, or it would not notice the fault it is there for.
"""

from __future__ import annotations

import sys

from workbench.queue.attempts import Keeper
from workbench.queue.scheduler import main


class RequeueWhateverWasRunning(Keeper):
    """Takes "running" in a file for dead."""

    def recover(self) -> None:
        super().recover()
        for entry in self.board.under_way():
            entry.save(entry.state.moved("queued"))


if __name__ == "__main__":
    sys.exit(main(keeper=RequeueWhateverWasRunning))
