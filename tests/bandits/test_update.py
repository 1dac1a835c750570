"""Every rule against its formula on dense gradients [N, d]; `decoupled` also against curvature's own."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import curvature
from bandits import (
    Batch,
    Decoupled,
    Estimate,
    Features,
    Kronecker,
    Pooled,
    Power,
    UpdateRule,
    Weight,
    coherent,
    equicorrelated,
    equicorrelation,
    from_array,
    make_rule,
    random_arms,
    simplex_arms,
)
from bandits.update import SERVED
from curvature.rule import parse

KEY = jax.random.key(0)
RULES = ("none", "group", "batch", "power", "decoupled")


class Case(NamedTuple):
    features: Kronecker
    per_prompt: jax.Array  # [N, m]
    std: jax.Array  # [N]

    def direction(self, rule: UpdateRule) -> np.ndarray:
        v = rule.direction(self.features, self.estimate())
        assert v.shape == self.features.shape
        return np.asarray(v).reshape(-1)

    def estimate(self, scale: float | jax.Array = 1.0) -> Estimate:
        """Gradients times `scale`, of prompts with J = ½."""
        half = jnp.full_like(self.std, 0.5)
        return Estimate(scale * self.per_prompt, half, self.std, jnp.sqrt(jnp.mean(self.std**2)))

    @property
    def gradients(self) -> np.ndarray:
        """[N, d], e_x ⊗ a_x written out."""
        e = np.asarray(self.features.embeddings())
        return np.einsum("nr,nm->nrm", e, np.asarray(self.per_prompt)).reshape(len(e), -1)

    @property
    def projectors(self) -> np.ndarray:
        """[N, d, d] onto the spans of the feature differences, by numpy's pseudo-inverse."""
        φ = np.asarray(self.features.dense())
        return np.stack([np.linalg.pinv(d, rcond=1e-9) @ d for d in φ[:, 1:] - φ[:, :1]])


def make_case(features: Kronecker, seed: int = 0) -> Case:
    """Gradients as they are: contractions of the arms with coefficients that sum to 0."""
    rng = np.random.default_rng(seed)
    N, K, _ = features.arms.shape
    c = rng.normal(size=(N, K))
    c -= c.mean(axis=1, keepdims=True)
    a = jnp.einsum("nk,nkm->nm", jnp.asarray(c), features.arms)
    return Case(features, a, jnp.asarray(rng.uniform(0.05, 0.5, N)))


def random_correlation(N: int, rank: int) -> np.ndarray:
    e = np.random.default_rng(7).normal(size=(N, rank))
    e /= np.linalg.norm(e, axis=1, keepdims=True)
    return e @ e.T


# few distinct shapes, so that compilations are shared
WIDE = jax.random.normal(jax.random.key(9), (4, 9))
WIDE = WIDE / jnp.linalg.norm(WIDE, axis=1, keepdims=True)
CASES = {
    "orthogonal": make_case(coherent(None, simplex_arms(3), num_prompts=4)),
    "orthogonal, deficient spans": make_case(coherent(None, random_arms(4, 3, 3, key=KEY))),
    "coherent simplex": make_case(coherent(equicorrelation(4, 0.6), simplex_arms(3))),
    "low rank": make_case(coherent(random_correlation(4, 3), simplex_arms(3))),
    "more directions than prompts": make_case(Features(simplex_arms(3)[None].repeat(4, 0), WIDE)),
    "more directions, two prompts the same": make_case(
        Features(simplex_arms(3)[None].repeat(4, 0), WIDE.at[1].set(WIDE[0]))
    ),
    "identical": make_case(coherent(equicorrelation(4, 1.0), simplex_arms(3))),
    "coherent gaussian, deficient spans": make_case(coherent(random_correlation(4, 4), random_arms(4, 3, 3, key=KEY))),
    "equicorrelated": make_case(equicorrelated(simplex_arms(3), 0.6, num_prompts=4)),
    "equicorrelated, orthogonal": make_case(equicorrelated(simplex_arms(3), 0.0, num_prompts=4)),
    "equicorrelated, identical": make_case(equicorrelated(simplex_arms(3), 1.0, num_prompts=4)),
    "equicorrelated, deficient spans": make_case(equicorrelated(random_arms(4, 3, 3, key=KEY), 0.6)),
    "array": make_case(from_array(np.random.default_rng(1).normal(size=(4, 3, 12)))),
    "array, full spans": make_case(from_array(np.random.default_rng(2).normal(size=(4, 3, 2)))),
}
case_of = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


