"""`gsm8k compare` from end to end on a tiny model; a run of it made again by hand; what rows of known truth say."""

import json
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pyarrow.parquet as pq
import pytest

from experiments import cli
from experiments.gsm8k.compare.config import Compare
from experiments.gsm8k.compare.page import sentences
from experiments.gsm8k.compare.summary import summarise
from experiments.gsm8k.sets import Sets
from experiments.language.learning.checkpoint import load_checkpoint
from experiments.language.learning.learners import Likelihood
from experiments.language.learning.optimiser import make_transform
from experiments.language.learning.state import epoch_rows, start
from experiments.language.model.model import Batch, make_model
from experiments.language.model.pretrained import save_model
from experiments.language.model.sample import Sampler
from experiments.language.problems.questions import Questions
from experiments.language.problems.task import make_task
from tests.experiments.gsm8k.processes import row, write_rows
from tests.experiments.gsm8k.runs import Kept, in_process, refused, some_tables
from tests.experiments.language.pretrained import write_model

pytestmark = pytest.mark.early

SIZES = {
    "num_sets": 2, "num_tuning": 1, "num_prompts": 8, "num_test": 6, "num_steps": 4, "prompts_per_step": 4,
    "group_size": 6, "num_looks": 3,
}  # fmt: skip
RATES = (0.003, 0.006)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model that was fine-tuned on the prompts of all three sets, so that some of its groups are alive."""
    out = write_model(tmp_path_factory.mktemp("model"), num_layers=2)
    write_rows(out / "data", [row(i) for i in range(64)], 40)
    found = load_checkpoint(out, mode="step")
    questions = Questions(
        data=out / "data", mode="step", num_prompts=24, num_test=6, prompt_length=96, response_length=6
    )
    task = make_task(questions, questions.read(), seed=0, vocabulary=found.vocabulary)
    transform = make_transform("adamw")
    learner = Likelihood(make_model(found.architecture, found.vocabulary), transform)
    with jax.numpy_dtype_promotion("standard"):  # optax's Adam raises a float to a whole number
        state = start(found.parameters, transform)
        for _ in range(60):
            state, _ = learner.step(state, task.train, 1e-2, batch_size=24, seed=0)
    save_model(out, found.architecture, state.parameters)
    return out


def arguments(folder: Path, out: Path, **other: object) -> list[str]:
    sizes = [word for name, value in (SIZES | other).items() for word in (f"--{name.replace('_', '-')}", str(value))]
    rates = ["--step-sizes", *map(str, RATES)]
    where = ["--model", str(folder), "--data", str(folder / "data"), "--out", str(out)]
    return ["gsm8k", "compare", "--train", "all", *sizes, *rates, *where]


def run(folder: Path, out: Path) -> None:
    in_process(arguments(folder, out))


@pytest.fixture(scope="module")
def finished(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("comparison") / "out"
    run(folder, out)
    return out


@pytest.fixture(scope="module")
def summary(finished: Path) -> dict:
    return json.loads((finished / "summary.json").read_text())


def test_groups_were_alive_and_rates_tuned_on_another_set(finished: Path, summary: dict) -> None:
    steps = some_tables(finished, "*_run_*.steps.parquet")
    assert min(share for run in steps for share in run["dead_groups"]) < 1
    assert {run["seed"][0] for run in some_tables(finished, "*_tune_*.steps.parquet")} == {1000}
    assert {run["seed"][0] for run in steps} == {0, 1}
    for rule, found in summary["rules"].items():
        tried = [t for t in summary["tuning"] if t["rule"] == rule]
        assert max(tried, key=lambda t: t["score"])["score"] == next(t for t in tried if t["best"])["score"]
        assert found["step_size"] == next(t for t in tried if t["best"])["step_size"]


@pytest.mark.parametrize("side", ["train", "test"])
def test_leads_are_those_of_the_runs_paired_over_sets(side: str, finished: Path, summary: dict) -> None:
    none, group = (
        np.array([look[side] for look in some_tables(finished, f"compare_run_{rule}_*.probes.parquet")])
        for rule in ("none", "group")
    )
    assert none.shape == (2, 3)
    np.testing.assert_array_equal(none[:, 0], group[:, 0])  # both begin at the pretrained parameters
    assert np.abs(none[:, -1] - none[:, 0]).min() > (1e-4 if side == "train" else 0)
    assert np.abs(none[:, -1] - group[:, -1]).min() > (1e-5 if side == "train" else 0)
    difference = (group - none)[:, -1]
    found = summary["leads"]["group"][side]
    assert found["mean"] == pytest.approx(difference.mean(), rel=1e-9)
    assert found["high"] - found["mean"] == pytest.approx(12.706 * abs(np.ptp(difference)) / 2, rel=1e-3)  # t of 1
    assert summary["rules"]["group"][side]["mean"] == pytest.approx(group[:, -1].mean())
    assert summary[f"start_{side}"]["mean"] == pytest.approx(none[:, 0].mean())


def adam_step(η, t, x, m, v):
    """Kingma and Ba's, arXiv 1412.6980, algorithm 1."""
    return x - η * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8)


