"""The function behind the example estimate."""

from __future__ import annotations

from workbench.engine.evaluation.entry import entry
from workbench.engine.evaluation.task import Findings, Task


def spread(task: Task) -> Findings:
    """Return the root mean square of the encoded test examples."""
    batch = next(task.data.chunks("test", task.streams, task.settings.images, task.settings.images))
    z = task.model.encode(batch.x, task.streams)
    return Findings(metrics={"latent_spread": entry(z.square().mean((1, 2)).sqrt(), None, z.shape[1])})
