"""Specifications: counts by hand, one line for everything that is no specification, flags over files."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
import tyro

from experiments.cli import one_line
from experiments.sweep import spec as module
from experiments.sweep.config import Sweep
from experiments.sweep.grid import Grid, Setting
from experiments.sweep.memory import check_memory, parse_memory, run_bytes
from experiments.sweep.prepare import prepare_sweep
from experiments.sweep.spec import (
    PRESETS,
    Spec,
    chunk_runs,
    chunk_work,
    chunks,
    digest,
    from_mapping,
    identity,
    num_runs,
    read_spec,
    settings,
)

MIXED = Spec(
    num_steps=10, num_curve=2, tuning_seeds=2, seeds=3, steps=(0.1, 1.0), max_runs=20,
    grid=Grid(policy=("log-linear", "autoregressive"), horizon=(1, 4), num_arms=(2, 3), coherence=(0.0, 0.5),
              design=("constant", "certified"), rule=("none", "group", "power(3)", "batch")),
)  # fmt: skip


def write(folder: Path, text: str) -> Path:
    path = folder / "a.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_settings_are_all_combinations_and_the_horizon_is_that_of_sequences() -> None:
    points = settings(MIXED)
    expected = {
        (p, h, k, d, c, r)
        for p, h, k, d, c, r in itertools.product(
            ("log-linear", "autoregressive"), (1, 4), (2, 3), ("constant", "certified"), (0.0, 0.5), MIXED.grid.rule
        )
        if p == "autoregressive" or h == 1
    }
    assert len(points) == len(expected) == 96
    assert {(s.policy, s.horizon, s.num_arms, s.design, s.coherence, s.rule) for s in points} == expected
    assert points == settings(MIXED)
    # 48 settings of 2 · 2 + 3 runs, 48 of 3
    assert num_runs(MIXED) == 48 * 7 + 48 * 3 == sum(chunk_runs(MIXED, chunk) for chunk in chunks(MIXED))


def test_chunks_hold_every_setting_once_one_program_each_within_the_limit() -> None:
    cut = chunks(MIXED)
    assert [chunk.index for chunk in cut] == list(range(len(cut)))
    assert sorted(map(repr, (s for chunk in cut for s in chunk.settings))) == sorted(map(repr, settings(MIXED)))
    for chunk in cut:
        assert len({s.program for s in chunk.settings}) == 1
        assert chunk_runs(MIXED, chunk) <= 20
    # constant: 3 policies with horizon × 2 arms × {6 powers, 2 batches}, 2 a chunk; certified: 6 a chunk
    assert len(cut) == 6 * (3 + 1) + 6 * (1 + 1)
    alone = chunks(Spec(max_runs=1, grid=Grid(rule=("none", "group"))))
    assert [len(chunk.settings) for chunk in alone] == [1, 1]  # a setting alone may have more
    first = cut[0].settings[0]
    assert chunk_work(MIXED, cut[0]) == 14 * first.num_prompts * first.num_arms * first.horizon * 10


def test_powers_share_a_program_and_carry_their_exponents() -> None:
    rules = Grid(rule=("none", "group", "power( 2.50 )", "power(2)", "batch", "decoupled"))
    assert rules.rule == ("none", "group", "power(2.5)", "power(2)", "batch", "decoupled")
    points = settings(Spec(grid=rules))
    assert [s.rule_kind for s in points] == ["power"] * 4 + ["batch", "decoupled"]
    tables = settings(Spec(grid=Grid(rule=("pooled", "maxrl", "focal( .50)", "pass(4)", "leave_one_out"))))
    assert [s.rule for s in tables] == ["pooled", "maxrl", "focal(0.5)", "pass(4)", "leave_one_out"]
    assert [s.rule_kind for s in tables] == ["pooled"] + ["table"] * 4
    assert np.isnan([s.alpha for s in tables]).all()
    assert len(chunks(Spec(grid=Grid(rule=tuple(s.rule for s in tables))))) == 2
    np.testing.assert_array_equal([s.alpha for s in points], [0, 1, 2.5, 2, math.nan, math.nan])
    assert len({s.program for s in points}) == 3


def test_adam_has_steps_of_its_own() -> None:
    # 2 rules × (sgd 1 step × 8 seeds + 16, adam 3 steps × 8 seeds + 16)
    spec = from_mapping(
        {"steps": [1.0], "adam_steps": {"low": 0.01, "high": 1.0, "count": 3}, "grid": {"optimiser": ["sgd", "adam"]}}
    )
    assert spec.adam_steps == pytest.approx((0.01, 0.1, 1.0))
    assert num_runs(spec) == 2 * (24 + 40) == sum(chunk_runs(spec, chunk) for chunk in chunks(spec))
    with pytest.raises(ValueError, match=r"adam_steps.high is 0.5; allowed: numbers above adam_steps.low \(1\)"):
        from_mapping({"adam_steps": {"low": 1.0, "high": 0.5, "count": 3}, "grid": {"rule": "none"}})


def test_identity_is_json_with_defaults_and_any_change_changes_the_digest() -> None:
    text = json.dumps(identity(MIXED))
    assert from_mapping(json.loads(text)) == MIXED
    changed = [
        Spec(**{**vars(MIXED), key: value})
        for key, value in {
            "name": "other", "seed": 1, "num_steps": 12, "num_curve": 5, "kl_limit": 0.1, "tuning_seeds": 3,
            "seeds": 4, "steps": (0.1,), "adam_steps": (0.1,), "clip_norm": 1.0, "ridge": 0.0, "max_runs": 21,
            "grid": Grid(),
        }.items()
    ]  # fmt: skip
    assert len({digest(s) for s in [MIXED, *changed]}) == 1 + len(changed) == 1 + len(module.SCALARS) + 1
    assert digest(Spec(grid=Grid(coherence=(-0.0,)))) == digest(Spec())  # the same number, the same sweep


def test_toml_steps_and_bare_values(tmp_path: Path) -> None:
    path = write(tmp_path, "steps = { low = 1, high = 100, count = 3 }\n[grid]\ncoherence = 0.5\ngroup_size = 'exact'")
    spec = read_spec(path)
    np.testing.assert_allclose(spec.steps, [1, 10, 100], rtol=1e-15)
    assert spec.grid == Grid(coherence=(0.5,), group_size=("exact",))
    assert read_spec(write(tmp_path, "steps = [2, 1]\ngrid.coherence = [0, 1]")).steps == (1.0, 2.0)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_specifications_named_like_their_files(name: str) -> None:
    assert read_spec(name).name == name


BAD = {
    "unknown key": ("sedd = 1\ngrid.coherence = 0", "key of the specification is 'sedd', did you mean seed; allowed: "),
    "axis at the top": ("coherence = [0.1]", "key of the specification is 'coherence', did you mean grid.coherence;"),
    "scalar in the grid": ("[grid]\nseeds = 4", "key of grid is 'seeds', did you mean seeds; allowed: policy, "),
    "no near key": ("[grid]\nxyzzy = 4", "key of grid is 'xyzzy'; allowed: policy, "),
    "no grid": ("seed = 1", "grid is empty; allowed: at least one axis of policy, num_prompts"),
    "empty grid": ("[grid]", "grid is empty; allowed: "),
    "grid a number": ("grid = 3", "grid is 3; allowed: a table of axes: policy"),
    "empty axis": ("[grid]\ncoherence = []", "grid.coherence is []; allowed: a list of at least one value"),
    "twice": ("[grid]\ncoherence = [0, 0.5, 0.0]", "grid.coherence contains 0.0 twice; allowed: each value once"),
    "rule twice": ("[grid]\nrule = ['power(2)', 'power(2.0)']", "grid.rule contains power(2) twice; allowed"),
    "rule": ("[grid]\nrule = ['gruop']", "grid.rule contains 'gruop'; allowed: none, group, batch, pooled, decoupled"),
    "no others to leave": (
        "[grid]\nrule = ['leave_one_out']\ngroup_size = [8, 'exact']",
        "grid.rule contains leave_one_out with the group_size exact, which has no other responses to leave; allowed",
    ),
    "filter": ("[grid]\nfilter = 1", "grid.filter is 1; allowed: true, false"),
    "filter exact": (
        "[grid]\nfilter = [false, true]\ngroup_size = [4, 'exact']",
        "grid.filter contains true with the group_size exact, which draws no groups; allowed: integers",
    ),
    "batch": (
        "[grid]\nprompts_per_update = [0, 8]\nnum_prompts = [16, 20]",
        "grid.prompts_per_update contains 8 with 20 num_prompts; allowed: 0 (all), or divisors of every num_prompts",
    ),
    "updates exact": (
        "[grid]\nupdates_per_batch = [1, 4]\ngroup_size = [4, 'exact']",
        "grid.updates_per_batch contains 4 with the group_size exact, which draws no groups to use again; allowed: 1",
    ),
    "no updates": ("[grid]\nupdates_per_batch = 0", "grid.updates_per_batch is 0; allowed: integers from 1 to 1000"),
    "law": ("[grid]\nlaw = 'beta'", "grid.law is 'beta'; allowed: normal, rollouts"),
    "held out": (
        "[grid]\nheld_out = 4\npolicy = 'log-bilinear'",
        "grid.held_out contains prompts with the policy log-bilinear; allowed: log-linear, autoregressive",
    ),
    "focal without exponent": ("[grid]\nrule = 'focal'", "grid.rule is 'focal'; allowed"),
    "power without exponent": ("[grid]\nrule = 'power'", "grid.rule is 'power'; allowed"),
    "negative power": ("[grid]\nrule = 'power(-1)'", "grid.rule is 'power(-1)'; allowed"),
    "power of nan": ("[grid]\nrule = 'power(nan)'", "grid.rule is 'power(nan)'; allowed"),
    "rule a number": ("[grid]\nrule = 3", "grid.rule is 3; allowed"),
    "policy": ("[grid]\npolicy = 'linear'", "grid.policy is 'linear'; allowed: log-linear, autoregressive, log-"),
    "design": ("[grid]\ndesign = 'free'", "grid.design is 'free'; allowed: kl-limited, certified, constant"),
    "nan": ("[grid]\ncoherence = nan", "grid.coherence is nan; allowed: finite numbers in [0, 1]"),
    "infinite": ("[grid]\nspread = inf", "grid.spread is inf; allowed: finite numbers in [0, inf)"),
    "huge integer": (f"[grid]\nspread = 1{'0' * 400}", "allowed: finite numbers in [0, inf)"),
    "learnt certified": (
        "[grid]\npolicy = ['log-bilinear']\ndesign = ['certified']",
        "grid.design contains certified with the policy log-bilinear",
    ),
    "above 1": ("[grid]\nconflict = [0.5, 1.5]", "grid.conflict contains 1.5; allowed: finite numbers in [0, 1]"),
    "certain": ("[grid]\npass_rate = 1", "grid.pass_rate is 1; allowed: finite numbers in (0, 1)"),
    "text for a number": ("[grid]\ncoherence = 'half'", "grid.coherence is 'half'; allowed: finite numbers"),
    "truth for a number": ("[grid]\ncoherence = true", "grid.coherence is True; allowed: finite numbers"),
    "list in a list": ("[grid]\ncoherence = [[0]]", "grid.coherence contains [0]; allowed"),
    "fraction of a prompt": ("[grid]\nnum_prompts = 1.5", "grid.num_prompts is 1.5; allowed: integers from 1"),
    "one arm": ("[grid]\nnum_arms = 1", "grid.num_arms is 1; allowed: integers from 2"),
    "group of one": ("[grid]\ngroup_size = [1]", "grid.group_size contains 1; allowed: 'exact' or integers from 2"),
    "negative dimension": ("[grid]\ndimension = -1", "grid.dimension is -1; allowed: integers from 0"),
    "horizon of arms": ("[grid]\nhorizon = [1, 4]", "grid.horizon is [1, 4]; allowed: 1 without the policy autoreg"),
    "one seed": ("seeds = 1\ngrid.coherence = 0", "seeds is 1; allowed: integers from 2"),
    "no tuning": ("tuning_seeds = 0\ngrid.coherence = 0", "tuning_seeds is 0; allowed: integers from 1"),
    "seed a truth": ("seed = true\ngrid.coherence = 0", "seed is True; allowed: integers from 0 to 2147483647"),
    "name": ("name = ''\ngrid.coherence = 0", "name is ''; allowed: a line of text"),
    "kl limit": ("kl_limit = 0\ngrid.coherence = 0", "kl_limit is 0; allowed: finite numbers in (0, inf)"),
    "curve": ("num_steps = 5\nnum_curve = 7\ngrid.coherence = 0", "num_curve is 7; allowed: a divisor of num_st"),
    "no steps": ("steps = []\ngrid.coherence = 0", "steps is []; allowed: a list of at least one value"),
    "step of 0": ("steps = [0]\ngrid.coherence = 0", "steps contains 0; allowed: finite numbers in (0, inf)"),
    "steps downwards": ("grid.coherence=0\nsteps = {low=2, high=1, count=3}", "steps.high is 1.0; allowed: numbers ab"),
    "half of steps": ("grid.coherence=0\nsteps = {low=2, high=3}", "key count of steps is missing; allowed: low, high"),
    "steps typo": ("grid.coherence=0\nsteps = {low=2, hihg=3}", "key of steps is 'hihg', did you mean high; allowed"),
    "not TOML": ("seed = \n", "which is not TOML: Invalid value (at line 1, column 8); allowed: a TOML file, or one"),
    "too large": (f"seeds = 1000000\n[grid]\nnum_prompts = {list(range(1, 40))}",
                  "grid is a sweep of 78,008,112 runs; allowed: at most 10,000,000"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_specification_is_refused_in_one_line(case: str, tmp_path: Path) -> None:
    text, expected = BAD[case]
    with pytest.raises(ValueError, match="; allowed: ") as caught:
        read_spec(write(tmp_path, text))
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"quik, which is not a file; allowed: a TOML file, or one of quick, published"
    ):
        read_spec("quik")
    with pytest.raises(ValueError, match="which is not a file"):
        read_spec(tmp_path)
    (tmp_path / "b.toml").write_bytes("seed = 1".encode("utf-16"))
    with pytest.raises(ValueError, match="is not TOML: 'utf-8"):
        read_spec(tmp_path / "b.toml")
    (tmp_path / "b.toml").write_bytes(b"name = '\xff'")
    with pytest.raises(ValueError, match="is not TOML: 'utf-8' codec"):
        read_spec(tmp_path / "b.toml")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_byte_order_mark_is_no_key(tmp_path: Path, end: str) -> None:
    text = end.join(["seed = 3", "[grid]", "coherence = [0, 0.5]", ""])
    (tmp_path / "a.toml").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read_spec(tmp_path / "a.toml") == read_spec(write(tmp_path, text))
    (tmp_path / "b.toml").write_bytes(b"\xef\xbb\xbf" * 2 + text.encode())  # a second one is a letter
    with pytest.raises(ValueError, match="is not TOML: Invalid statement"):
        read_spec(tmp_path / "b.toml")


def test_the_digits_that_decide_are_shown(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"steps.high is 1.0; allowed: numbers above steps.low \(1.0000001\)"):
        from_mapping({"steps": {"low": 1.0000001, "high": 1, "count": 2}, "grid": {"coherence": 0}})
    with pytest.raises(ValueError, match=r"grid.coherence contains 1.0000001; allowed: finite numbers in \[0, 1\]"):
        from_mapping({"grid": {"coherence": [0, 1.0000001]}})


def test_memory_is_refused_with_the_number_that_is_needed() -> None:
    spec = Spec(grid=Grid(num_prompts=(2, 1000), num_arms=(500,), dimension=(0, 2000)))
    # five tables [1000, 500], Θ [2000, 499], e [1000, 2000]; by hand
    need = 8 * (2_500_000 + 998_000 + 2_000_000)
    assert run_bytes(1000, 500, 2000) == need
    check_memory(spec, need)
    with pytest.raises(
        ValueError, match=r"num_prompts = 1000, num_arms = 500, dimension = 2000 needs at least 41.9 Mi"
    ):
        check_memory(spec, need - 1)


def test_amounts_of_memory() -> None:
    assert [parse_memory(text) for text in ("2GiB", "1.5 GB", "7B")] == [2**31, 1_500_000_000, 7]
    for text in ("2", "GiB", "-2GiB", "0GiB", "2GiBB", "nan GiB", "", "9" * 400 + "GiB"):
        with pytest.raises(ValueError, match=r"--memory is .*; allowed: a positive number with one of the units"):
            parse_memory(text)


def parse(*arguments: str) -> Sweep:
    return tyro.cli(Sweep, args=list(arguments))


def test_flags_replace_what_the_file_says(tmp_path: Path) -> None:
    path = write(tmp_path, "seeds = 3\nseed = 7\n[grid]\ncoherence = [0.1]\nrule = ['batch']")
    spec = parse(
        str(path), "--seeds", "5", "--coherence", "0", ".5", "--group-size", "exact", "4", "--steps", "1"
    ).read()
    grid = Grid(coherence=(0.0, 0.5), rule=("batch",), group_size=("exact", 4))
    assert spec == Spec(seed=7, seeds=5, steps=(1.0,), grid=grid)
    assert parse("--rule", "none", "power(2)").read().grid.rule == ("none", "power(2)")  # over the preset quick
    every = parse(*itertools.chain.from_iterable((f"--{name.replace('_', '-')}", value) for name, value in {
        "name": "n", "seed": "1", "num_steps": "9", "num_curve": "3", "kl_limit": ".1", "tuning_seeds": "1",
        "seeds": "2", "steps": "3", "adam_steps": ".5", "clip_norm": "4", "ridge": ".5",
        "max_runs": "6", "policy": "autoregressive", "num_prompts": "3",
        "num_arms": "2", "horizon": "5", "dimension": "4", "conflict": ".5", "coherence": ".25", "pass_rate": ".5",
        "spread": "2", "group_size": "8", "design": "certified", "optimiser": "adam", "labels": "teacher",
        "law": "normal", "prompts_per_update": "1", "updates_per_batch": "2", "filter": "True",
        "held_out": "7", "rule": "batch",
    }.items())).read()  # fmt: skip
    one = ("autoregressive", 3, 2, 5, 4, "teacher", 0.5, 0.25, "normal", 0.5, 2.0, 8, "certified", "adam", 1, 2, True)
    assert settings(every) == [Setting(*one, 7, "batch")]
    scalars = {name: getattr(every, name) for name in module.SCALARS}
    assert list(scalars.values()) == ["n", 1, 9, 3, 0.1, 1, 2, (3.0,), (0.5,), 4.0, 0.5, 6]


BAD_FLAGS = {
    "batch": (
        ["--prompts-per-update", "3"],
        "grid.prompts_per_update contains 3 with 16 num_prompts; allowed: 0 (all)",
    ),
    "filter": (["--filter", "True", "--group-size", "exact"], "grid.filter contains true with the group_size exact"),
    "held out": (
        ["--held-out", "4"],
        "grid.held_out contains prompts with the policy log-bilinear; allowed: log-linear",
    ),
    "labels": (["--labels", "mine"], "grid.labels contains 'mine'; allowed: shared, teacher"),
    "optimiser": (["--optimiser", "adamw"], "grid.optimiser contains 'adamw'; allowed: sgd, momentum, adam"),
    "clip": (["--clip-norm", "-1"], "clip_norm is -1.0; allowed: finite numbers in [0, inf)"),
    "adam": (["--adam-steps", "0"], "adam_steps contains 0.0; allowed: finite numbers in (0, inf)"),
    "coherence": (["--coherence", "2"], "grid.coherence contains 2.0; allowed"),
    "no value": (["--coherence"], "grid.coherence is []; allowed"),
    "group": (["--group-size", "lots"], "grid.group_size contains 'lots'; allowed: 'exact' or integers from 2"),
    "spec": (["none.toml"], "none.toml, which is not a file"),
    "memory": (["--memory", "2"], "--memory is '2'; allowed"),
    "workers": (["--workers", "0"], "--workers is 0; allowed: integers from 1"),
    "both": (["--workers", "2", "--scheduler", "tcp://h:1"], "--workers is 2; allowed with --scheduler: none"),
    "nonsense": (["--scheduler", "nonsense"], "--scheduler is nonsense; allowed: tcp://HOST:PORT"),
    "out": (["--out", "."], "--out is empty or the current folder; allowed"),
    "too small": (["--memory", "1KiB"], "memory is 1 KiB, but one run with num_prompts = 16, num_arms = 4, dimension"),
}


@pytest.mark.parametrize("case", BAD_FLAGS)
def test_bad_flags_are_one_line_and_touch_nothing(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flags, expected = BAD_FLAGS[case]
    monkeypatch.chdir(tmp_path)
    try:
        prepare_sweep(parse(*flags))
    except ValueError as error:
        message = str(error)
    except SystemExit as stop:  # what __post_init__ raises, tyro reports
        message = one_line(capsys.readouterr().err) if stop.code == 2 else f"exit status {stop.code}"
    else:
        pytest.fail("accepted")
    assert expected in message
    assert "\n" not in message
    assert not list(tmp_path.iterdir())


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        parse("--help")
    assert stop.value.code == 0
    text = capsys.readouterr().out
    for word in ("[grid]", "--coherence", "--workers", "--scheduler", "on the SUM over prompts", "published"):
        assert word in text
