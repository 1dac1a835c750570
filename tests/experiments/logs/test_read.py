"""Every format reads back the one table that it was written from, traps included."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from experiments.logs.groups import Groups
from experiments.logs.read import read
from experiments.logs.source import Source
from tests.experiments.logs import written
from tests.experiments.logs.written import Table, table

WRITERS = {
    "trl": written.trl,
    "trl chat": lambda t, out: written.trl(t, out, chat=True),
    "trl again": lambda t, out: written.trl(t, out, again=2),
    "verl": written.verl,
    "verl legacy": lambda t, out: written.verl(t, out, legacy=True),
    "nemo_rl": written.nemo_rl,
    "tinker": written.tinker,
    "ms_swift": written.ms_swift,
    "ms_swift megatron": lambda t, out: written.ms_swift(t, out, "megatron"),
    "ms_swift ray": lambda t, out: written.ms_swift(t, out, "ray"),
    "open_instruct": written.open_instruct,
    "prime_rl": written.prime_rl,
    "generic csv": written.generic,
    "generic jsonl": lambda t, out: written.generic(t, out, "jsonl"),
    "generic parquet": lambda t, out: written.generic(t, out, "parquet"),
}
NO_FUNCTIONS = ("verl", "verl legacy", "nemo_rl", "tinker", "ms_swift ray", "open_instruct")
NO_ADVANTAGES = ("verl", "verl legacy", "tinker", "ms_swift ray")


def opened(path: Path, **options) -> Groups:
    return read(Source(paths=(path,), **options))


def in_groups(groups: Groups, values: np.ndarray) -> set[tuple[float, ...]]:
    """The groups as sets of sorted values, whatever their order."""
    return {tuple(sorted(each.tolist())) for each in np.split(values, groups.offsets[1:-1])}


def expected(t: Table, values: np.ndarray) -> set[tuple[float, ...]]:
    return {tuple(sorted(each.tolist())) for each in values.reshape(-1, values.shape[-1])}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("seed", [0, 1])
def test_every_format_reads_the_table_back(name: str, seed: int, tmp_path: Path) -> None:
    t = table(seed)
    groups = opened(WRITERS[name](t, tmp_path / "run"))
    steps, N, G, _ = t.rewards.shape
    assert groups.format == name.split()[0]
    assert (groups.num_groups, groups.group_size) == (steps * N, G)
    assert len(np.unique(groups.batch)) == steps
    by_step = np.arange(steps) * 2 + 1 if name == "trl again" else np.arange(1, steps + 1)
    np.testing.assert_array_equal(groups.step, np.repeat(by_step, N))
    reward = groups.reward(None if groups.total is not None else dict(zip(groups.rewards, t.weights, strict=True)))
    found = {tuple(np.round(each, 6)) for each in in_groups(groups, reward)}
    assert found == {tuple(np.round(each, 6)) for each in expected(t, t.total)}
    if name in NO_ADVANTAGES:
        assert groups.advantage is None
    else:
        assert groups.advantage is not None
        assert in_groups(groups, groups.advantage) == expected(t, t.advantage)
    if name not in NO_FUNCTIONS:
        assert [n.removeprefix("reward_") for n in groups.rewards] == ["right", "short"]
        right = next(iter(groups.rewards.values()))
        assert in_groups(groups, right) == expected(t, t.rewards[..., 0])
    known = name != "tinker"
    assert len(np.unique(groups.prompt)) == (steps * N if known else 1)
    if name == "prime_rl":
        assert groups.weights == {"right": 1.0, "short": 0.5}


def kinds(groups: Groups) -> dict[str, int]:
    return {note.kind: note.count for note in groups.notes}


def test_what_stands_twice_is_counted_once_and_said(tmp_path: Path) -> None:
    found = kinds(opened(written.trl(table(), tmp_path, again=3)))
    assert found["duplicates"] == 3 * 16 * 2
    assert "missing_steps" not in found


def test_notes_of_the_other_formats(tmp_path: Path) -> None:
    t = table()
    assert kinds(opened(written.verl(t, tmp_path / "verl")))["other"] == 4
    assert kinds(opened(written.nemo_rl(t, tmp_path / "nemo")))["filtered"] == 0
    assert kinds(opened(written.open_instruct(t, tmp_path / "oi")))["filtered"] == 0
    assert kinds(opened(written.ms_swift(t, tmp_path / "swift")))["truncated"] == 1
    assert "beside the files" in opened(written.trl(t, tmp_path / "trl")).notes[-1].text


def test_missing_steps(tmp_path: Path) -> None:
    out = written.trl(table(steps=5), tmp_path)
    for step in (2, 3):
        (out / "completions" / f"completions_{step:05d}.parquet").unlink()
    assert kinds(opened(out))["missing_steps"] == 2


def test_an_evaluation_that_the_history_knows_is_left_out(tmp_path: Path) -> None:
    out = written.trl(table(), tmp_path)
    (out / "trainer_state.json").write_text(
        '{"log_history": [{"step": 1, "rewards/right/mean": 0.5, "rewards/short/mean": 0.25, "reward": 0.625},'
        ' {"step": 2, "eval_reward": 0.5}, {"step": 3, "loss": 0.1}]}'
    )
    groups = opened(out)
    assert np.unique(groups.step).tolist() == [1, 3]
    assert kinds(groups) == {"evaluation": 16}
    assert groups.averages is not None
    assert {name: values.tolist() for name, values in groups.averages.items()} == {
        "reward": [0.625], "right": [0.5], "short": [0.25],
    }  # fmt: skip


def test_equal_prompts_in_the_same_order_are_pointed_out(tmp_path: Path) -> None:
    t = table(steps=2)
    out = written.trl(Table(np.concatenate([t.rewards, t.rewards[:1] * 0.5])), tmp_path)
    groups = opened(out)
    assert "steps 1" not in groups.notes[-1].text
    one = table(steps=1)
    for number, scale in ((1, 1.0), (5, 0.5)):
        made = written.trl(Table(one.rewards * scale), tmp_path / f"part{number}")
        (tmp_path / "both" / "completions").mkdir(parents=True, exist_ok=True)
        name = f"completions_{number:05d}.parquet"
        (made / "completions" / "completions_00001.parquet").rename(tmp_path / "both" / "completions" / name)
    assert "steps 1, 5 ask the same prompts" in opened(tmp_path / "both").notes[-1].text


def test_no_text_of_a_prompt_is_kept(tmp_path: Path) -> None:
    for name, write in WRITERS.items():
        groups = opened(write(table(), tmp_path / name.replace(" ", "-")))
        assert "secret" not in repr(groups)
        assert "answer 0" not in repr(groups)


def test_the_group_size_can_be_given(tmp_path: Path) -> None:
    groups = opened(written.trl(table(), tmp_path), group_size=2)
    assert groups.group_size == 2


def test_a_prompt_that_follows_itself_is_two_groups(tmp_path: Path) -> None:
    t = table(steps=1, groups=6)
    rows = t.rows(0)
    for i, row in enumerate(rows):
        row["prompt"] = f"question {i // 8}"
    lines = [{"step": [1] * 24, "prompt": [r["prompt"] for r in rows], "completion": [r["completion"] for r in rows],
              "right": [r["rewards"][0] for r in rows], "short": [r["rewards"][1] for r in rows],
              "advantages": [r["advantage"] for r in rows]}]  # fmt: skip
    written.write_lines(tmp_path / "completions.jsonl", lines)
    groups = opened(tmp_path / "completions.jsonl")
    assert (groups.group_size, groups.num_groups) == (4, 6)
    assert len(np.unique(groups.prompt)) == 3


def test_two_sizes_that_fit_alike_are_refused(tmp_path: Path) -> None:
    """Pairs with opposite advantages of equal size: groups of 2 and of 4 both explain them."""
    from tests.refusals import message

    rows = [{"reward": r, "advantage": r - 0.5} for r in (1.0, 0.0) * 8]
    written.write_lines(tmp_path / "log.jsonl", rows)
    said = message(opened, tmp_path / "log.jsonl")
    assert said.startswith(
        "rows cannot be put into groups: 2 and 4 and 8 and 16 consecutive rows fit alike; allowed: --gr"
    )
    assert opened(tmp_path / "log.jsonl", group_size=4).num_groups == 4


def test_counts(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    path.write_text("prompt,num_correct,num_samples,step\na,1,8,1\nb,8,8,1\na,3,8,2\n")
    groups = opened(path)
    assert [each.tolist() for each in groups.counts()] == [[1, 8, 3], [8, 8, 8]]
    assert groups.step.tolist() == [1, 1, 2]
    assert groups.prompt[0] == groups.prompt[2] != groups.prompt[1]


def test_columns_can_be_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("q,ok,len,t\na,1,0.5,1\na,0,0.25,1\nb,1,0.5,1\nb,1,1,1\n")
    groups = opened(path, prompt_column="q", reward_columns=("ok", "Len"), step_column="t")
    assert (groups.num_groups, list(groups.rewards)) == (2, ["ok", "len"])
    assert groups.rewards["len"].tolist() == [0.5, 0.25, 0.5, 1.0]
    single = opened(path, group_column="q", reward_columns=("ok",))
    assert single.total is not None
    assert single.total.tolist() == [1, 0, 1, 1]


def test_a_large_log_is_read_without_its_texts(tmp_path: Path) -> None:
    t = table(steps=40, groups=16, G=8)
    groups = opened(written.generic(t, tmp_path, "parquet"))
    assert groups.num_rows == 40 * 16 * 8


def test_prompts_that_return_in_a_log_without_steps_are_groups_of_their_own(tmp_path: Path) -> None:
    rows = [{"prompt": f"{i // 4 % 3}", "reward": i % 2} for i in range(36)]
    written.write_lines(tmp_path / "log.jsonl", rows)
    groups = opened(tmp_path / "log.jsonl")
    assert (groups.num_groups, groups.group_size, len(np.unique(groups.prompt))) == (9, 4, 3)
    shuffled = [rows[i] for i in np.random.default_rng(0).permutation(12)]
    written.write_lines(tmp_path / "log.jsonl", shuffled)
    assert opened(tmp_path / "log.jsonl").num_groups == 3


def test_a_prompt_asked_twice_in_a_step_is_left_out(tmp_path: Path) -> None:
    rows = [{"prompt": f"{i // 4 % 3}", "reward": i % 2, "step": 1} for i in range(16)]
    written.write_lines(tmp_path / "log.jsonl", rows)
    groups = opened(tmp_path / "log.jsonl")
    assert (groups.num_groups, kinds(groups)["grouping"]) == (2, 8)
