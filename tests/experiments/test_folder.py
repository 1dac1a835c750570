"""Whose a folder is: the same run goes on, any other is refused before anything is touched, and litter goes."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiments import folder, provenance, store

CONFIG = {"command": "test", "n": 3, "grid": {"x": [1, 2]}}
ROOT = Path(__file__).resolve().parents[2]
HOLD = """
import sys, time
from pathlib import Path
from experiments import folder
with folder.locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def begun(out: Path, config: dict = CONFIG, **given) -> provenance.Provenance:
    folder.look(out, config)
    with folder.locked(out):
        return folder.claim(out, config, seed=1, **given)


def everything(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_the_same_run_goes_on_with_the_first_start_s_provenance(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(provenance, "commit", lambda: "first")
    source = begun(tmp_path / "out")
    monkeypatch.setattr(provenance, "commit", lambda: "second")
    assert begun(tmp_path / "out") == source
    assert source.commit == "first"
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["config"] == CONFIG
    assert manifest["run_id"] == source.run_id == provenance.run_id(CONFIG)
    assert sorted(everything(tmp_path / "out")) == ["manifest.json"]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({**CONFIG, "n": 4}, "which holds a run with n = 3, this one has 4; allowed: the same command, or another"),
        ({**CONFIG, "grid": {"x": [1]}}, r"with grid.x = \[1, 2\], this one has \[1\]"),
        ({**CONFIG, "new": None, "m": 1}, "with m = null, this one has 1"),
        ({**CONFIG, "command": "other"}, "which holds a run of `test`; allowed: a folder of its own"),
    ],
)
def test_another_run_is_refused_and_nothing_is_touched(tmp_path: Path, config: dict, message: str) -> None:
    begun(tmp_path)
    before = everything(tmp_path)
    with pytest.raises(ValueError, match=message):
        folder.look(tmp_path, config)
    assert everything(tmp_path) == before


def test_other_code_libraries_and_inputs_are_refused_unless_all_is_computed_anew(tmp_path: Path, monkeypatch) -> None:
    begun(tmp_path, inputs=b"data")
    folder.look(tmp_path, CONFIG, inputs=b"data")
    with pytest.raises(ValueError, match="begun with other input files; allowed: the same, or another --out"):
        folder.look(tmp_path, CONFIG, inputs=b"other")
    monkeypatch.setattr(provenance, "code_digest", lambda: "f" * 64)
    for refused in (lambda: folder.look(tmp_path, CONFIG, inputs=b"data"), lambda: begun(tmp_path, inputs=b"data")):
        with pytest.raises(ValueError, match=r"begun with other code .digest .*, not ffffffffffff.; allowed: the same"):
            refused()
    folder.look(tmp_path, {**CONFIG, "n": 9}, fresh=True)
    with folder.locked(tmp_path):
        source = folder.claim(tmp_path, {**CONFIG, "n": 9}, seed=1, fresh=True)
    assert json.loads((tmp_path / "manifest.json").read_text())["run_id"] == source.run_id
    with pytest.raises(ValueError, match="a run of `test`"):  # not even then
        folder.look(tmp_path, {"command": "other"}, fresh=True)


def test_another_device_is_refused_once_it_is_known(tmp_path: Path, monkeypatch) -> None:
    begun(tmp_path)
    monkeypatch.setattr(provenance, "device", lambda: "tpu:v9")
    with pytest.raises(ValueError, match=r"begun with device cpu:.*, not tpu:v9"):
        begun(tmp_path)


@pytest.mark.parametrize("mark", ["rows", "parts", "figures", "step_00000040", "summary.json", "report.html"])
def test_files_of_a_run_without_a_manifest_are_somebody_s(tmp_path: Path, mark: str) -> None:
    (tmp_path / mark).mkdir() if "." not in mark else (tmp_path / mark).write_text("x")
    with pytest.raises(ValueError, match=f"which holds {mark} of a run that left no manifest.json; allowed: an empty"):
        folder.look(tmp_path, CONFIG)