@case_of
def test_simple_rules_are_their_formulas(case):
    g, σ = case.gradients, np.asarray(case.std)
    np.testing.assert_allclose(case.direction(make_rule(name="none", features=case.features)), g.sum(0), atol=1e-12)
    np.testing.assert_allclose(case.direction(make_rule("group", case.features)), (g / σ[:, None]).sum(0), atol=1e-12)
    np.testing.assert_allclose(case.direction(make_rule("batch", case.features)), g.sum(0) / σ.mean(), atol=1e-12)
    for α in (0.5, 1.5, 2.0):
        wanted = (g / σ[:, None] ** α).sum(0)
        np.testing.assert_allclose(case.direction(make_rule("power", case.features, alpha=α)), wanted, rtol=1e-10)


@case_of
@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_decoupled_solves_the_dense_system(case, ridge):
    g, σ, P = case.gradients, np.asarray(case.std), case.projectors
    S = np.einsum("n,nab->ab", σ, P) + ridge * σ.mean() * np.eye(g.shape[1])
    wanted = np.linalg.pinv(S, rcond=1e-9, hermitian=True) @ g.sum(0)
    found = case.direction(make_rule("decoupled", case.features, ridge=ridge))
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-11)  # condition numbers up to 100
    bases = jax.vmap(curvature.span_basis)(case.features.dense())
    theirs = curvature.decoupled(g, σ, bases, ridge=ridge)
    np.testing.assert_allclose(found, theirs, rtol=1e-9, atol=1e-11)
    if ridge:  # it does something
        assert np.abs(found - case.direction(make_rule("decoupled", case.features))).max() > 1e-3


def test_projectors_are_kept_only_where_spans_are_deficient():
    kept = {name: make_rule("decoupled", case.features).projectors is not None for name, case in CASES.items()}
    assert {name for name, is_kept in kept.items() if is_kept} == {
        "orthogonal, deficient spans",
        "coherent gaussian, deficient spans",
        "equicorrelated, deficient spans",
        "array",
    }


def test_spans_almost_deficient_count_as_full_and_repeated_arms_as_deficient():
    thin = np.array([[[0.0, 0.0], [1.0, 0.0], [1.0, 1e-6]]] * 2)
    assert make_rule("decoupled", from_array(thin)).projectors is None
    flat = np.array([[[0.0, 0.0], [1.0, 0.0], [1.0, 0.0]]] * 2)
    np.testing.assert_allclose(make_rule("decoupled", from_array(flat)).projectors, [np.diag([1.0, 0.0])] * 2)


def test_decoupled_is_group_on_orthogonal_spans_and_batch_over_n_on_a_common_one():
    for name in ("orthogonal", "orthogonal, deficient spans"):
        case = CASES[name]
        np.testing.assert_allclose(
            case.direction(make_rule("decoupled", case.features)),
            case.direction(make_rule("group", case.features)),
            rtol=1e-12,
        )
    case = CASES["identical"]
    np.testing.assert_allclose(
        4 * case.direction(make_rule("decoupled", case.features)),
        case.direction(make_rule("batch", case.features)),
        atol=1e-11,
    )
    # in between it is neither
    case = CASES["coherent simplex"]
    found = case.direction(make_rule("decoupled", case.features))
    for name in ("group", "batch"):
        other = case.direction(make_rule(name, case.features))
        assert abs(found @ other) < 0.999 * np.linalg.norm(found) * np.linalg.norm(other)


