"""Rules that T16 bounds otherwise or not at all: each update against its formula, and a bound broken."""

import numpy as np
import pytest

from experiments.convergence import beyond_groups, sampled_groups
from experiments.rows import of


@pytest.fixture(scope="module")
def rows():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampled_groups, "ANSWERS", 8000)
        patch.setattr(beyond_groups, "ANSWERS", 8000)
        return beyond_groups.rows(0)


def fixed(monkeypatch, counts):
    """Groups with these numbers of right answers."""
    rest = iter(counts)
    monkeypatch.setattr(beyond_groups, "_right", lambda rng, z: np.full(z.shape, next(rest)))


def run(name, number):
    z, memory = np.zeros(1), {"mean": np.zeros(1), "square": np.zeros(1)}
    changes = []
    for t in range(number):
        changes.append(float(beyond_groups.RULES[name](np.random.default_rng(0), z, memory, t)[0]))
        z = z + changes[-1]
    return changes


def test_momentum_goes_on_through_dead_groups_and_sums_to_one_update(monkeypatch):
    fixed(monkeypatch, [2] + [8] * 200)
    changes = run("momentum", 201)
    one = 4 * np.log(2) * np.sqrt(2 * 6) / 8
    np.testing.assert_allclose(changes[:3], [0.1 * one, 0.09 * one, 0.081 * one], rtol=1e-12)
    assert sum(changes) == pytest.approx(one, rel=1e-8)


def test_adam_is_adam(monkeypatch):
    counts = [2, 8, 5, 0, 8, 4]
    fixed(monkeypatch, counts)
    m = v = 0.0
    wanted = []
    for t, k in enumerate(counts, 1):
        g = 4 * np.log(2) * np.sqrt(k * (8 - k)) / 8
        m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g * g
        wanted.append(0.1 * (m / (1 - 0.9**t)) / np.sqrt(v / (1 - 0.99**t)))
    np.testing.assert_allclose(run("adam", len(counts)), wanted, rtol=1e-12)


def test_adam_stands_still_until_the_first_live_group(monkeypatch):
    fixed(monkeypatch, [8, 0])
    assert run("adam", 2) == [0.0, 0.0]


def test_without_a_baseline_right_answers_push_and_wrong_ones_do_not(monkeypatch):
    fixed(monkeypatch, [0, 8, 4])
    changes = run("no_baseline", 3)
    assert changes[0] == 0
    assert changes[1] == pytest.approx(2 * np.log(2))  # p = ½: (1 − p)/σ = 1
    p = 0.8  # odds 4
    assert changes[2] == pytest.approx(np.log(2) * (1 - p) / np.sqrt(p * (1 - p)))


def test_exact_grpo_moves_by_its_step_times_the_deviation():
    changes = run("exact", 2)
    assert changes[0] == pytest.approx(4 * np.log(2) / 2)
    p = 1 / (1 + np.exp(-changes[0]))
    assert changes[1] == pytest.approx(4 * np.log(2) * np.sqrt(p * (1 - p)))


def test_counts_are_binomial():
    z = np.full(20_000, 0.8)
    k = beyond_groups._right(np.random.default_rng(0), z)
    p = 1 / (1 + np.exp(-0.8))
    assert abs(k.mean() - 8 * p) < 5 * np.sqrt(8 * p * (1 - p) / len(k))
    assert abs(k.var() - 8 * p * (1 - p)) < 0.1


def test_only_rules_that_push_in_dead_groups_are_below_the_bound(rows):
    assert beyond_groups.silent_violations(rows).any()
    quiet = of(rows, rule="momentum")
    named = {name: quiet[name] for name in quiet} | {"rule": np.full(len(quiet["rule"]), "no_baseline")}
    late = named["num_answers"] > 4000
    assert not beyond_groups.silent_violations({name: values[late] for name, values in named.items()}).any()


def test_what_is_reported_is_of_the_rows(rows):
    plain = {"rule": np.asarray(["group"]), "prompts": np.asarray(["one"]), "group_size": np.asarray([8]),
             "num_answers": np.asarray([1000.0]), "failure": np.asarray([2e-3])}  # fmt: skip
    found = beyond_groups.beyond(rows, plain)
    assert [e["rule"] for e in found[::3]] == ["group", *beyond_groups.RULES]
    assert found[0] == {"rule": "group", "num_answers": 1000.0, "scaled": 2.0}
    last = of(rows, rule="exact")
    assert found[-1]["scaled"] == last["num_answers"][-1] * last["failure"][-1]
