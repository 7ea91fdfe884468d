"""Settings of the classifier: its net, its dropout, what it is augmented with, and how it is attacked."""

from __future__ import annotations

from typing import ClassVar, Literal

from workbench.spec.fields import setting
from workbench.spec.health import Check
from workbench.spec.models.base import Activation, ModelSettings, OwnMetrics, hidden


class ClassifierSettings(ModelSettings):
    """Softmax classifier of labelled data; trained on a generator's reconstructions too, if asked."""

    engine: ClassVar[str] = "workbench.engine.models.classifier:Classifier"
    title: ClassVar[str] = "Classifier"
    own_metrics: ClassVar[OwnMetrics] = (("accuracy",), ("nll",))
    checks: ClassVar[tuple[Check, ...]] = (
        Check(
            "state:skill",
            "it finds {value:.0%} of the labels that the commonest one leaves",
            low=(0.2, 0.02),
        ),
    )
    has_samples: ClassVar[bool] = False
    has_latents: ClassVar[bool] = False
    has_density: ClassVar[bool] = False

    kind: Literal["classifier"] = setting("classifier", "model family")
    net: Literal["mlp", "cnn"] = setting(
        "mlp",
        "fully connected layers, or two convolutions of 5×5 (10 and 20 channels) and a layer of 50 units",
    )
    hidden: list[int] = hidden(256, what="fully connected net")
    activation: Activation = setting("relu", "non-linearity of the fully connected net")
    dropout: float = setting(
        0.5, "probability that a hidden unit (or a channel) is left out of an update", "share", ge=0.0, lt=1.0
    )
    augment_from: str = setting(
        "",
        "finished run whose reconstructions are trained on too: a run id, or the name of a preset (its "
        "newest run); empty for none",
        max_length=150,
    )
    augment_draws: int = setting(
        2, "reconstructions per training image, each with a latent of its own", "draws", ge=1, le=100
    )
    attack_images: int = setting(
        1000, "test images attacked at the end (the first ones); 0 attacks none", "examples", ge=0
    )
    pgd_steps: int = setting(
        40, "steps of projected gradient ascent on the loss (PGD)", "steps", ge=1, le=10_000
    )
    pgd_step: float = setting(0.01, "size of a PGD step in each pixel", "data units", gt=0.0, le=1.0)
