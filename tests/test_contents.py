"""The packages' tables of contents: 64 bits as soon as one is imported, JAX no sooner than something needs it."""

import importlib.metadata
import os
import subprocess
import sys

import pytest

import bandits
import curvature


def say(program: str, **variables: str) -> str:
    """What a fresh Python prints."""
    environment = {name: value for name, value in os.environ.items() if name != "JAX_ENABLE_X64"} | variables
    run = [sys.executable, "-c", program]
    return subprocess.run(run, env=environment, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("package", ["curvature", "bandits"])
@pytest.mark.parametrize(
    ("variables", "dtype"),
    [({}, "float64"), ({"JAX_ENABLE_X64": "0"}, "float32"), ({"JAX_ENABLE_X64": "1"}, "float64")],
)
def test_importing_makes_jax_64_bit_unless_the_environment_decides(package, variables, dtype):
    before, after = (
        say(f"import {order}; import jax.numpy as jnp; print(jnp.ones(1).dtype)", **variables)
        for order in (f"jax, {package}", f"{package}, jax")
    )
    assert (before, after) == (dtype, dtype)


@pytest.mark.parametrize(
    "statement",
    ["import curvature", "import bandits", "from curvature.rule import parse", "from curvature.constants import STEP",
     "from curvature.ranges import check_count", "from curvature.audit import audit",
     "from experiments.logs.read import read", "import experiments.logs.run, experiments.logs.prepare",
     "from bandits.pass_rates import ASSUMED_SAMPLES"],
)  # fmt: skip
def test_what_needs_no_jax_does_not_import_it(statement):
    assert say(f"import sys; {statement}; print('jax' in sys.modules)") == "False"


def test_what_needs_it_does():
    assert say("import sys; from curvature import moments; print('jax' in sys.modules)") == "True"


@pytest.mark.parametrize("package", [curvature, bandits])
def test_every_name_is_what_its_module_defines(package):
    assert package.__all__ == sorted(set(package.__all__)) == dir(package)
    for name in package.__all__:
        found = getattr(package, name)
        home = getattr(found, "__module__", None)
        if home in (None, "types"):  # a constant
            continue
        assert home.startswith(package.__name__ + "."), name
        assert getattr(importlib.import_module(home), name) is found


@pytest.mark.parametrize("package", [curvature, bandits])
def test_other_names_are_refused(package):
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        _ = package.nothing_of_the_kind


def test_the_version_is_that_of_the_distribution():
    assert curvature.__version__ == importlib.metadata.version("grpo-curvature")
