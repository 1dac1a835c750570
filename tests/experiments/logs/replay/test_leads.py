"""Leads of simulated runs against a loop in NumPy, the same draws for both rules, and what G and overlap do to them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bandits import kl_limited, make_optimiser, make_rule, run
from bandits.oracle import Sampled
from experiments.logs.replay import leads as module
from experiments.logs.replay.design import Design
from experiments.logs.replay.leads import NEAREST, Job, build, leads, log_odds, pass_rates_along

RATES = np.array([0.05, 0.2, 0.5, 0.8])


def test_the_problem_has_the_pass_rates_and_the_overlap_that_were_asked_for() -> None:
    job = Job(jnp.asarray(log_odds(RATES)), *map(jnp.asarray, (0.4, 1.0, 1.0)), jax.random.key(0))
    problem = build(job, jax.random.key(1))
    π = np.asarray(jax.nn.softmax(problem.offsets))
    np.testing.assert_allclose((π * np.asarray(problem.rewards)).sum(axis=1), RATES, rtol=1e-12)
    assert (np.asarray(problem.rewards).sum(axis=1) == 1).all()
    E = np.asarray(problem.features.embeddings())
    np.testing.assert_allclose(E @ E.T, 0.4 + 0.6 * np.eye(4), atol=1e-12)


def test_rates_next_to_0_and_1_are_moved_off_them() -> None:
    p = 1 / (1 + np.exp(-log_odds(np.array([0.0, 1.0, 0.3]))))
    np.testing.assert_allclose(p, [NEAREST, 1 - NEAREST, 0.3], rtol=1e-12)


def test_a_run_begins_at_the_rates_and_learns() -> None:
    path = pass_rates_along(RATES, 8, 0.25, 1.0, 3.0, 30, seed=0)
    np.testing.assert_allclose(path[0], RATES, rtol=1e-12)
    assert path[-1].mean() > path[0].mean() + 0.05
    assert not np.allclose(path, pass_rates_along(RATES, 8, 0.25, 0.0, 3.0, 30, seed=0))


def test_in_pairs_the_lead_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dividing is twice the step at G = 2: with steps in ratio 2 on one seed for tuning and report both do the same."""
    monkeypatch.setattr(module, "STEPS", tuple(2.0 ** np.arange(-2, 8)))
    area = module._run(RATES, 2, np.array([0.5]), np.broadcast_to(module.STEPS, (1, 2, 10)), 0, range(3))
    np.testing.assert_allclose(area[0, 1, :-1], area[0, 0, 1:], rtol=1e-9)  # rounding of 200 updates


def test_the_step_of_each_rule_is_the_best_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STEPS", (0.3, 10.0, 300.0))
    found = leads(RATES, 8, np.array([0.0, 0.9]), seed=1, seeds=4)
    tuned = module._run(RATES, 8, np.array([0.0, 0.9]), np.broadcast_to(module.STEPS, (2, 2, 3)), 1, range(3))
    best = np.array(module.STEPS)[tuned.mean(axis=-1).argmax(axis=-1)]
    assert found.step_size.tolist() == best.tolist()
    area = module._run(RATES, 8, np.array([0.0, 0.9]), best[..., None], 1, range(1000, 1004))[:, :, 0]
    np.testing.assert_allclose(found.mean, (area[:, 1] - area[:, 0]).mean(axis=1), rtol=1e-12)
    assert (found.half_width > 0).all()


@pytest.mark.parametrize("design", [Design("adam"), Design("sgd", 2)], ids=str)
def test_a_run_is_the_library_s_with_that_optimiser_and_those_batches(design: Design) -> None:
    """`bandits.run` from the same keys: the path, and the area over its steps."""
    ρ, α, η, T = 0.3, 1.0, 0.4, module.NUM_STEPS
    path = pass_rates_along(RATES, 8, ρ, α, η, T, seed=5, design=design)
    problem_key, run_key = jax.random.split(jax.random.key(5))
    problem = build(Job(jnp.asarray(log_odds(RATES)), *map(jnp.asarray, (ρ, α, η)), jax.random.key(5)), problem_key)
    B = design.prompts_per_update
    found = run(
        problem, make_rule("group", problem.features), kl_limited(η, module.KL_LIMIT), T, key=run_key,
        oracle=Sampled(8, prompts_per_update=B), optimiser=make_optimiser(design.optimiser),
    )  # fmt: skip
    assert (np.isfinite(path).sum(axis=1) == (B or 4)).all()
    if B:  # every prompt once in two updates
        assert (np.isfinite(path[0]) != np.isfinite(path[1])).all()
    else:
        np.testing.assert_allclose(path.mean(axis=1), found.trajectory.value, rtol=1e-9)  # rounding of 100 updates
    job = jax.tree.map(lambda leaf: leaf[None], Job(jnp.asarray(log_odds(RATES)), *map(jnp.asarray, (ρ, α, η)),
                                                    jax.random.key(5)))  # fmt: skip
    area = module._areas(4, 8, design)(job)
    assert float(area[0]) == pytest.approx(float(found.trajectory.value.mean()), rel=1e-9)


def test_leads_under_adam_choose_among_adam_s_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ADAM_STEPS", (0.01, 0.1))
    found = leads(RATES, 8, np.array([0.5]), seed=1, seeds=2, design=Design("adam"))
    assert set(found.step_size.ravel()) <= {0.01, 0.1}
    assert found.mean[0] != leads(RATES, 8, np.array([0.5]), seed=1, seeds=2).mean[0]
