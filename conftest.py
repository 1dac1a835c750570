"""float64, strict promotion, shape checking and one cache of compiled programs for every test."""

import jax
import pytest
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

import tests.shapes  # noqa: F401  (the hook names it by its path)
from experiments.compilation import use_cache

use_cache()  # the command's own, in the processes that tests start too
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")

settings.register_profile("default", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("default")

# stays in force: every later import of these packages is checked
install_import_hook(["curvature", "bandits"], "tests.shapes.check")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that are minutes of work first: whole files go to one process each, and none should begin last."""
    items.sort(key=lambda item: item.get_closest_marker("early") is None)
