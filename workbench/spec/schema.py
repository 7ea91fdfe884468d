"""What an experiment is: one model on one data set, how it trains, is judged, and where it runs."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal, Self

from pydantic import SerializeAsAny, field_validator, model_validator

from workbench.errors import WorkbenchError
from workbench.spec.data.settings import DataSettings
from workbench.spec.estimates import planned
from workbench.spec.fields import ROUNDED_CHAIN, Settings, setting
from workbench.spec.models import ModelSettings, settings_class

SCHEMA = 1


class TrainingSettings(Settings):
    """How long and how fast. Exactly one of `iterations` and `epochs` says how long."""

    iterations: int | None = setting(None, "length in parameter updates", "iterations", ge=1, le=100_000_000)
    epochs: int | None = setting(None, "length in passes over the training set", "epochs", ge=1, le=1_000_000)
    batch: int = setting(100, "examples per update and seed", "examples", ge=1, le=1_000_000)
    init_from: str = setting(
        "",
        "finished run whose weights the model starts from, by name and shape: a run id, or the name of a "
        "preset (its newest run); empty for none",
        since="0.2.0",
        max_length=150,
    )
    optimiser: Literal["adam", "adamw", "sgd"] = setting("adam", "optimiser of the model's weights")
    lr: float = setting(1e-3, "learning rate of the model's weights", gt=0.0, le=10.0)
    beta1: float = setting(0.9, "Adam's first-moment decay", ge=0.0, lt=1.0)
    momentum: float = setting(0.0, "momentum of sgd", since="0.2.0", ge=0.0, lt=1.0)
    weight_decay: float = setting(
        0.0, "decoupled weight decay of adamw and sgd, per unit of learning rate", since="0.2.0", ge=0.0
    )
    ema: float = setting(
        0.0,
        "decay of the averaged weights that are evaluated and draw samples; 0 evaluates the weights "
        "themselves (ddpm, dsm: model.ema)",
        since="0.2.0",
        ge=0.0,
        lt=1.0,
    )
    schedule: Literal["constant", "linear", "cosine"] = setting(
        "constant",
        "learning rate: constant; flat up to `decay_from` and then linear down to `decay_to`; or half a "
        "cosine from the end of the warm-up down to `decay_to`",
    )
    warmup: float = setting(
        0.0,
        "linear rise of the learning rate: a number of updates, or below 1 a share of the length; 0 is off",
        "iterations",
        since="0.2.0",
        ge=0.0,
    )
    decay_from: float = setting(
        0.5, "share of the length after which a linear schedule falls", ge=0.0, le=1.0
    )
    decay_to: float = setting(0.02, "what is left of the learning rate at the end", "of lr", ge=0.0, le=1.0)
    patience: int = setting(
        0,
        "validation points without a better one after which a seed stops and keeps its best state; 0 never",
        "points",
        since="0.1.0",
        ge=0,
        le=1_000_000,
    )
    min_delta: float = setting(
        0.0, "fall of the validation loss that counts as better", since="0.1.0", ge=0.0
    )
    clip: float = setting(0.0, "largest gradient norm per seed; 0 does not clip", ge=0.0)
    precision: Literal["float32", "float64", "bf16"] = setting(
        "float32",
        "numbers used in training; float64 is for checks; bf16 rounds the factors of products and "
        "convolutions of a training step, and weights stay float32",
    )
    tf32: bool = setting(
        False, "on a GPU, products and convolutions of a training step in TF32 (10 bits)", since="0.2.0"
    )
    log_every: int = setting(
        0, "iterations between points of a curve; 0 chooses about 200 points a run", "iterations", ge=0
    )
    snapshot_every: int = setting(
        0, "iterations between samples and latents on screen; 0 chooses about 12 a run", "iterations", ge=0
    )
    checkpoint_every: int = setting(
        0, "iterations between checkpoints; 0 chooses about 10 a run", "iterations", ge=0
    )

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if (self.iterations is None) == (self.epochs is None):
            raise ValueError("give exactly one of training.iterations and training.epochs")
        return self

    @model_validator(mode="after")
    def _optimiser_takes_its_settings(self) -> Self:
        if self.momentum and self.optimiser != "sgd":
            raise ValueError("training.momentum needs training.optimiser = sgd (adam has training.beta1)")
        if self.weight_decay and self.optimiser == "adam":
            raise ValueError("training.weight_decay needs training.optimiser = adamw or sgd")
        return self


class EvaluationSettings(Settings):
    """What is measured on held-out data, and with how many draws."""

    every: int = setting(
        0, "iterations between validation points; 0 chooses about 20 a run", "iterations", ge=0
    )
    images: int = setting(0, "test examples judged at the end; 0 takes all", "examples", ge=0)
    importance_samples: int = setting(
        64, "draws of the importance-weighted bound (IWAE-k)", "draws", ge=1, le=100_000
    )
    samples: int = setting(1000, "model samples compared with test data", "samples", ge=16, le=100_000)
    sample_draws: int = setting(
        4, "independent sets of samples averaged in the energy distance", "draws", ge=1, le=1000
    )
    neighbours: int = setting(5, "k of the k-NN accuracy of the latents", "neighbours", ge=1, le=1000)
    estimates: list[str] = setting(
        [],
        "measured when training is over, by names and settings of `workbench evaluate`, "
        'such as ["ais images=100 chains=4", "probe"]',
        since="0.1.0",
        max_length=20,
    )
    estimates_every: int = setting(
        0,
        "iterations between points of curves of the estimates; 0 draws none",
        "iterations",
        since="0.1.0",
        ge=0,
    )

    @field_validator("estimates", mode="before")
    @classmethod
    def _one_needs_no_list(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("estimates")
    @classmethod
    def _can_be_measured(cls, texts: list[str]) -> list[str]:
        try:
            planned(texts)
        except WorkbenchError as problem:
            raise ValueError(str(problem)) from None
        return texts

    @model_validator(mode="after")
    def _curves_of_something(self) -> Self:
        if self.estimates_every and not self.estimates:
            raise ValueError('evaluation.estimates_every needs evaluation.estimates, such as ["probe"]')
        return self


class ResourcesSettings(Settings):
    """Where the run may be placed."""

    device: str = setting(
        "auto",
        "auto (a GPU where there is one; small data may take the CPU), gpu (any GPU), cpu, or cuda:N",
        pattern=r"^(auto|gpu|cpu|cuda:\d{1,3})$",
    )
    threads: int = setting(1, "CPU threads of the worker", "threads", ge=1, le=1024)
    gpu_share: float = setting(
        0.0,
        "share of one GPU this run takes; 0 lets its memory decide who shares a GPU",
        "GPU",
        ge=0.0,
        le=1.0,
    )
    memory_mb: int = setting(
        0, "memory the run needs on its device; 0 takes the peak of earlier runs of its group", "MiB", ge=0
    )
    minutes: float = setting(
        0.0, "wall-time limit of all attempts together, in the queue; 0 sets none", "minutes", ge=0.0
    )


class RunSpec(Settings):
    """Everything needed to repeat a run. Members of an ensemble share all of it but the seed."""

    schema_number: int = setting(SCHEMA, "layout number of this file", ge=1, le=SCHEMA)
    name: str = setting("run", "label shown in tables and used in run ids", min_length=1, max_length=80)
    model: SerializeAsAny[ModelSettings] = setting(..., "model family and its settings")
    data: DataSettings = setting(DataSettings(), "data set")
    training: TrainingSettings = setting(..., "training")
    evaluation: EvaluationSettings = setting(EvaluationSettings(), "evaluation")
    resources: ResourcesSettings = setting(ResourcesSettings(), "resources")
    seeds: list[int] = setting([0], "random seeds trained together", min_length=1, max_length=1000)

    @field_validator("model", mode="before")
    @classmethod
    def _model_of_its_kind(cls, value: Any) -> Any:
        if isinstance(value, dict):
            kind = value.get("kind")
            if not isinstance(kind, str):
                raise ValueError("model.kind must be the name of a family")
            return settings_class(kind).model_validate(value)
        return value

    @field_validator("seeds")
    @classmethod
    def _distinct_seeds(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) != len(seeds):
            raise ValueError("seeds must differ from each other")
        if any(seed < 0 or seed >= 2**31 for seed in seeds):
            raise ValueError("seeds must lie between 0 and 2147483647")
        return seeds

    @model_validator(mode="after")
    def _held_out(self) -> Self:
        if self.training.patience and not self.data.validation_size:
            raise ValueError(
                "training.patience needs examples held out from training: set data.validation_size, "
                "say to a tenth of the training set (the test set must not decide when to stop)"
            )
        return self

    @model_validator(mode="after")
    def _accept_steps_are_exact(self) -> Self:
        settings = {"precision = bf16": self.training.precision == "bf16", "tf32": self.training.tf32}
        for name, chosen in settings.items():
            if chosen and self.model.has_accept_step():
                raise ValueError(f"training.{name} is not offered for {self.model.kind}: {ROUNDED_CHAIN}")
        return self

    @model_validator(mode="after")
    def _estimates_fit(self) -> Self:
        """Refuse before training what could not be measured after it; the engine refuses the rest."""
        for name, settings in planned(self.evaluation.estimates).items():
            if unmet := settings.unmet_need(self.model):
                raise ValueError(f"evaluation.estimates: {name} {unmet}")
        return self

    def group_hash(self) -> str:
        """Return 12 hex digits shared by all runs that differ only in seeds, name and resources.

        Of own data the content counts, and neither where it lies nor what it is called.
        """
        sections = ("model", "data", "training", "evaluation")
        body = {section: getattr(self, section).hashed() for section in sections}
        if self.data.path:
            del body["data"]["path"], body["data"]["name"]
        return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:12]
