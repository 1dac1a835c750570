"""`logs follow`: a line per new state, files that are half written, an end by Ctrl-C, and metrics without rollouts."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from curvature.group_update import greatest_moved_share
from experiments import cli
from experiments.logs.follow import run
from experiments.logs.follow.config import Follow
from experiments.logs.follow.metrics import find_metrics, metrics_line, metrics_text
from experiments.logs.source import Source
from tests.experiments.logs.report.logs import drawn, write_counts


def lines(counts: np.ndarray, first: int = 0) -> str:
    """JSON lines of verl, groups of 8, one step per 40 groups."""
    found = []
    for i, k in enumerate(counts, first):
        for j in range(8):
            row = {"input": f"q{i}", "output": f"a{j}", "score": float(j < k), "uid": f"{i}_{j}_0"}
            found.append(json.dumps(row | {"step": i // 40}))
    return "\n".join(found) + "\n"


def source(folder: Path, **options) -> Source:
    return Source(paths=(folder,), **options)


def test_once_prints_the_state_and_the_advice(tmp_path: Path, capsys) -> None:
    write_counts(tmp_path / "a.csv", drawn(800), step=np.arange(800) // 8)
    cli.main(["logs", "follow", str(tmp_path / "a.csv"), "--once"])
    first, rest = capsys.readouterr().out.split("\n", 1)
    assert first.startswith("step 99: 800 groups of 8, ")
    assert "; dividing moves 6." in first
    assert "; steps 75 to 99: " in first
    assert rest.startswith("No difference that you could see")


def test_lines_are_of_the_same_numbers_as_the_report(tmp_path: Path, capsys) -> None:
    path = write_counts(tmp_path / "a.csv", drawn(800), step=np.arange(800) // 8)
    cli.main(["logs", "report", str(path), "--out", str(tmp_path / "out")])
    capsys.readouterr()
    s = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert run.state_line(s) == run.state_line(run.look(Follow(source(path), once=True)))
    assert f"{100 * s['dead_share']:.1f}% dead" in run.state_line(s)
    assert f"{100 * s['moved_share']['group']:.1f}% [" in run.state_line(s)


def test_only_what_is_new_is_printed(tmp_path: Path, capsys, monkeypatch) -> None:
    """Nothing, half a file, a file, the same again, more of it; then Ctrl-C."""
    text = lines(drawn(160))
    whole, half = tmp_path / "1.jsonl", lines(drawn(160)[:80]) + text[:20]  # its last line is cut off
    then = iter(
        [
            lambda: whole.write_text(half[:20]),  # no whole line
            lambda: whole.write_text(half),
            lambda: None,
            lambda: whole.write_text(text),
        ]
    )

    def pause(seconds: float) -> None:
        assert seconds >= 3
        step = next(then, None)
        if step is None:
            raise KeyboardInterrupt
        step()

    monkeypatch.setattr(run.time, "sleep", pause)
    assert run.follow(Follow(source(tmp_path), every=3)) == 0
    printed = capsys.readouterr().out.split("\n\n")[0].splitlines()
    assert printed[0].startswith("waiting: PATH is ")
    assert printed[1].startswith("waiting: ")
    assert [line.split(" groups")[0].split()[-1] for line in printed[2:]] == ["80", "160"]


def test_a_damaged_log_is_refused_where_one_look_is_all(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no rollouts"):
        run.follow(Follow(source(tmp_path), once=True))


def test_a_wrong_column_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "1.jsonl").write_text(lines(drawn(20)))
    with pytest.raises(ValueError, match="--correct is right: column is 'right'"):
        run.follow(Follow(source(tmp_path), correct="right"))


def test_ctrl_c_ends_it_with_the_advice(tmp_path: Path) -> None:
    write_counts(tmp_path / "a.csv", drawn(300))
    command = [str(Path(sys.executable).parent / "grpo-curvature"), "logs", "follow", str(tmp_path / "a.csv")]
    process = subprocess.Popen(
        [*command, "--every", "60"],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # which a job in the background ignores
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    time.sleep(0.2)
    os.kill(process.pid, signal.SIGINT)
    rest = process.communicate(timeout=60)[0]
    assert first.startswith("300 groups of 8")
    assert "Because:" in rest
    assert process.returncode == 0


def history(folder: Path, dead: list[float], name: str = "log_history.json", **more: object) -> None:
    rows = [{"step": i + 1, "reward": 0.1 * i, "frac_reward_zero_std": share} for i, share in enumerate(dead)]
    rows.append({"step": len(dead), "train_loss": 0.1, **more})
    content = rows if name == "log_history.json" else {"log_history": rows}
    (folder / name).write_text(json.dumps(content))


@pytest.mark.parametrize("name", ["log_history.json", "trainer_state.json"])
def test_metrics_where_there_are_no_rollouts(tmp_path: Path, capsys, name: str) -> None:
    history(tmp_path, [0.5, 0.25, 0.5, 0.0, 0.25, 0.5, 0.75, 0.25], name)
    cli.main(["logs", "follow", str(tmp_path), "--once", "--group-size", "8"])
    printed = capsys.readouterr().out
    assert printed.startswith(
        "step 8: 8 logged steps, 37.5% dead; steps 7 to 8: 50.0% dead, mean reward 0.650\n"
        f"{name} holds metrics and no rollouts"
    )
    assert f"moves at most {100 * greatest_moved_share(8):.1f}% of the update in groups of 8" in printed
    assert "log_completions=True" in printed


def test_metrics_without_a_size_name_the_flag_and_batches_are_no_groups(tmp_path: Path) -> None:
    history(tmp_path, [0.0, 1.0, 0.0])
    found = find_metrics([tmp_path])
    assert found is not None
    assert found.of_batches
    assert "TRL counts whole batches here" in metrics_text(found, None)
    assert "With --group-size G" in metrics_text(found, None)
    history(tmp_path, [0.0, 0.5, 0.0])
    other = find_metrics([tmp_path])
    assert other is not None
    assert "whole batches" not in metrics_text(other, None)


@pytest.mark.parametrize("bad", [None, "0.5", 1.5, -0.1, True])
def test_metrics_that_are_none_are_left_out(tmp_path: Path, bad: object) -> None:
    rows = [{"step": 1, "frac_reward_zero_std": 0.5}, {"step": 2, "frac_reward_zero_std": bad}]
    (tmp_path / "log_history.json").write_text(json.dumps(rows))
    found = find_metrics([tmp_path])
    assert found is not None
    assert found.step.tolist() == [1]
    assert "mean reward" not in metrics_line(found)
    (tmp_path / "log_history.json").write_text("[]")
    assert find_metrics([tmp_path]) is None