@pytest.mark.parametrize("name", ["orthogonal", "coherent simplex", "array", "more directions than prompts"])
def test_a_prompt_without_deviation_contributes_nothing(name):
    case = CASES[name]
    # the gradient of such a prompt is 0; the power rules must ignore even one that is not (an estimate, rounding)
    std = case.std.at[1].set(0.0)
    silent = case._replace(std=std, per_prompt=case.per_prompt.at[1].set(0.0))
    noisy = case._replace(std=std)
    g, σ = silent.gradients, np.asarray(std)
    weight = np.where(σ > 0, 1 / np.where(σ > 0, σ, 1), 0)
    for one in (silent, noisy):
        np.testing.assert_allclose(one.direction(make_rule("group", case.features)), weight @ g, atol=1e-12)
        np.testing.assert_allclose(
            one.direction(make_rule("power", case.features, alpha=2.0)), weight**2 @ g, rtol=1e-11, atol=1e-12
        )
    np.testing.assert_allclose(silent.direction(make_rule("batch", case.features)), g.sum(0) / σ.mean(), atol=1e-12)
    P = silent.projectors
    for ridge in (0.0, 0.3):
        S = np.einsum("n,nab->ab", σ, P) + ridge * σ.mean() * np.eye(g.shape[1])
        wanted = np.linalg.pinv(S, rcond=1e-9, hermitian=True) @ g.sum(0)
        found = silent.direction(make_rule("decoupled", case.features, ridge=ridge))
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-11)  # condition numbers up to 100


@pytest.mark.parametrize("rule_name", ["group", "batch", "decoupled"])
def test_no_deviation_anywhere_gives_zero(rule_name):
    for case in CASES.values():
        still = case._replace(std=jnp.zeros_like(case.std), per_prompt=jnp.zeros_like(case.per_prompt))
        np.testing.assert_array_equal(still.direction(make_rule(rule_name, case.features)), 0)


def test_power_interpolates_and_its_default_is_three_halves():
    case = CASES["coherent simplex"]
    direction = {
        name: case.direction(rule)
        for name, rule in {
            "none": make_rule("none", case.features),
            "group": make_rule("group", case.features),
            "power(0)": make_rule("power", case.features, alpha=0),
            "power(1)": make_rule("power", case.features, alpha=1),
            "power(1.5)": make_rule("power", case.features, alpha=1.5),
            "power": make_rule("power", case.features),
        }.items()
    }
    np.testing.assert_array_equal(direction["power(0)"], direction["none"])
    np.testing.assert_array_equal(direction["power(1)"], direction["group"])
    np.testing.assert_array_equal(direction["power"], direction["power(1.5)"])
    assert np.abs(direction["power"] - direction["group"]).max() > 1e-3


def test_power_weights():
    weight = make_rule("power", CASES["array"].features, alpha=0.5).weight
    np.testing.assert_allclose(weight(jnp.array([0.0, 0.04, 4.0])), [0, 5, 0.5], rtol=1e-14)
    none = make_rule("none", CASES["array"].features).weight
    np.testing.assert_array_equal(none(jnp.array([[0.0, 0.04], [1.0, 4.0]])), [[0, 1], [1, 1]])


def test_default_ridge_is_none():
    rule = make_rule("decoupled", CASES["coherent simplex"].features)
    assert float(rule.ridge) == 0
    assert float(make_rule("decoupled", CASES["coherent simplex"].features, ridge=0.25).ridge) == 0.25


def test_rules_work_under_jit_and_vmap():
    case = CASES["coherent gaussian, deficient spans"]
    for name in RULES:
        rule = make_rule(name, case.features, ridge=0.1)
        together = jax.jit(jax.vmap(lambda s, rule=rule: rule.direction(case.features, case.estimate(s))))
        batched = together(jnp.array([1.0, 2.0]))
        wanted = case.direction(rule)
        np.testing.assert_allclose(batched.reshape(2, -1), [wanted, 2 * wanted], rtol=1e-10, atol=1e-12)