def test_notes_beside_a_run_are_nobody_s_business(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    begun(tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_what_is_no_folder_is_refused_and_looking_makes_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "file", tmp_path / "file" / "out"):
        with pytest.raises(ValueError, match=r"--out is .*file.* not a folder; allowed: a folder that can be written"):
            folder.look(path, CONFIG)
        with pytest.raises(ValueError, match=r"--out is .*file.*; allowed: a folder that can be written to"):
            begun_without_looking(path)
    folder.look(tmp_path / "a" / "b", CONFIG)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="there is no /proc")
def test_where_no_file_can_be_made_is_refused_by_looking(tmp_path: Path) -> None:
    """Root may write to /proc, by its permissions."""
    with pytest.raises(ValueError, match=r"--out is /proc/out: No such file .*; allowed: a folder that can be written"):
        folder.look(Path("/proc/out"), CONFIG)
    begun(tmp_path)
    before = everything(tmp_path)
    folder.look(tmp_path, CONFIG)
    assert everything(tmp_path) == before


def test_what_is_known_before_files_are_read_is_compared_alone(tmp_path: Path) -> None:
    begun(tmp_path, inputs=b"data")
    folder.look(tmp_path, {"command": "test", "n": 3}, inputs=None)
    with pytest.raises(ValueError, match="a run with n = 3, this one has 4"):
        folder.look(tmp_path, {"command": "test", "n": 4}, inputs=None)
    with pytest.raises(ValueError, match="a run with m = null, this one has 1"):
        folder.look(tmp_path, {"command": "test", "m": 1}, inputs=None)


def begun_without_looking(out: Path) -> None:
    with folder.locked(out):
        pytest.fail("held")


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "is damaged"), ("[]", "is damaged"), ("{}", "is damaged"),
     ('{"manifest_version": 2}', "is damaged"), ('{"manifest_version": 1, "spec": {}}', "has version 1; allowed: 2")],
)  # fmt: skip
def test_damaged_and_older_manifests_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ValueError, match=f"manifest.json {message}"):
        folder.look(tmp_path, CONFIG)


def test_a_second_process_is_refused_at_once_and_a_killed_one_leaves_the_folder_free(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(out)], cwd=ROOT, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        begun_at = time.monotonic()
        for refused in (lambda: folder.look(out, CONFIG), lambda: begun_without_looking(out)):
            with pytest.raises(ValueError, match=f"where process {holder.pid} on .* is at work; allowed: one run"):
                refused()
        assert time.monotonic() - begun_at < 10
        holder.kill()
    assert (out / "lock").exists()
    begun(out)
    assert not (out / "lock").exists()


def test_a_lock_is_exclusive_within_a_process_too_and_leaves_nothing(tmp_path: Path) -> None:
    with folder.locked(tmp_path):
        with pytest.raises(ValueError, match=f"where process {os.getpid()} on"):
            begun_without_looking(tmp_path)
        assert (tmp_path / "lock").exists()
    assert list(tmp_path.iterdir()) == []


def test_litter_goes_and_everything_else_stays(tmp_path: Path) -> None:
    rows = tmp_path / "rows"
    for path in (tmp_path / ".step_00000040.123.partial", tmp_path / ".step_00000020.123.old", rows):
        path.mkdir()
        (path / "model.safetensors").write_bytes(b"half")
    litter = [tmp_path / ".summary.json.123.tmp", rows / ".a.parquet.123.tmp"]
    mine = [rows / "a.parquet", tmp_path / ".hidden", tmp_path / "x.tmp"]
    for path in (*litter, *mine):
        path.write_bytes(b"x")
    with folder.locked(tmp_path):
        pass
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    assert left == [".hidden", "rows", "rows/a.parquet", "rows/model.safetensors", "x.tmp"]


def test_a_full_disk_leaves_no_manifest(tmp_path: Path, monkeypatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        begun(tmp_path)
    assert list(tmp_path.iterdir()) == []
