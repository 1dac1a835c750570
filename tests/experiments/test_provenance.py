"""Where rows come from: what makes two runs the same, and in which words they differ."""

import subprocess
from pathlib import Path

from experiments.provenance import commit, difference, fingerprint, provenance, run_id

CONFIG = {"command": "test", "n": 3}


def test_the_id_depends_on_configuration_inputs_code_and_libraries(monkeypatch) -> None:
    first = run_id(CONFIG)
    assert run_id({"n": 3, "command": "test"}) == first  # the order of keys says nothing
    assert len({first, run_id({**CONFIG, "n": 4}), run_id(CONFIG, b"x")}) == 3
    assert provenance(CONFIG, 5).run_id == first
    with monkeypatch.context() as patch:
        patch.setattr("experiments.provenance.code_digest", lambda: "f" * 64)
        assert run_id(CONFIG) != first
    monkeypatch.setattr("experiments.provenance.versions", lambda: {"jax": "0"})
    assert run_id(CONFIG) != first


def test_the_first_difference_is_told() -> None:
    here = fingerprint()
    assert difference(here, here) is None
    assert difference(here | {"device": "tpu:v9"}, here) == f"device tpu:v9, not {here['device']}"
    light = {k: v for k, v in here.items() if k != "device"}
    assert difference(here | {"device": "tpu:v9"}, light) is None  # not asked
    assert difference(here | {"code_digest": "e" * 64}, here).startswith("other code (digest eeeeeeeeeeee, not ")
    assert difference(here | {"versions": here["versions"] | {"jax": "0.1"}}, here).startswith("jax 0.1, not ")


def test_the_commit_is_that_of_the_code_s_own_checkout(tmp_path: Path, monkeypatch) -> None:
    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        done = subprocess.run(["git", *identity, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    git("init", "-q")
    code = tmp_path / "curvature" / "code.py"
    code.parent.mkdir()
    code.write_text("")
    git("add", ".")
    git("commit", "-qm", "one")
    monkeypatch.setattr("experiments.provenance.ROOT", tmp_path)
    assert commit() == git("rev-parse", "HEAD")
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "rows").write_text("a run's folder is no code")
    assert commit() == git("rev-parse", "HEAD")
    code.write_text("x = 1")
    assert commit() == git("rev-parse", "HEAD") + "+changes"
    inside = tmp_path / "venv" / "site-packages"
    inside.mkdir(parents=True)
    monkeypatch.setattr("experiments.provenance.ROOT", inside)
    assert commit() == "unknown"
    monkeypatch.setattr("experiments.provenance.ROOT", tmp_path / "nowhere")
    assert commit() == "unknown"