def test_names():
    assert SERVED == (
        "none", "group", "batch", "pooled", "power(A)", "decoupled", "maxrl", "focal(A)", "pass(K)", "leave_one_out",
    )  # fmt: skip
    features = CASES["array"].features
    # names made at run time, as flags are: not the interned literals
    kinds = {"".join(list(name)): type(make_rule("".join(list(name)), features)) for name in RULES}
    assert kinds == {"none": Power, "group": Power, "batch": Batch, "power": Power, "decoupled": Decoupled}
    assert float(make_rule("power(2)", features, alpha=1.0).alpha) == 2.0
    assert isinstance(make_rule("pooled", features), Pooled)
    for name in ("maxrl", "focal(1)", "pass(2)"):
        assert isinstance(make_rule(name, features), Weight)


def test_exponents_have_one_type_so_that_one_program_serves_them():
    features = CASES["array"].features
    made = [make_rule(name, features) for name in ("none", "group", "power", "power(0.25)")]
    assert len({jax.typeof(rule.alpha) for rule in made}) == 1
    assert jax.typeof(made[0].alpha) != jax.typeof(jnp.asarray(0.0))  # weak, as it was


@pytest.mark.parametrize(("ddof", "epsilon"), [(0, 0.0), (1, 1e-4)])
def test_group_weights_are_those_of_written_out_groups(ddof, epsilon):
    G, features = 5, CASES["array"].features
    rewards = np.tril(np.ones((G, G)))[:-1]  # k = 1..G−1
    for α in (0.0, 1.0, 2.5):
        found = make_rule("power", features, alpha=α).group_weights(G, ddof=ddof, epsilon=epsilon)
        np.testing.assert_allclose(found[1:-1], (rewards.std(axis=1, ddof=ddof) + epsilon) ** -α, rtol=1e-13)
        if not ddof:
            np.testing.assert_allclose(found, parse(f"power({α})").group_weights(G), rtol=1e-13)


@pytest.mark.parametrize(
    "name", ["", "None", "a", "bz", "c", "e", "grpo", "h", "o", "q", "zebra", "\u03b1", "focal", "nemos"]
)
def test_unknown_names_are_refused(name):
    allowed = (
        r"none, group, batch, pooled, decoupled, maxrl, leave_one_out, or power\(A\) with a number A of at least 0"
    )
    with pytest.raises(ValueError, match=f"rule is {name!r}; allowed: {allowed}"):
        make_rule(name, CASES["array"].features)


@pytest.mark.parametrize("bad", [-1e-3, -0.5, -np.inf, np.inf, np.nan])
def test_exponents_and_ridges_out_of_range_are_refused(bad):
    features = CASES["array"].features
    with pytest.raises(ValueError, match=r"alpha is .*; allowed: a finite number of at least 0"):
        make_rule("power", features, alpha=bad)
    with pytest.raises(ValueError, match=r"ridge contains .*; allowed: numbers in \[0, inf\)"):
        make_rule("decoupled", features, ridge=float(bad))
    # they are looked at only where they are used
    make_rule("group", features, alpha=bad, ridge=float(bad))


@pytest.mark.parametrize("good", [0.0, 1e-3, 0.5, 1e6])
def test_exponents_and_ridges_in_range_are_kept(good):
    assert float(make_rule("power", CASES["array"].features, alpha=good).alpha) == good
    assert float(make_rule("decoupled", CASES["array"].features, ridge=good).ridge) == good


def test_the_base_class_is_abstract():
    with pytest.raises(TypeError, match="abstract"):
        UpdateRule()


@pytest.mark.parametrize("coherence", [0.0, 0.7, 0.99])
def test_decoupled_moves_independent_prompts_as_if_each_were_alone(coherence):
    case = make_case(equicorrelated(simplex_arms(3), coherence, num_prompts=4))
    v = make_rule("decoupled", case.features).direction(case.features, case.estimate())
    alone = jnp.einsum("nm,nkm->nk", case.per_prompt / case.std[:, None], case.features.arms)
    np.testing.assert_allclose(case.features.logits(v), alone, rtol=0, atol=1e-11)
    group = make_rule("group", case.features).direction(case.features, case.estimate())
    assert np.allclose(case.features.logits(group), alone, rtol=0, atol=1e-11) == (coherence == 0)
