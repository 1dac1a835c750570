"""The advantages of the audit against `curvature.Estimator`, which is written in JAX and takes equal groups."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curvature import PRESETS
from curvature.estimates import RULES, divisor, predict, stack
from curvature.ragged import Parts
from curvature.trainers import SETTINGS, known_estimators


def sample(rewards: np.ndarray, batches: int = 1):
    """Of [N, G] rewards of one function, in batches of equal numbers of groups."""
    N, G = rewards.shape
    group = Parts(np.repeat(np.arange(N), G), N)
    return stack([rewards.reshape(-1)], group, Parts(group.index // (N // batches), batches))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(SETTINGS)), st.integers(0, 2**32 - 1), st.booleans())
def test_every_preset_is_what_its_estimator_gives(name: str, seed: int, binary: bool) -> None:
    rng = np.random.default_rng(seed)
    rewards = rng.random((4, 5))
    if binary:
        rewards = (rewards < 0.4).astype(float)
    rule, ddof, epsilon = known_estimators()[name]
    found, unit = predict(rule, sample(rewards), np.ones(1), ddof or 0, epsilon or 0.0)
    np.testing.assert_allclose(found.reshape(4, 5), np.asarray(PRESETS[name](rewards)), rtol=1e-9, atol=1e-9)
    assert (unit >= 0).all()


def test_batches_are_apart() -> None:
    rewards = np.array([[0.0, 1.0], [0.0, 3.0], [0.0, 10.0], [0.0, 30.0]])
    two = divisor("pooled", sample(rewards, 2), np.ones(1), 0)
    assert two == pytest.approx([np.std([0, 1, 0, 3]), np.std([0, 10, 0, 30])])
    assert divisor("batch", sample(rewards, 2), np.ones(1), 0) == pytest.approx([1.0, 10.0])  # (½ + 3/2)/2, (5 + 15)/2
    centred = divisor("whitened", sample(rewards, 2), np.ones(1), 0)
    assert centred == pytest.approx([np.sqrt((0.25 + 2.25) / 2), np.sqrt((25 + 225) / 2)])


def test_gdpo_by_hand() -> None:
    """Two functions in one group of two: z = ±½/(√½) each, opposite, so weights 1 and 1 cancel and 2 and 1 do not."""
    group = Parts(np.array([0, 0]), 1)
    both = stack([np.array([1.0, 0.0]), np.array([0.0, 8.0])], group, group)
    assert predict("gdpo", both, np.array([1.0, 1.0]), 1, 0.0)[0].tolist() == [0.0, 0.0]
    found, _ = predict("gdpo", both, np.array([2.0, 1.0]), 1, 0.0)
    np.testing.assert_allclose(found, [np.sqrt(0.5), -np.sqrt(0.5)], rtol=1e-12)


def test_rules_are_all_of_those_that_are_known() -> None:
    assert {rule for rule, _, _ in known_estimators().values()} | {"whitened"} == set(RULES)
