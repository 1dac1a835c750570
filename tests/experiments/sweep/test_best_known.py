"""The best known J against the ascent of one problem."""

import jax
import jax.numpy as jnp
import numpy as np

from bandits.achievable import best_known_value
from experiments.sweep import execute
from experiments.sweep.best_known import best_known
from experiments.sweep.grid import Grid
from experiments.sweep.problems import Numbers, Shape, build
from experiments.sweep.spec import Spec, chunks


def test_best_known_value_where_labels_cannot_all_be_right():
    spec = Spec(
        num_steps=4, num_curve=1, tuning_seeds=1, seeds=2, steps=(1.0,),
        grid=Grid(num_prompts=12, num_arms=3, dimension=2, conflict=1.0, group_size="exact", rule="none"),
    )  # fmt: skip
    (chunk,) = chunks(spec)
    best = best_known(spec, chunk.settings)
    assert best.shape == (1, 2)
    key, start_key = jax.random.split(execute.seed_key(spec, 1, 1))
    made = build(Shape.of(chunk.settings[0]), Numbers(*map(jnp.asarray, (1.0, 0.0, 0.25, 1.0))), key=key)
    np.testing.assert_allclose(best[0, 1], best_known_value(made, key=start_key), rtol=1e-9)
    assert 0.3 < best[0, 1] < 0.999
    rows = execute.compute_chunk(spec, chunk, 2**28)
    np.testing.assert_array_equal(rows["best_known"][rows["stage"] == "report"], best[0])
