"""Provers that end as they are told."""

from collections.abc import Callable


def raises(error: Exception) -> Callable[[], str]:
    """A prover that raises this."""

    def prove() -> str:
        raise error

    return prove
