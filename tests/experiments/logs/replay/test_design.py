"""The design of a replay: what a log says of an update's prompts, what is assumed, and what may be asked for."""

from pathlib import Path

import numpy as np
import pytest

from experiments import cli
from experiments.logs.groups import Groups
from experiments.logs.replay.design import Design, design_of, prompts_per_update
from tests.experiments.logs.report.logs import drawn, groups, write_counts


def log(folder: Path, *, visits: int = 1, **columns: np.ndarray) -> Groups:
    """400 groups; each group `visits` times."""
    counts = np.repeat(drawn(400 // visits), visits)
    return groups(write_counts(folder / "log.csv", counts, **columns))


@pytest.mark.parametrize(
    ("step", "prompt", "expected"),
    [
        (np.arange(400) // 20, np.arange(400), 20),  # every prompt once
        (np.arange(400) // 20, np.arange(400) % 40, 20),  # two updates an epoch
        (np.arange(400) // 20, np.arange(400) % 20, 0),  # all in every update
        (np.arange(400) // 20, np.arange(400) // 2, 10),  # two groups of each prompt
        (np.minimum(np.arange(400) // 20, 18), np.arange(400), 20),  # a last step of 40
    ],
)
def test_what_a_log_says_of_an_update(tmp_path: Path, step: np.ndarray, prompt: np.ndarray, expected: int) -> None:
    assert prompts_per_update(log(tmp_path, step=step, prompt=prompt)) == expected


@pytest.mark.parametrize("missing", ["step", "prompt"])
def test_a_log_without_steps_or_prompts_says_nothing(tmp_path: Path, missing: str) -> None:
    columns = {"step": np.arange(400) // 20, "prompt": np.arange(400)}
    del columns[missing]
    assert prompts_per_update(log(tmp_path, **columns)) is None


def test_what_is_assumed_is_said(tmp_path: Path) -> None:
    whole = log(tmp_path, step=np.arange(400) // 20, prompt=np.arange(400))
    design, assumed = design_of(whole, None, None)
    assert design == Design("sgd", 20)
    assert len(assumed) == 1
    assert "--optimiser adam" in assumed[0]
    assert design_of(whole, "adam", None) == (Design("adam", 20), ())
    assert design_of(whole, "adam", 0) == (Design("adam", 0), ())
    design, assumed = design_of(whole, "adam", 1000)
    assert design == Design("adam", 32)
    assert "32 prompts in an update where your run has 1,000" in assumed[0]
    design, assumed = design_of(log(tmp_path), "adam", None)
    assert design == Design("adam", 0)
    assert "--prompts-per-update" in assumed[0]


def test_batches_divide_what_is_simulated() -> None:
    for B in range(1, 33):
        N = Design(prompts_per_update=B).num_prompts
        assert N % B == 0
        assert max(2 * B, 32) <= N < max(2 * B + 1, 32 + B)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--optimiser", "adam"], "--optimiser is adam; allowed with --replay alone"),
        (["--prompts-per-update", "8"], "--prompts-per-update is 8; allowed with --replay alone"),
        (["--replay", "--prompts-per-update", "-1"], "--prompts-per-update is -1; allowed: an integer of at least 0"),
    ],
)
def test_what_is_refused(tmp_path: Path, capsys, options: list[str], words: str) -> None:
    path = write_counts(tmp_path / "a.csv", drawn(400))
    with pytest.raises(SystemExit) as stopped:
        cli.main(["advise", str(path), *options])
    assert stopped.value.code == 2
    assert words in " ".join(capsys.readouterr().err.replace("│", " ").split())
