"""What requests do to a run's state, and which changes of state there are."""

from __future__ import annotations

import pytest

from workbench.queue.transitions import Verdict, apply
from workbench.store.state import STATES, TRANSITIONS, VERBS, IllegalTransition, RunState, State, Verb

# state → verb → what becomes of it; what is not listed is dropped
EXPECTED: dict[State, dict[Verb, State]] = {
    "queued": {"cancel": "cancelled", "pause": "paused"},
    "paused": {"cancel": "cancelled", "resume": "queued"},
    "failed": {"retry": "queued"},
    "cancelled": {"retry": "queued"},
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in ("priority", "move")])
def test_every_verb_in_every_state(state: State, verb: Verb) -> None:
    answer = apply(RunState(state=state), verb, None, now=9.0)
    if state in ("starting", "running") and verb in ("cancel", "pause"):
        assert (answer.state, answer.stopping) == (state, verb)
    elif verb in EXPECTED.get(state, {}):
        assert answer.state == EXPECTED[state][verb]
    else:
        assert answer is Verdict.DROP


@pytest.mark.parametrize(
    ("state", "verb", "answer"),
    [
        (RunState("running", stopping="pause"), "resume", Verdict.DEFER),  # until the worker has stopped
        (RunState("running", stopping="cancel"), "retry", Verdict.DEFER),
        (RunState("running", stopping="cancel"), "pause", Verdict.DROP),
        (RunState("failed", failure="diverged"), "retry", Verdict.DROP),
    ],
)
def test_some_requests_wait_or_are_dropped_but_cancel_beats_pause(
    state: RunState, verb: Verb, answer: Verdict
) -> None:
    assert apply(state, verb, None, 0.0) is answer
    assert apply(RunState("running", stopping="pause"), "cancel", None, 0.0).stopping == "cancel"


def test_retry_forgets_the_failure_but_never_the_attempt_number() -> None:
    failed = RunState(state="failed", failure="crash", reason="it broke", attempt=3, tries=2, ended=5.0)
    answer = apply(failed, "retry", None, now=9.0)
    assert (answer.failure, answer.reason, answer.tries, answer.ended) == ("", "", 0, None)
    assert answer.attempt == 3


def test_priority_needs_a_value_and_a_run_that_is_not_over() -> None:
    assert apply(RunState(), "priority", 7, 0.0) == RunState(priority=7)
    assert apply(RunState(), "priority", None, 0.0) is Verdict.DROP
    assert apply(RunState(state="finished"), "priority", 7, 0.0) is Verdict.DROP


@pytest.mark.parametrize("before", STATES)
@pytest.mark.parametrize("after", STATES)
def test_only_the_listed_transitions_are_possible(before: State, after: State) -> None:
    assert before != "finished" or not TRANSITIONS[before]
    if after in TRANSITIONS[before]:
        assert RunState(state=before).moved(after).state == after
    else:
        with pytest.raises(IllegalTransition):
            RunState(state=before).moved(after)
