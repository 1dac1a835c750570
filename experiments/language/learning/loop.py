"""The loop of every training run: steps, and pauses at which its owner looks, saves, or stops.

    for state, rows in learn(state, step, num_steps=…, pause=…):
        …                                           # rows: those of the steps since the last pause

`gsm8k sft` and `gsm8k train` save checkpoints in the pauses, a validation measures pass rates (SFT) or probes (RL).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from experiments.language.learning.lost import refuse_lost
from experiments.language.learning.state import Row, State, Step


def learn(
    state: State, step: Step, *, num_steps: int, pause: Callable[[int], bool]
) -> Iterator[tuple[State, list[Row]]]:
    """Steps from `state` on until number `num_steps`; stop earlier by leaving the loop.

    Arguments:
        state: where to begin, which may be at any step.
        step: of a learner.
        num_steps: of the whole run, those already made included.
        pause: whether to pause before the step of this number. The last pause, after all steps, is always made.

    Yields:
        The state and the rows since the last pause, each with its step's number, "step".
    """
    rows: list[Row] = []
    while True:
        done = state.step >= num_steps
        if done or pause(state.step):
            yield state, rows
            rows = []
        if done:
            return
        number = state.step
        state, row = step(state)
        rows.append({"step": float(number), **row})


def every(number: int) -> Callable[[int], bool]:
    """Pause at multiples of `number`: a resumed run pauses where it would have without the interruption.

    >>> [step for step in range(7) if every(3)(step)]
    [0, 3, 6]
    """
    return lambda step: step % number == 0


def refusing(step: Step, advice: str = "try a smaller --step-size or --max-norm") -> Step:
    """The step, but a FloatingPointError where it loses the run (`lost.py`)."""

    def checked(state: State) -> tuple[State, Row]:
        new, row = step(state)
        refuse_lost(f"the update of step {state.step}", row["update_norm"], advice)
        return new, row

    return checked
