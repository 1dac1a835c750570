"""Runs: init and step under `lax.scan`, giving a `Trajectory` with everything that the theorems speak of.

One step evaluates each arm once: the logits, π, J and σ of the new point serve the record of this step and the
gradient of the next. Memory is flat in the iterations that are not recorded. `jax.vmap` over keys, problems, rules or
step sizes batches runs (`run_many` over keys).
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from bandits.oracle import Exact, Oracle
from bandits.policy import Local, contract, gradient_norms, kl_divergence, locate
from bandits.problem import Problem
from bandits.step import StepSize
from bandits.update import Rule
from curvature.certificate import remainder_bound
from curvature.check import check_count
from curvature.coherence import inverse_power


class State(eqx.Module):
    """Where a run is."""

    parameters: Float[Array, "r m"]
    local: Local
    key: Key[Array, ""]
    time: Float[Array, ""]
    """Steps taken."""
    sum_gradient_norm: Float[Array, ""]
    """Σ_t mean_x |g_x|: T6's left side, before the division by T."""
    sum_std: Float[Array, ""]
    """Σ_t mean_x σ_x."""


class Trajectory(eqx.Module):
    """One row a recorded step, taken from the state before it; means are over prompts."""

    time: Float[Array, "*batch T"]
    """Steps taken before this one."""
    value: Float[Array, "*batch T"]
    """J = mean_x J_x before the step."""
    std: Float[Array, "*batch T"]
    """mean_x σ_x."""
    gradient_norm: Float[Array, "*batch T"]
    """mean_x |g_x|."""
    average_gradient_norm: Float[Array, "*batch T"]
    """Mean of `gradient_norm` over all steps up to and with this one (T6's left side at T = time + 1)."""
    average_std: Float[Array, "*batch T"]
    """Mean of `std` over the same steps (σ̄ of T6)."""
    multiple: Float[Array, "*batch T"]
    """The step size taken."""
    certificate: Float[Array, "*batch T"]
    """T3's lower bound on the gain of J."""
    gain: Float[Array, "*batch T"]
    """Realised gain of J."""
    kl: Float[Array, "*batch T"]
    """mean_x KL(before ‖ after), nats."""
    cross_ratio: Float[Array, "*batch T"]
    """χ (`curvature.cross_ratio`); NaN where every gradient is 0."""
    orthogonality: Float[Array, "*batch T"]
    """O (`curvature.orthogonality`)."""


class Run(eqx.Module):
    """A finished run."""

    trajectory: Trajectory
    final: State


def init(problem: Problem, *, key: Key[Array, ""]) -> State:
    """The start: Θ = 0, the offset alone."""
    zero = jnp.zeros((), problem.rewards.dtype)
    parameters = jnp.zeros(problem.features.shape, problem.rewards.dtype)
    return State(parameters, locate(problem, problem.offsets), key, zero, zero, zero)


def step(
    problem: Problem, rule: Rule, oracle: Oracle, step_size: StepSize, state: State
) -> tuple[State, Float[Array, "N K"], Float[Array, ""]]:
    """One update: (the new state, the change of the logits [N, K], the multiple)."""
    key, draw = jax.random.split(state.key)
    local = state.local
    v = oracle.direction(rule, problem, local, key=draw)
    per_unit = problem.features.logits(v)
    s = step_size.multiple(local, per_unit)
    change = s * per_unit
    norms = gradient_norms(problem.features, contract(problem.features, local.coefficients))
    new = State(
        state.parameters + s * v,
        locate(problem, local.logits + change),
        key,
        state.time + 1,
        state.sum_gradient_norm + jnp.mean(norms),
        state.sum_std + jnp.mean(local.std),
    )
    return new, change, s


