"""The code as it is when the tests begin: the tree may be edited meanwhile."""

from collections.abc import Iterator

import pytest

from experiments import provenance
from tests.experiments.sweep import fakes

FROZEN = provenance.code_digest(), provenance.commit()


@pytest.fixture(autouse=True, scope="module")
def frozen() -> Iterator[str]:
    """The digest of the code, which stays the same here and in the processes that import `fakes`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provenance, "code_digest", lambda: FROZEN[0])
        patch.setattr(provenance, "commit", lambda: FROZEN[1])
        patch.setenv(fakes.FROZEN, " ".join(FROZEN))
        yield FROZEN[0]
