"""One cache of compiled programs: never another number, never an error, a compilation saved."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiments import compilation
from experiments.compilation import FLAG, cache_folder, machine_digest, prune, take_flag

PROGRAM = """
import sys
if "early" in sys.argv:
    import jax.numpy
from experiments.compilation import take_flag, use_cache
use_cache(take_flag(sys.argv)[1])
import jax
import jax.numpy as jnp
import numpy as np
from curvature import moments
found = []
jax.monitoring.register_event_listener(lambda event, **_: found.append(event.rpartition("/")[2]))
x = np.random.default_rng(0).normal(size=(64, 64))
steps = jax.jit(lambda x: jax.lax.scan(lambda c, _: (jax.nn.softmax(c @ c.T), jnp.exp(c).sum(1)), x, None, length=3))
more = [jax.jit(lambda x, k=k: x * k + x.T)(x) for k in range(4)]
sums = [*more, *steps(x), *jax.tree.leaves(moments(x[0], x, (x[1] > 0) * 1.0))]
print(found.count("cache_hits"), found.count("cache_misses"), *(np.asarray(y).tobytes().hex() for y in sums))
"""


def start(home: Path, *arguments: str, **env: str) -> subprocess.Popen[str]:
    """The program in a process whose user's cache is `home`, without anything that these tests' own cache set."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("JAX_") and k != "PYTHONWARNINGS"}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        env=inherited | {"XDG_CACHE_HOME": str(home)} | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def result(process: subprocess.Popen[str]) -> tuple[int, int, str]:
    """Programs loaded, programs written, all numbers; it says nothing else."""
    out, error = process.communicate(timeout=300)
    assert (process.returncode, error) == (0, ""), error
    hits, misses, numbers = out.split(maxsplit=2)
    return int(hits), int(misses), numbers


def entries(home: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(home.rglob("*-cache"))}


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The numbers of a run without a cache, also where the environment asks for one."""
    home = tmp_path_factory.mktemp("without")
    hits, misses, numbers = result(start(home, FLAG, JAX_COMPILATION_CACHE_DIR=str(home / "own")))
    assert (hits, misses) == (0, 0)
    assert not list(home.iterdir())
    return numbers


@pytest.fixture(scope="module")
def warm(without: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that two processes filled at once."""
    home = tmp_path_factory.mktemp("warm")
    for hits, misses, numbers in [result(process) for process in (start(home), start(home, "early"))]:
        assert hits + misses > 5
        assert numbers == without
    return home


def test_a_warm_cache_gives_the_same_bits_and_compiles_nothing(warm: Path, without: str) -> None:
    before = entries(warm)
    assert len(before) > 5
    assert len({path.parent for path in before}) == 1
    hits, misses, numbers = result(start(warm))
    assert (hits, misses, numbers) == (len(before), 0, without)
    assert entries(warm) == before


def test_damaged_entries_are_compiled_again(warm: Path, without: str) -> None:
    whole = entries(warm)
    for i, (path, content) in enumerate(whole.items()):
        path.write_bytes((content[: len(content) // 2], content[:-1], b"", b"garbage", content)[i % 5])
    hits, _, numbers = result(start(warm))
    assert hits == len(whole) // 5
    assert numbers == without


def test_a_folder_that_cannot_be_made_means_no_cache(without: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert result(start(tmp_path / "file")) == (0, 0, without)


def test_the_users_own_folder_wins(without: str, tmp_path: Path) -> None:
    own = tmp_path / "own"
    hits, misses, numbers = result(start(tmp_path / "home", JAX_COMPILATION_CACHE_DIR=str(own)))
    assert (hits, numbers) == (0, without)
    assert len(entries(own)) == misses > 5
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("arguments", "left", "enabled"),
    [
        ([], [], True),
        ([FLAG], [], False),
        (["sweep", FLAG, "quick", FLAG], ["sweep", "quick"], False),
        (["--out", "--no-cached"], ["--out", "--no-cached"], True),
    ],
)
def test_the_flag_stands_anywhere(arguments: list[str], left: list[str], enabled: bool) -> None:
    assert take_flag(arguments) == (left, enabled)


def test_another_machine_has_another_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cpuinfo = "processor : 0\nmodel name : A\ncpu MHz : 1\nflags : avx\n\nprocessor : 1\n"

    def digest(text: str = cpuinfo, cores: int = 2, jaxlib: str = "1") -> str:
        monkeypatch.setattr(Path, "read_text", lambda *_, **__: text)
        monkeypatch.setattr(compilation, "num_cores", lambda: cores)
        monkeypatch.setattr(compilation.importlib.metadata, "version", lambda _: jaxlib)
        return machine_digest()

    monkeypatch.delenv("NPROC", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = digest()
    assert cache_folder() == tmp_path / "grpo-curvature" / "jax" / first
    assert digest(cpuinfo.replace("MHz : 1", "MHz : 2")) == first
    others = digest(cpuinfo.replace("avx", "avx2")), digest(cpuinfo.replace("A", "B")), digest(jaxlib="2")
    three_cores = digest(cores=3)
    assert len({first, *others, three_cores}) == 5
    monkeypatch.setenv("NPROC", "3")  # XLA takes it for the number of cores
    assert digest() == three_cores


def test_the_least_recently_used_entries_go(tmp_path: Path) -> None:
    now = time.time()
    for i, name in enumerate(("read today", "b", "c", "d")):
        (tmp_path / name).write_bytes(bytes(100))
        os.utime(tmp_path / name, (now - 100 * i, now - 1000 - 100 * i))
    os.utime(tmp_path / "d", (now - 5000, now - 10))  # written today, on a disk that does not tell when it was read
    (tmp_path / "empty").touch()
    (tmp_path / "folder").mkdir()
    prune(tmp_path, 400)
    assert {path.name for path in tmp_path.iterdir()} == {"read today", "b", "c", "d", "folder"}
    prune(tmp_path, 399)
    assert {path.name for path in tmp_path.iterdir()} == {"read today", "b", "d", "folder"}
    prune(tmp_path, 150)
    assert {path.name for path in tmp_path.iterdir()} == {"read today", "folder"}