def record(
    problem: Problem, state: State, new: State, change: Float[Array, "N K"], multiple: Float[Array, ""]
) -> Trajectory:
    """The row of the step from `state` to `new`."""
    local, features = state.local, problem.features
    a = contract(features, local.coefficients)
    squares = features.squared_lengths() * jnp.sum(a**2, axis=-1)
    weight = inverse_power(local.std, 1)
    total, scaled = features.gather(a), features.gather(weight[:, None] * a)
    lower = jnp.sum(local.coefficients * change, axis=-1) - remainder_bound(local.std, jnp.ptp(change, axis=-1))
    return Trajectory(
        time=state.time,
        value=jnp.mean(local.value),
        std=jnp.mean(local.std),
        gradient_norm=jnp.mean(jnp.sqrt(squares)),
        average_gradient_norm=new.sum_gradient_norm / new.time,
        average_std=new.sum_std / new.time,
        multiple=multiple,
        certificate=jnp.mean(lower),
        gain=jnp.mean(new.local.value - local.value),
        kl=jnp.mean(kl_divergence(local, change)),
        cross_ratio=jnp.sum(total * scaled) / jnp.sum(weight * squares),
        orthogonality=jnp.sum(total**2) / jnp.sum(squares),
    )


def simulate(
    problem: Problem,
    rule: Rule,
    oracle: Oracle,
    step_size: StepSize,
    num_steps: int,
    *,
    key: Key[Array, ""],
    record_every: int = 1,
) -> Run:
    """The pure run, for use under `jit` and `vmap`; arguments as in `run`, unchecked."""

    def advance(state: State) -> tuple[State, Float[Array, "N K"], Float[Array, ""]]:
        return step(problem, rule, oracle, step_size, state)

    def recorded(state: State, _: None) -> tuple[State, Trajectory]:
        new, change, multiple = advance(state)
        row = record(problem, state, new, change, multiple)
        new = jax.lax.fori_loop(0, record_every - 1, lambda _, s: advance(s)[0], new)
        return new, row

    final, trajectory = jax.lax.scan(recorded, init(problem, key=key), None, length=num_steps // record_every)
    return Run(trajectory, final)


@eqx.filter_jit
def _simulate_many(
    problem: Problem, rule: Rule, oracle: Oracle, step_size: StepSize, num_steps: int, keys: Array, record_every: int
) -> Run:
    return jax.vmap(
        lambda key: simulate(problem, rule, oracle, step_size, num_steps, key=key, record_every=record_every)
    )(keys)


def run_many(
    problem: Problem,
    rule: Rule,
    step_size: StepSize,
    num_steps: int,
    *,
    keys: Key[Array, " S"],
    oracle: Oracle | None = None,
    record_every: int = 1,
) -> Run:
    """One run a key, compiled once and batched. Arguments as in `run`; every result gains a leading axis S."""
    oracle = Exact() if oracle is None else oracle
    check_count("num_steps", num_steps, 1)
    check_count("record_every", record_every, 1)
    if num_steps % record_every:
        raise ValueError(f"record_every is {record_every}; allowed: a divisor of num_steps = {num_steps}")
    oracle.validate(rule, problem)
    return _simulate_many(problem, rule, oracle, step_size, num_steps, keys, record_every)


def run(
    problem: Problem,
    rule: Rule,
    step_size: StepSize,
    num_steps: int,
    *,
    key: Key[Array, ""],
    oracle: Oracle | None = None,
    record_every: int = 1,
) -> Run:
    """Run a rule on a problem.

    Arguments:
        problem: from `bandits.problem` or `bandits.from_pass_rates`.
        rule: from `bandits.make_rule`.
        step_size: `constant`, `Certified()` or `kl_limited`; multiplies the rule's SUM over prompts.
        num_steps: T.
        key: a JAX key; used by sampled groups only.
        oracle: `Exact()` by default, `Expected(G)` or `Sampled(G)`.
        record_every: keep one row in so many steps; must divide num_steps.

    Raises:
        ValueError: counts out of range, or an oracle that cannot serve the rule.
    """
    many = run_many(problem, rule, step_size, num_steps, keys=key[None], oracle=oracle, record_every=record_every)
    return jax.tree.map(lambda x: x[0], many)
