"""Every tutorial runs from beginning to end in an empty folder, draws its picture and ends with its sentence."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.experiments.language import pretrained

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "tutorials"
TUTORIALS = sorted(FOLDER.glob("*.py"))
LAST = {
    "audit_a_log": "% of the groups are all right or all wrong and teach neither rule anything.",
    "certify_an_update": "none can lower the pass rate of ",
    "pretrained_curvature": "times what straight log-odds say: ",
    "should_i_divide": "over 8 seeds).",
    "write_a_rule": "(standard error) points of pass rate at coherence 0.0, 0.5, 0.9.",
}


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_ends_with_a_picture_and_a_sentence(path: Path, tmp_path: Path) -> None:
    more = [str(pretrained.write_model(tmp_path / "model"))] if path.stem == "pretrained_curvature" else []
    done = subprocess.run(
        [sys.executable, str(path), str(tmp_path), *more], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert LAST[path.stem] in done.stdout.splitlines()[-1]
    assert (tmp_path / f"{path.stem}.png").stat().st_size > 10_000


def test_a_tutorial_fits_on_three_screens() -> None:
    assert len(TUTORIALS) == len(LAST)
    for path in TUTORIALS:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 120, path.name
