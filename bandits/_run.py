"""Runs: init and step under `lax.scan`, giving a `Trajectory` with everything that the theorems speak of.

One step evaluates each arm once: the logits, π, J and σ of the new point serve the record of this step and the
gradient of the next. Memory is flat in the iterations that are not recorded. `jax.vmap` over keys, problems, rules or
step sizes batches runs; `batch_runs` does the same faster on a CPU, and `run_many` is that over keys.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PyTree

from bandits._problem import Problem, locate
from bandits._step import StepSize, Taken
from bandits.batches import block_size, in_blocks, on_all_cores
from bandits.clipped_ratio import Drawn
from bandits.estimate import UpdateRule
from bandits.optimiser import SGD, Optimiser
from bandits.oracle import Exact, Oracle
from bandits.policy import Local, interference
from bandits.reuse import next_update, no_batch
from bandits.update import Decoupled
from curvature.check import check_count

PLAIN = SGD()
"""The optimiser where none is named."""
ORDER = 1
"""What a run's key is folded with for the order of its prompts."""


class State(eqx.Module):
    """Where a run is."""

    parameters: PyTree
    """Θ [r, m] where features are fixed."""
    local: Local
    key: Key[Array, ""]
    time: Float[Array, ""]
    """Steps taken."""
    sum_gradient_norm: Float[Array, ""]
    """Σ_t mean_x |g_x|: T6's left side, before the division by T."""
    sum_std: Float[Array, ""]
    """Σ_t mean_x σ_x."""
    optimiser: PyTree = None
    """What the optimiser remembers; nothing of SGD."""
    order_key: Key[Array, ""] | None = None
    """Of the order of the prompts, where an update sees some of them."""
    answers: Float[Array, ""] | float = 0.0
    """Responses drawn so far."""
    drawn: Drawn | None = None
    """The batch that is being used, where several updates use one."""


class Trajectory(eqx.Module):
    """One row per recorded step, taken from the state before it; means are over prompts. [T] in one run, [S, T]."""

    time: Float[Array, "*rows"]
    """Steps taken before this one."""
    value: Float[Array, "*rows"]
    """J = mean_x J_x before the step."""
    std: Float[Array, "*rows"]
    """mean_x σ_x."""
    gradient_norm: Float[Array, "*rows"]
    """mean_x |g_x|."""
    average_gradient_norm: Float[Array, "*rows"]
    """Mean of `gradient_norm` over all steps up to and with this one (T6's left side at T = time + 1)."""
    average_std: Float[Array, "*rows"]
    """Mean of `std` over the same steps (σ̄ of T6)."""
    multiple: Float[Array, "*rows"]
    """The step size taken."""
    certificate: Float[Array, "*rows"]
    """T3's lower bound on the gain of J (T11's for sequences)."""
    gain: Float[Array, "*rows"]
    """Realised gain of J."""
    kl: Float[Array, "*rows"]
    """mean_x KL(before ‖ after), nats."""
    cross_ratio: Float[Array, "*rows"]
    """χ (`curvature.cross_ratio`); NaN where every gradient is 0."""
    orthogonality: Float[Array, "*rows"]
    """O (`curvature.orthogonality`)."""


class Run(eqx.Module):
    """A finished run."""

    trajectory: Trajectory
    final: State


def init(problem: Problem, *, key: Key[Array, ""], optimiser: Optimiser = PLAIN, oracle: Oracle | None = None) -> State:
    """The start: the offset alone (Θ = 0 where features are fixed). Several updates a batch need their `oracle`."""
    zero, parameters = jnp.zeros((), problem.rewards.dtype), problem.features.initial()
    local, order_key = locate(problem, problem.offsets), jax.random.fold_in(key, ORDER)
    return State(
        parameters,
        local,
        key,
        zero,
        zero,
        zero,
        optimiser.init(parameters),
        order_key,
        zero,
        None if oracle is None else no_batch(problem, oracle, local, order_key=order_key),
    )


def step(
    problem: Problem,
    rule: UpdateRule,
    oracle: Oracle,
    step_size: StepSize,
    state: State,
    *,
    optimiser: Optimiser = PLAIN,
) -> tuple[State, Taken]:
    """One update: the new state, and the step that led there."""
    local, here = state.local, problem.at(state.parameters)
    update, key, drawn = next_update(
        here, rule, oracle, local, state.drawn, key=state.key, order_key=state.order_key, time=state.time
    )
    v, memory = optimiser.update(update.direction, state.optimiser)
    taken = step_size.take(local, here.features.move(v), problem.policy)
    norms = jnp.sqrt(here.features.squared_norms(here.features.contract(local.coefficients)))
    new = State(
        jax.tree.map(lambda old, way: old + taken.multiple * way, state.parameters, v),
        locate(problem, local.logits + taken.change),
        key,
        state.time + 1,
        state.sum_gradient_norm + jnp.mean(norms),
        state.sum_std + jnp.mean(local.std),
        memory,
        state.order_key,
        state.answers + update.answers,
        drawn,
    )
    return new, taken


