"""The shape checks that every other test relies on are in force, wherever there are annotations of shapes."""

from pathlib import Path

import jax
import jax.numpy as jnp
import jaxtyping
import pytest

from bandits.policy import draw_counts
from curvature.divergence import softmax_kl_along
from curvature.safe import ratio
from experiments.language.model.architecture import Architecture
from experiments.language.model.transformer import encode
from tests.shapes import CHECKED

ROOT = Path(__file__).resolve().parents[1]


def test_a_number_where_an_array_is_annotated_is_refused() -> None:
    with pytest.raises(jaxtyping.TypeCheckError):
        ratio(0.1, 0.1)  # pyright: ignore[reportArgumentType]


def test_disagreeing_axes_are_refused() -> None:
    with pytest.raises(jaxtyping.TypeCheckError):
        softmax_kl_along(jnp.ones((3, 2)), jnp.ones((3, 3)))


def test_bandits_are_checked_too() -> None:
    with pytest.raises(jaxtyping.TypeCheckError):
        draw_counts(jnp.ones(3), 2, key=jax.random.key(0))


def test_the_transformer_is_checked_too() -> None:
    with pytest.raises(jaxtyping.TypeCheckError, match="prompts"):
        encode({}, Architecture(6, 8, 1, 2, 1, 8), jnp.zeros(3, jnp.int32), jnp.ones(3, jnp.int32))


def has_shapes(path: Path) -> bool:
    return "from jaxtyping import" in path.read_text(encoding="utf-8")


def test_every_module_with_shapes_is_checked() -> None:
    packages = ("curvature", "bandits", "proofs", "experiments")
    paths = [path for package in packages for path in Path(ROOT, package).rglob("*.py") if has_shapes(path)]
    assert len(paths) > 30
    for path in paths:
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        assert any(f"{name}.".startswith(f"{checked}.") for checked in CHECKED), name
