"""`logs audit` and `logs inspect` as they are called: JSON, sentences, exit status, refusals."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from experiments.cli import main
from experiments.logs.read import read
from experiments.logs.source import Source
from experiments.logs.text import audit_text
from experiments.logs.verdict import run, verdict
from tests.experiments.logs import written
from tests.experiments.logs.written import SECRET, table


@pytest.fixture
def called(capsys: pytest.CaptureFixture[str]):
    """(exit status, standard output, standard error) of the command in this process."""

    def call(*arguments: object) -> tuple[int, str, str]:
        status = 0
        try:
            main([str(each) for each in arguments])
        except SystemExit as stopped:
            status = int(stopped.code or 0)
        out, error = capsys.readouterr()
        return status, out, error

    return call


def parsed(text: str) -> dict[str, Any]:
    """Strict JSON: one object, no NaN."""
    return json.loads(text, parse_constant=lambda name: pytest.fail(name))


AUDITED = {
    "trl": (written.trl, "trl", {"right": 1.0, "short": 0.5}),
    "nemo_rl": (written.nemo_rl, "trl", {"reward": 1.0}),
    "ms_swift": (written.ms_swift, "ms_swift", {"right": 1.0, "short": 0.5}),
    "open_instruct": (written.open_instruct, "trl", {"reward": 1.0}),
    "prime_rl": (written.prime_rl, "trl", {"right": 1.0, "short": 0.5}),
    "generic": (written.generic, "trl", {"reward_right": 1.0, "reward_short": 0.5}),
}


@pytest.mark.parametrize("name", AUDITED)
def test_json_of_every_format_with_advantages(name: str, called, tmp_path: Path) -> None:
    write, estimator, weights = AUDITED[name]
    status, out, error = called("logs", "audit", write(table(), tmp_path / "run"), "--json")
    found = parsed(out)
    assert (status, error) == (0, "")
    keys = ["estimator", "group_size", "ddof", "epsilon", "reward_weights", "residual", "duplicates"]
    assert list(found)[:7] == keys
    assert {k: found[k] for k in keys if k not in ("reward_weights", "residual")} == {
        "estimator": estimator, "group_size": 4, "ddof": 1, "epsilon": 1e-4, "duplicates": 0,
    }  # fmt: skip
    assert found["reward_weights"] == pytest.approx(weights, rel=1e-4)
    assert found["residual"] < 1e-6
    assert SECRET not in out


def test_the_table_says_what_a_newcomer_needs(called, tmp_path: Path) -> None:
    run = written.trl(table(), tmp_path, again=2)
    status, out, _ = called("logs", "audit", run)
    words = " ".join(out.split())
    assert status == 0
    assert "estimator trl: (reward − group mean) / (the group's own deviation + ε), sample deviation (ddof 1)" in words
    assert "weights right 1, short 0.5" in words
    assert "units of float32 rounding: explained" in words
    assert "48 rows of" in words
    status, out, _ = called("logs", "inspect", run)
    words = " ".join(out.split())
    assert status == 0
    assert "groups 12 of 4: 4 consecutive rows, whose advantages sum to 0" in words
    assert "live groups 11 of 12" in words


def test_a_check_that_agrees_to_the_last_digit_is_said_in_words(tmp_path: Path) -> None:
    groups = read(Source(paths=(written.trl(table(), tmp_path),)))
    found = verdict(groups, run(groups), None)
    for against, words in ((0.0, "these weights, to the last digit"), (3e-8, "these weights, within 3e-08")):
        said = " ".join(audit_text(found | {"weights_against_averages": against}).split())
        assert words in said
        assert "0e+00" not in said
        times = found["nearest"][0]["residual"] / found["residual"]
        assert re.search(rf"ruled out verl \([^,]+, {times:,.0f} times the fit's\)", said)
    exact = " ".join(audit_text(found | {"residual": 0.0}).split())
    assert "ruled out verl (" in exact
    assert "times the fit's" not in exact


def test_a_difference_from_what_was_configured_is_one_sentence_and_status_1(called, tmp_path: Path) -> None:
    run = written.trl(table(), tmp_path)
    status, out, error = called("logs", "audit", run, "--expect", "trl_batch")
    assert (status, error) == (1, "")
    last = out.splitlines()[-1]
    assert last == "configured was trl_batch, pooled (ddof 1, ε 0.0001); done was trl, group (ddof 1, ε 0.0001)"
    status, out, _ = called("logs", "audit", run, "--expect", "trl")
    assert (status, out.splitlines()[-1]) == (0, "configured and done: trl, group (ddof 1, ε 0.0001)")
    status, out, _ = called("logs", "audit", run, "--expect", "verl", "--json")
    assert (status, parsed(out)["as_expected"]) == (1, False)


def test_a_column_that_nothing_explains_is_a_finding(called, tmp_path: Path) -> None:
    rows = [{"group": i // 4, "reward": float(i % 3), "advantage": float(i * i % 7) - 2.5} for i in range(40)]
    written.write_lines(tmp_path / "log.jsonl", rows)
    status, out, error = called("logs", "audit", tmp_path / "log.jsonl")
    assert (status, error) == (0, "")
    assert "none of the known: no estimator of docs/trainers.md" in " ".join(out.split())
    status, out, _ = called("logs", "audit", tmp_path / "log.jsonl", "--json", "--expect", "trl")
    found = parsed(out)
    assert status == 1
    assert (found["estimator"], found["ddof"], found["epsilon"]) == ("none of the known", None, None)
    assert len(found["nearest"]) == 3


def test_columns_that_are_no_reward_functions_get_weight_0_or_none(called, tmp_path: Path) -> None:
    """TRL writes the user's own columns beside those of the reward functions, and says of none which it is."""
    out = written.trl(table(), tmp_path)
    for number, path in enumerate(sorted((out / "completions").iterdir())):
        made = pq.read_table(path)
        rng = np.random.default_rng(number)
        mine = pa.array(rng.random(len(made)))
        level = pa.array(np.repeat(rng.random(len(made) // 4), 4))
        pq.write_table(made.append_column("mine", mine).append_column("level", level), path)
    found = parsed(called("logs", "audit", out, "--json")[1])
    assert found["estimator"] == "trl"
    assert found["reward_weights"] == {"right": 1.0, "short": pytest.approx(0.5), "mine": 0.0, "level": None}


def test_a_log_that_is_cut_off_is_audited_without_its_last_group(called, tmp_path: Path) -> None:
    log = written.generic(table(0, 20, 8), tmp_path)
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join(lines[:-1]))
    found = parsed(called("logs", "audit", log, "--json")[1])
    assert (found["estimator"], found["group_size"], found["num_groups"]) == ("trl", 4, 159)
    assert [(n["kind"], n["count"]) for n in found["notes"]] == [("truncated", 3)]
    assert "the last group has 3 of 4 answers" in found["notes"][0]["text"]


def test_a_group_without_one_of_its_answers_is_counted_and_named(called, tmp_path: Path) -> None:
    log = written.generic(table(0, 20, 8), tmp_path)
    lines = log.read_text().splitlines(keepends=True)
    removed = 1 + 13 * 4 + 2  # of the second step
    log.write_text("".join(lines[:removed] + lines[removed + 1 :]))
    found = parsed(called("logs", "audit", log, "--json", "--expect", "trl")[1])
    assert (found["estimator"], found["explained"], found["as_expected"]) == ("none of the known", False, False)
    assert found["nearest"][0]["estimator"] == "trl"
    assert 1 <= found["rows_not_explained"] <= 3
    assert found["explained_share"] == 1 - found["rows_not_explained"] / 639
    assert (found["groups_not_explained"], found["first_not_explained"]) == (1, {"step": 2, "group": 13})
    said = " ".join(called("logs", "audit", log)[1].split())
    assert "`trl` explains 99.5% of the rows; 3 rows of 1 group do not fit, the first at step 2" in said


@pytest.mark.parametrize("changed", ["one row", "clipped", "shifted"])
def test_changed_advantages_of_a_trainer_are_a_finding(changed: str, called, tmp_path: Path) -> None:
    out = written.trl(table(), tmp_path)
    for path in (out / "completions").iterdir():
        made = pq.read_table(path)
        A = made["advantage"].to_numpy().copy()
        if changed == "one row":
            A[5] += 0.1
        A = np.minimum(A, 1.0) if changed == "clipped" else A + 0.25 * (changed == "shifted")
        pq.write_table(made.set_column(made.column_names.index("advantage"), "advantage", pa.array(A)), path)
    status, text, error = called("logs", "audit", out, "--json")
    found = parsed(text)
    assert (status, error) == (0, "")
    assert (found["estimator"], found["group_size"]) == ("none of the known", 4)
    assert "do not sum to 0" in found["grouped_by"]
    assert called("logs", "audit", out, "--expect", "trl")[0] == 1


def test_inspect_prints_json_of_every_format(called, tmp_path: Path) -> None:
    for name in ("verl", "tinker"):
        run = getattr(written, name)(table(), tmp_path / name)
        status, out, _ = called("logs", "inspect", run, "--json")
        found = parsed(out)
        assert (status, found["format"], found["num_groups"], found["has_advantages"]) == (0, name, 12, False)
        assert SECRET not in out
        status, out, error = called("logs", "audit", run)
        assert (status, out) == (2, "")
        assert f"the log ({name}) holds no advantages" in error
    path = tmp_path / "counts.csv"
    path.write_text("num_correct,num_samples\n1,8\n8,8\n")
    status, out, _ = called("logs", "inspect", path)
    assert (status, "counts of right answers" in out, "1 of 2" in out) == (0, True, True)


REFUSED = {
    "nothing": (["logs", "audit"], "PATH is empty; allowed: a trainer's folder"),
    "no such path": (["logs", "audit", "nowhere"], "PATH is nowhere, which does not exist"),
    "format": (["logs", "inspect", ".", "--format", "slime"], "--format is slime; allowed: trl, verl"),
    "expect": (["logs", "audit", ".", "--expect", "grpo"], "--expect is grpo; allowed: paper"),
    "group size": (["logs", "audit", ".", "--group-size", "1"], "--group-size is 1; allowed: an integer of at least 2"),
    "empty folder": (["logs", "audit", "."], "PATH is ., which holds no rollouts; allowed: the folder of TRL"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_name_the_way_out(case: str, called, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    arguments, said = REFUSED[case]
    status, out, error = called(*arguments)
    assert (status, out) == (2, "")
    assert said in error
    assert len(error.splitlines()) == 1


def test_pickles_are_never_read(called, tmp_path: Path) -> None:
    (tmp_path / "rollout_0.pt").write_bytes(b"cos\nsystem\n(S'touch broken'\ntR.")
    status, _, error = called("logs", "audit", tmp_path)
    assert status == 2
    assert "PATH holds pickles such as rollout_0.pt" in error
    assert "--format generic" in error
    assert called("logs", "audit", tmp_path / "rollout_0.pt")[0] == 2


def test_several_formats_or_runs_in_one_folder_are_refused(called, tmp_path: Path) -> None:
    written.trl(table(), tmp_path / "a")
    written.trl(table(1), tmp_path / "b")
    assert "PATH holds 2 runs of trl" in called("logs", "audit", tmp_path)[2]
    written.ms_swift(table(), tmp_path / "a")
    assert "files of several formats: ms_swift (1), trl (3)" in called("logs", "audit", tmp_path / "a")[2]
    assert called("logs", "audit", tmp_path / "a", "--format", "trl")[0] == 0
