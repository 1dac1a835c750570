"""float64, strict promotion, shape checking and one cache of compiled programs for every test."""

from importlib.util import find_spec
from pathlib import Path

import jax
import pytest
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

from experiments.compilation import num_cores, use_cache
from tests import shapes

use_cache()  # the command's own, in the processes that tests start too
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")

settings.register_profile("default", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("default")

# imports numba, which is an extra (`make fast` installs it)
collect_ignore = [] if find_spec("numba") else ["experiments/sweep/kernel.py"]

# stays in force: every later import of these modules is checked
install_import_hook(shapes.CHECKED, "tests.shapes.check")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Cores that this process may use, not all of the machine; more than 6 would wait for the longest file."""
    return min(num_cores(), 6)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that are minutes of work first: whole files go to one process each, and none should begin last."""
    items.sort(key=lambda item: item.get_closest_marker("early") is None)


# Every compiled program holds several memory mappings, of which Linux allows a process 65,530 (vm.max_map_count);
# XLA aborts when there are no more.
_MAPPINGS = Path("/proc/self/maps")
_MANY_MAPPINGS = 15_000


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """After the last test of a file, forget the compiled programs if they are many."""
    if (nextitem is not None and nextitem.path == item.path) or not _MAPPINGS.exists():
        return
    if _MAPPINGS.read_bytes().count(b"\n") > _MANY_MAPPINGS:
        jax.clear_caches()
