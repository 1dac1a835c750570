"""What tests of refusals share: the message of one, and checks on tracers and on what annotations forbid."""

from collections.abc import Iterator
from contextlib import contextmanager

import jax
import jax.numpy as jnp
import jaxtyping
import pytest

NAN, INF = float("nan"), float("inf")


def message(call, *arguments, **options) -> str:
    with pytest.raises(ValueError, match=r"; allowed: ") as caught:
        call(*arguments, **options)
    return str(caught.value)


def under_jit(check) -> None:
    """Run `check` on a tracer whose run-time values are NaN."""
    jax.jit(lambda x: (check(x), x)[1])(jnp.full((2,), NAN))


@contextmanager
def unchecked() -> Iterator[None]:
    """Without the runtime type checker, which refuses a wrong type before the function can say what is allowed."""
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)
