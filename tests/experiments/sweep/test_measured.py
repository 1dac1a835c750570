"""A law of pass rates from a file: likeliest of few samples, posterior means of many, and sweeps that use it."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest
import tyro
from scipy.stats import binom

from bandits.pass_rates import read_pass_rates
from curvature.law_of_rates import law_of_rates
from experiments.cli import main
from experiments.sweep import execute
from experiments.sweep.config import Sweep
from experiments.sweep.measured import Measured, law_of, read_measured
from experiments.sweep.problems import Shape, build, build_held_out, numbers_of
from experiments.sweep.spec import Spec, chunks, identity, num_runs, read_spec, settings

GRID = "[grid]\nnum_prompts = 6\nnum_arms = 3\nlaw = ['normal', 'rollouts']\nheld_out = 4\nrule = ['none', 'group']\n"
COUNTS = [(0, 2), (2, 2), (2, 2), (50, 100), (50, 100)]
"""Whose law has the weights .2, .4, .4 at 0, ½, 1: no quantile of 1, 4 or 6 prompts is at a border."""


def write(path: Path, rows: list[tuple[float, int]], name: str = "num_correct") -> Path:
    path.write_text(f"{name},num_samples\n" + "".join(f"{k},{n}\n" for k, n in rows))
    return path


def read(path: Path, jeffreys: bool = False) -> Measured:
    return read_measured(path, assumed_samples=100, jeffreys=jeffreys)


def test_few_samples_give_the_likeliest_law_of_the_histogram(tmp_path: Path) -> None:
    histogram = [40, 10, 8, 7, 6, 6, 7, 8, 20]
    path = write(tmp_path / "a.csv", [(k, 8) for k, count in enumerate(histogram) for _ in range(count)])
    found, wanted = read(path), law_of_rates(histogram)
    assert (found.source, found.num_prompts) == ("a.csv", sum(histogram))
    assert found.method == "the likeliest law of 112 prompts with fewer than 64 samples"
    np.testing.assert_array_equal(found.rates, wanted.rates)
    np.testing.assert_allclose(found.weights, wanted.weights, rtol=1e-12)
    # hard prompts are hard: the posterior mean of none of 8 is .056
    assert min(found.rates) < 0.01 < 0.055 < min(read(path, jeffreys=True).rates) == pytest.approx(0.5 / 9)


def test_jeffreys_and_many_samples_are_posterior_means(tmp_path: Path) -> None:
    rows = [(0, 64), (32, 64), (100, 100), (32, 64)]
    found = read(write(tmp_path / "a.csv", rows))
    np.testing.assert_allclose(found.rates, [0.5 / 65, 0.5, 100.5 / 101], rtol=1e-14)
    np.testing.assert_allclose(found.weights, [0.25, 0.5, 0.25], rtol=1e-14)
    assert found.method.startswith("posterior means of 4 prompts, Jeffreys prior")
    few = read(write(tmp_path / "b.csv", [(0, 4), (2, 4)]), jeffreys=True)
    np.testing.assert_allclose(few.rates, [0.1, 0.5], rtol=1e-14)
    (tmp_path / "c.csv").write_text("pass_rate\n0\n.5\n")
    assert "assumed 100 samples" in read(tmp_path / "c.csv").method


def test_both_kinds_share_the_law_by_their_prompts(tmp_path: Path) -> None:
    rows = [*COUNTS]  # the first three: only p = 0 and p = 1 explain them
    found = read(write(tmp_path / "a.csv", rows))
    np.testing.assert_allclose(found.rates, [0, 0.5, 1], rtol=1e-14)
    np.testing.assert_allclose(
        found.weights, [0.2, 0.4, 0.4], atol=1e-7
    )  # a likelihood is met to 1e-9, a share to its root
    assert "3 prompts with fewer than 64 samples and posterior means of 2 prompts, Jeffreys" in found.method


def test_prompts_start_at_its_quantiles_and_held_out_ones_too(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [*COUNTS])
    (tmp_path / "s.toml").write_text(GRID)
    spec = read_spec(tmp_path / "s.toml", {}, read(path))
    assert spec.grid.law == ("measured",)
    (first, _) = settings(spec)
    assert num_runs(spec) == 2 * (13 * 8 + 16)
    assert (first.law, first.pass_rate) == ("measured", 0.5)
    odds = np.log(0.999 / 0.001) * np.array([-1, 0, 0, 1, 1])
    assert first.spread == pytest.approx(odds.std(), abs=1e-6)
    numbers = jax.tree.map(lambda leaf: leaf[0], numbers_of([first]))
    made = build(Shape.of(first), numbers, key=jax.random.key(0))
    unseen = build_held_out(Shape.of(first), numbers, key=jax.random.key(0))
    for problem, wanted in ((made, [0.001, 0.5, 0.5, 0.5, 0.999, 0.999]), (unseen, [0.001, 0.5, 0.999, 0.999])):
        p = (np.exp(problem.offsets) * problem.rewards).sum(axis=1)
        np.testing.assert_allclose(np.sort(p), wanted, rtol=1e-12)


@pytest.mark.parametrize("policy", ["log-linear", "autoregressive", "log-bilinear"])
def test_rows_start_there_and_resume_without_the_file(policy: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [*COUNTS])
    (tmp_path / "s.toml").write_text(GRID.replace("held_out = 4\n", f"policy = '{policy}'\n"))
    over = {"num_steps": 2, "num_curve": 1, "seeds": 2, "tuning_seeds": 1, "steps": [1.0]}
    spec = read_spec(tmp_path / "s.toml", over, read(path))
    path.unlink()
    (chunk,) = chunks(spec)
    rows = execute.compute_chunk(spec, chunk, 2**28)
    np.testing.assert_allclose(rows["initial"], (0.001 + 3 * 0.5 + 2 * 0.999) / 6, rtol=1e-12)
    assert set(rows["law"]) == {"measured"}
    assert json.loads(json.dumps(identity(spec)))["measured"]["rates"] == [0, 0.5, 1]


def test_other_sweeps_are_as_they_were() -> None:
    spec = Spec(seeds=2)
    assert settings(spec)[0].measured is None
    assert numbers_of(settings(spec)).odds is None


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--law", "normal", "--pass-rates", "a.csv"], "--law is normal; allowed with --pass-rates: none"),
        (["--jeffreys"], "--jeffreys is True; allowed: with --pass-rates"),
        (["--law", "measured"], "grid.law is ['measured']; allowed: normal, rollouts without --pass-rates"),
        (["--law", "normal", "measured"], "grid.law is ['normal', 'measured']; allowed: normal, rollouts without"),
        (["--pass-rates", "nowhere.csv"], "nowhere.csv is not a file; allowed: a CSV or Parquet file of pass rates"),
        (["--assumed-samples", "0"], "--assumed-samples is 0; allowed"),
    ],
)
def test_refusals(flags: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["sweep", "quick", "--out", str(tmp_path / "out"), *flags])
    assert exit_.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert message in line
    assert not (tmp_path / "out").exists()


def test_the_file_s_law_is_that_of_the_flags(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [(1, 4), (3, 4)])
    config = tyro.cli(Sweep, args=["quick", "--pass-rates", str(path), "--jeffreys"])
    assert config.read().measured == law_of(read_pass_rates(path), jeffreys=True)
    law = tyro.cli(Sweep, args=["quick", "--pass-rates", str(path)]).read().measured
    assert law is not None
    # as likely as the counts allow: the mean of the law is the mean of the counts
    assert np.dot(law.weights, law.rates) == pytest.approx(0.5, abs=1e-6)
    fitted = binom.pmf(np.arange(5)[:, None], 4, law.rates) @ law.weights
    assert np.log(fitted[[1, 3]]).sum() >= 2 * np.log(binom.pmf(1, 4, 0.5)) - 1e-9
