"""One run at a glance: what lists, tables and panes show without opening more than the index."""

from __future__ import annotations

from dataclasses import dataclass, field

from workbench.spec.health import Health
from workbench.store.state import ACTIVE, ALLOWED, LIVE, SCHEDULED, Failure, State, Verb


@dataclass(frozen=True)
class RunRow:
    """Identity, place in the queue, progress, and final metrics (a value per seed; None = not finite)."""

    id: str
    name: str
    kind: str
    data: str
    state: State
    seeds: tuple[int, ...] = (0,)
    group: str = ""  # hash of the spec without its seeds
    preset: str = ""
    study: str = ""
    study_id: str = ""
    rerun_of: str = ""  # id of the run that this one repeats, with changes
    attempt: int = 0
    reason: str = ""  # one sentence: why it is in this state
    failure: Failure = ""
    next: str = ""  # what happens next, or what to do
    priority: int = 0
    place: float | None = None  # where it was moved to in the queue
    device: str = ""
    created: float = 0.0
    started: float | None = None
    ended: float | None = None
    phase: str = ""
    step: int = 0
    total: int = 0
    steps_per_second: float = 0.0
    heard: float | None = None  # when the worker last reported its progress
    summary: dict[str, tuple[float | None, ...]] = field(default_factory=dict)
    errors: dict[str, float] = field(default_factory=dict)  # standard error, of one seed or equal ones
    health: tuple[Health, ...] = ()  # the verdict on each seed; empty if none was made
    tags: tuple[str, ...] = ()
    note: str = ""

    @property
    def live(self) -> bool:
        """Whether the run may still change."""
        return self.state in LIVE

    @property
    def active(self) -> bool:
        """Whether an attempt is under way."""
        return self.state in ACTIVE

    @property
    def scheduled(self) -> bool:
        """Whether the scheduler has to act on it: start it, or see it through."""
        return self.state in SCHEDULED

    def allows(self, verb: Verb) -> bool:
        """Whether the run is in a state in which the request has an effect."""
        return self.state in ALLOWED[verb]

    @property
    def took(self) -> float | None:
        """Seconds from start to end; never negative, though the clock may have been set back between."""
        if self.started is None or self.ended is None:
            return None
        return max(0.0, self.ended - self.started)

    @property
    def turn(self) -> tuple[int, float, str]:
        """The order of waiting runs: priority, then place or age."""
        return (-self.priority, self.created if self.place is None else self.place, self.id)

    @property
    def eta(self) -> float | None:
        """Seconds of training left at the present rate, or None where nothing is known."""
        if self.state != "running" or self.steps_per_second <= 0 or self.total <= 0:
            return None
        return max(0.0, (self.total - self.step) / self.steps_per_second)
