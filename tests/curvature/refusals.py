"""What tests of refusals share: the message of one, and a check run on a tracer."""

import jax
import jax.numpy as jnp
import pytest

NAN, INF = float("nan"), float("inf")


def message(call, *arguments, **options) -> str:
    with pytest.raises(ValueError, match=r"; allowed: ") as caught:
        call(*arguments, **options)
    return str(caught.value)


def under_jit(check) -> None:
    """Run `check` on a tracer whose run-time values are NaN."""
    jax.jit(lambda x: (check(x), x)[1])(jnp.full((2,), NAN))
