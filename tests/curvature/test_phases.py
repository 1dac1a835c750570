"""Phase boundaries against the definition read literally, and the own surplus against first-order gains."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curvature import moments, own_surplus, phase_boundaries, phases, relative_gain
from curvature.constants import PHASE_LEVELS

INF, NAN = float("inf"), float("nan")


def literally(χ, level):
    """The first t with χ below the level from t to the end, by trying every t."""
    return next((t for t in range(len(χ)) if all(value < level for value in χ[t:])), None)


@settings(max_examples=100)
@given(st.lists(st.sampled_from([-1.0, 0.0, 0.2, 0.25, 0.3, 0.7, 0.75, 0.8, 1.0, 4.0]), min_size=1, max_size=12))
def test_boundaries_and_phases_are_the_definition_read_literally(χ):
    first, second = literally(χ, PHASE_LEVELS[0]), literally(χ, PHASE_LEVELS[1])
    assert phase_boundaries(χ) == (first, second)
    expected = [1 + (first is not None and t >= first) + (second is not None and t >= second) for t in range(len(χ))]
    assert phases(χ).tolist() == expected


def test_boundaries_of_known_runs():
    assert phase_boundaries([0.9, 0.8, 0.76]) == (None, None)  # a near-orthogonal control never leaves I
    assert phase_boundaries([0.9, 0.5, 0.4]) == (1, None)
    assert phase_boundaries([0.1, 0.2]) == (0, 0)
    assert phase_boundaries([0.9, 0.1, 0.9]) == (None, None)  # it has to stay: the first crossing, refused
    assert phase_boundaries([0.9, 0.1, 0.3, 0.1]) == (1, 3)
    assert phase_boundaries([0.75, 0.25]) == (1, None)  # below means below
    assert phases([0.75, 0.25]).tolist() == [1, 2]
    assert phases([0.2, 0.2]).tolist() == [3, 3]
    assert all(type(end) is int for end in phase_boundaries(jnp.asarray([1.0, 0.5, 0.1])))
    assert np.issubdtype(phases([1.0]).dtype, np.integer)


def test_own_surplus_is_the_difference_of_first_order_gains_of_orthogonal_prompts():
    """Bandits on coordinates of their own: dJ/dη along Σ g/σ less dJ/dη along 2 Σ g, J the mean over prompts."""
    rng = np.random.default_rng(0)
    N, K, d = 3, 4, 2
    z, r = rng.standard_normal((N, K)), np.eye(K)[rng.integers(0, K, N)]
    φ = np.zeros((N, K, N * d))
    for x in range(N):
        φ[x, :, x * d : (x + 1) * d] = rng.standard_normal((K, d))
    m = jax.vmap(moments)(jnp.asarray(z), jnp.asarray(φ), jnp.asarray(r))
    group = jnp.sum(m.gradient / m.std[:, None], axis=0)
    none = 2 * jnp.sum(m.gradient, axis=0)

    def J(step):
        return jnp.mean(jnp.sum(jax.nn.softmax(z + φ @ step) * r, axis=-1))

    gain = {name: jax.grad(lambda η, v=v: J(η * v))(0.0) for name, v in (("group", group), ("none", none))}
    norms = jnp.linalg.norm(m.gradient, axis=-1)
    surplus = float(own_surplus(norms, m.std, 0.7))
    assert surplus == pytest.approx(0.7 * float(gain["group"] - gain["none"]), rel=1e-12)
    assert surplus > 0
    assert abs(surplus - N * 0.7 * float(gain["group"] - gain["none"])) > 0.1 * surplus  # without 1/N, refused
    assert float(relative_gain(norms, m.std)) == pytest.approx(float(gain["group"] / gain["none"]), rel=1e-12)


def test_own_surplus_of_two_arms_is_greatest_at_three_eighths():
    σ = np.linspace(0.01, 0.5, 4901)  # |g| = σ² at width 1
    terms = jax.vmap(lambda s: own_surplus(s[None] ** 2, s[None], 1.0))(jnp.asarray(σ))
    assert σ[int(jnp.argmax(terms))] == pytest.approx(3 / 8, abs=1e-4)  # the grid
    np.testing.assert_allclose(terms, σ**3 - 2 * σ**4, rtol=1e-11, atol=1e-17)


def test_own_surplus_ends():
    assert float(own_surplus([0.3, 0.4], [0.5, 0.5], 2.0)) == 0.0
    assert float(own_surplus([0.3, 0.4], [0.0, 0.25], 2.0)) == pytest.approx(0.16 * 2, rel=1e-14)
    assert float(own_surplus([0.3], [0.0], 2.0)) == 0.0
    assert float(own_surplus([1.0], [1.0], 1.0)) == -1.0  # rewards outside [0, 1] can reverse it
    assert own_surplus(np.float32([0.3]), [0.25], 1.0).dtype == jnp.float32


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: phase_boundaries([0.5, NAN]), "cross_ratio contains nan; allowed: finite numbers"),
        (lambda: phase_boundaries([INF, 0.5]), "cross_ratio contains inf; allowed: finite numbers"),
        (lambda: phase_boundaries([]), r"cross_ratio has shape \(0,\); allowed: \(any,\), no empty axis"),
        (lambda: phase_boundaries([[0.5]]), r"cross_ratio has shape \(1, 1\); allowed: \(any,\)"),
        (lambda: phases([0.5, NAN]), "cross_ratio contains nan"),
        (lambda: phases(0.5), r"cross_ratio has shape \(\); allowed: \(any,\)"),
        (lambda: own_surplus([0.5], [0.5, 0.5], 1.0), r"std has shape \(2,\); allowed: \(1,\)"),
        (lambda: own_surplus([-0.5], [0.5], 1.0), r"gradient_norms contains -0.5; allowed: numbers in \[0, inf\)"),
        (lambda: own_surplus([NAN], [0.5], 1.0), "gradient_norms contains nan"),
        (lambda: own_surplus([0.5], [-0.5], 1.0), r"std contains -0.5; allowed: numbers in \[0, inf\)"),
        (lambda: own_surplus([0.5], [0.5], -1.0), r"step_size contains -1.0; allowed: numbers in \[0, inf\)"),
        (lambda: own_surplus([0.5], [0.5], [1.0]), r"step_size has shape \(1,\); allowed: \(\)"),
    ],
)
def test_bad_input_is_named(call, text):
    with pytest.raises(ValueError, match=text):
        call()