@pytest.mark.parametrize("rule", ["none", "group"])
def test_a_run_made_by_hand_ends_where_the_command_s_does(rule: str, folder: Path, finished: Path) -> None:
    """Samples of the same keys; advantages, gradient and Adam written out here."""
    config = Compare(folder, data=folder / "data", train="all", step_sizes=RATES, **SIZES)
    plan, seed = config.plan(), 1
    sets = Sets(plan, plan.equations, config.questions, config.questions.read(),
                load_checkpoint(folder, mode="step"), keep=Kept())  # fmt: skip
    task, model = sets.task(seed), sets.model
    (path,) = (finished / "rows").glob(f"compare_run_{rule}_*_{seed}.probes.parquet")
    η = float(path.name.split("_")[3])
    draw = Sampler(model, 6)

    def loss(θ, batch, A):
        counts = jnp.arange(batch.responses.shape[-1]) < batch.response_lengths[..., None]
        log_π = jnp.where(counts, model.token_log_probabilities(θ, batch), 0).sum(-1)
        return -(A * log_π).mean()

    θ = sets(seed)
    m = v = jax.tree.map(jnp.zeros_like, θ)
    with jax.numpy_dtype_promotion("standard"):
        for t in range(SIZES["num_steps"]):
            rows = epoch_rows(8, 4, seed, t)
            prompts = task.train[rows]
            samples = draw(θ, prompts, jax.random.fold_in(jax.random.key(seed), t), SIZES["group_size"])
            r = task.rewards([task.problems[row] for row in rows], samples)
            A = r - r.mean(1, keepdims=True)
            if rule == "group":
                A = A / np.where(r.std(1, keepdims=True) > 0, r.std(1, keepdims=True), 1)
            batch = Batch(prompts.prompts, prompts.lengths, samples.responses, samples.lengths)
            g = jax.jit(jax.grad(loss))(θ, batch, jnp.asarray(A, jnp.float32))
            m = jax.tree.map(lambda a, b: 0.9 * a + 0.1 * b, m, g)
            v = jax.tree.map(lambda a, b: 0.999 * a + 0.001 * b**2, v, g)
            θ = jax.tree.map(partial(adam_step, η, t + 1), θ, m, v)
    by_hand = np.exp(np.float64(model.answer_log_probabilities(θ, task.train))).mean()
    (run,) = some_tables(finished, path.name)
    assert abs(run["train"][-1] - run["train"][0]) > 1e-3
    assert by_hand == pytest.approx(run["train"][-1], rel=1e-4)  # float32, in another order of sums