def record(problem: Problem, state: State, new: State, taken: Taken) -> Trajectory:
    """The row of the step from `state` to `new`."""
    local, features, policy = state.local, problem.features.at(state.parameters), problem.policy
    squares, χ, overlap = interference(features, local)
    remainder = policy.remainder_bound(local.std, policy.width(taken.change))
    lower = jnp.sum(local.coefficients * taken.change, axis=-1) - remainder
    return Trajectory(
        time=state.time,
        value=jnp.mean(local.value),
        std=jnp.mean(local.std),
        gradient_norm=jnp.mean(jnp.sqrt(squares)),
        average_gradient_norm=new.sum_gradient_norm / new.time,
        average_std=new.sum_std / new.time,
        multiple=taken.multiple,
        certificate=jnp.mean(lower),
        gain=jnp.mean(new.local.value - local.value),
        kl=taken.kl,
        cross_ratio=χ,
        orthogonality=overlap,
    )


def simulate(
    problem: Problem,
    rule: UpdateRule,
    oracle: Oracle,
    step_size: StepSize,
    num_steps: int,
    *,
    key: Key[Array, ""],
    record_every: int = 1,
    optimiser: Optimiser = PLAIN,
) -> Run:
    """The pure run, for use under `jit` and `vmap`; arguments as in `run`, unchecked."""

    def advance(state: State) -> tuple[State, Taken]:
        return step(problem, rule, oracle, step_size, state, optimiser=optimiser)

    def recorded(state: State, _: None) -> tuple[State, Trajectory]:
        new, taken = advance(state)
        row = record(problem, state, new, taken)
        new = jax.lax.fori_loop(0, record_every - 1, lambda _, s: advance(s)[0], new)
        return new, row

    start = init(problem, key=key, optimiser=optimiser, oracle=oracle)
    final, trajectory = jax.lax.scan(recorded, start, None, length=num_steps // record_every)
    return Run(trajectory, final)


@eqx.filter_jit
def _simulate_many(
    problem: Problem,
    rule: UpdateRule,
    oracle: Oracle,
    step_size: StepSize,
    num_steps: int,
    keys: Array,
    record_every: int,
    optimiser: Optimiser,
) -> Run:
    def one(key: Key[Array, ""]) -> Run:
        return simulate(
            problem, rule, oracle, step_size, num_steps, key=key, record_every=record_every, optimiser=optimiser
        )

    return in_blocks(one, block_size(problem))(keys)


def run_many(
    problem: Problem,
    rule: UpdateRule,
    step_size: StepSize,
    num_steps: int,
    *,
    keys: Key[Array, " S"],
    oracle: Oracle | None = None,
    record_every: int = 1,
    optimiser: Optimiser = PLAIN,
) -> Run:
    """One run per key, compiled once and batched. Arguments as in `run`; every result gains a leading axis S.

    Raises:
        ValueError: as `run`.
    """
    oracle = Exact() if oracle is None else oracle
    check_count("num_steps", num_steps, 1)
    check_count("record_every", record_every, 1)
    if num_steps % record_every:
        raise ValueError(f"record_every is {record_every}; allowed: a divisor of num_steps = {num_steps}")
    oracle.validate(rule, problem)

    def some(keys: Array) -> Run:
        return _simulate_many(problem, rule, oracle, step_size, num_steps, keys, record_every, optimiser)

    if isinstance(rule, Decoupled):  # two programs with eigenvalues at once can wait for each other for ever inside XLA
        return some(keys)
    return on_all_cores(some, block_size(problem), (keys,))


def run(
    problem: Problem,
    rule: UpdateRule,
    step_size: StepSize,
    num_steps: int,
    *,
    key: Key[Array, ""],
    oracle: Oracle | None = None,
    record_every: int = 1,
    optimiser: Optimiser = PLAIN,
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
        optimiser: from `make_optimiser`; the step size multiplies what it makes of the rule's sum.

    Raises:
        ValueError: counts out of range, or an oracle that cannot serve the rule.
    """
    many = run_many(
        problem,
        rule,
        step_size,
        num_steps,
        keys=key[None],
        oracle=oracle,
        record_every=record_every,
        optimiser=optimiser,
    )
    return jax.tree.map(lambda x: x[0], many)