def test_a_run_that_is_missing_is_made_again_and_nothing_else(
    folder: Path, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    (lost,) = (out / "rows").glob("compare_run_group_*_1.probes.parquet")
    before = pq.read_table(lost).to_pydict()
    others = {path.name: path.read_bytes() for path in (out / "rows").iterdir() if "run_group" not in path.name}
    lost.unlink()
    (out / "summary.json").unlink()
    run(folder, out)
    after = pq.read_table(lost).to_pydict()
    assert {name: values for name, values in after.items() if name != "wall_time_s"} == {
        name: values for name, values in before.items() if name != "wall_time_s"
    }
    assert {name: (out / "rows" / name).read_bytes() for name in others} == others
    first, second = (json.loads((place / "summary.json").read_text()) for place in (finished, out))
    assert first["leads"] == second["leads"]


def test_the_report_begins_with_the_answer_and_needs_no_network(finished: Path, summary: dict) -> None:
    page = (finished / "report.html").read_text()
    assert page.index("group against none at the end") < page.index("A pretrained model")
    assert "http" not in page.replace("http-equiv", "")
    assert {path.name for path in (finished / "figures").iterdir()} == {
        f"{name}.{kind}" for name in ("compared", "tuning") for kind in ("png", "svg")
    }
    assert summary["run"]["config"]["command"] == "gsm8k compare"


def test_another_run_s_folder_and_too_many_sets_are_refused(
    folder: Path, finished: Path, tmp_path: Path, capsys
) -> None:
    assert "group_size" in refused(arguments(folder, finished, group_size=5), capsys)
    with pytest.raises(SystemExit):
        cli.main(arguments(folder, tmp_path / "out", num_sets=100))
    assert "allowed" in capsys.readouterr().err


def looks(**ends: list[float]) -> dict[str, np.ndarray]:
    """Rows of runs that never ran: two looks a set, all beginning at .2; held-out prompts gain half as much."""
    rows = [
        {"rule": rule, "seed": seed, "step": 10.0 * (p is end), "train": p, "train_figures": p,
         "test": 0.1 + p / 2, "test_figures": 0.2 + p / 2}
        for rule, values in ends.items() for seed, end in enumerate(values) for p in (0.2, end)
    ]  # fmt: skip
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def made(**ends: list[float]) -> dict:
    found = summarise(looks(**ends), dict.fromkeys(ends, 1e-4), [], [], 1)
    return json.loads(json.dumps(found))


def test_a_lead_is_named_where_it_is_resolved_and_not_where_it_is_noise() -> None:
    none = [0.50, 0.55, 0.60, 0.52]
    ahead = made(none=none, group=[p + d for p, d in zip(none, (0.10, 0.11, 0.12, 0.11), strict=True)])
    assert sentences(ahead) == [
        "group against none at the end, each at its own rate: ahead on training questions by +0.110 [+0.097, +0.123]; "
        "ahead on held-out ones by +0.055 [+0.049, +0.061]."
    ]
    behind = made(group=[p + d for p, d in zip(none, (0.10, 0.11, 0.12, 0.11), strict=True)], none=none)
    assert (
        "none against group at the end, each at its own rate: behind on training questions by -0.110"
        in (sentences(behind)[0])
    )
    noise = made(none=none, group=[0.55, 0.50, 0.65, 0.47])
    assert sentences(noise)[0].count("no difference resolved") == 2


def test_a_run_that_is_lost_has_fallen_to_nothing() -> None:
    found = made(none=[0.5, float("nan"), 0.1], group=[0.5, 0.6, 0.5])
    assert found["rules"]["none"]["fell"] == 2
    assert found["rules"]["none"]["train"]["mean"] == pytest.approx(0.2)
    assert sentences(found)[1] == "Of 3 runs a rule ended below where they began: none 2."
    assert found["leads"]["group"]["train"]["mean"] == pytest.approx((0 + 0.6 + 0.4) / 3)


def test_the_identity_is_what_decides_the_results() -> None:
    base = Compare(Path("A"))
    assert replace(base, model=Path("B"), out=Path("C")).identity() == base.identity()
    for other in (replace(base, rules=("none", "batch")), replace(base, num_steps=65), replace(base, seed=1)):
        assert other.identity() != base.identity()
