"""What is computed elsewhere is what would be computed here; processes end with the one that began them."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from experiments import processes
from experiments.processes import Processes

ORPHANS = """
import multiprocessing, os, signal, time
from experiments.processes import Processes
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # who runs tests in the background has it ignored
    with Processes("math") as there:
        there._count = 2
        there.begin()
        there.submit(abs, -1).result()
        print(*(child.pid for child in multiprocessing.active_children()), flush=True)
        time.sleep(60)
"""


def two(monkeypatch: pytest.MonkeyPatch) -> Processes:
    """Two processes, whatever machine this is."""
    monkeypatch.setattr(processes, "workers", lambda: 2)
    return Processes("math")


def gone(pid: int, seconds: float = 20) -> bool:
    """Whether a process ends in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        state = Path(f"/proc/{pid}/stat")
        if not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.1)
    return False


def test_results_and_errors_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    others = set(multiprocessing.active_children())
    with two(monkeypatch) as there:
        assert there.submit(os.getpid).result() != os.getpid()
        assert [future.result() for future in [there.submit(divmod, 7, n) for n in (1, 2, 3)]] == [
            (7, 0),
            (3, 1),
            (2, 1),
        ]
        with pytest.raises(ZeroDivisionError):
            there.submit(divmod, 1, 0).result()
        mine = set(multiprocessing.active_children()) - others
        assert len(mine) in (1, 2)  # a second one begins where the first is busy
    assert all(gone(child.pid) for child in mine if child.pid)


def test_one_core_computes_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "workers", lambda: 1)
    others = set(multiprocessing.active_children())  # of tests before
    with Processes("math") as there:
        there.begin()
        assert there.submit(os.getpid).result() == os.getpid()
        assert set(multiprocessing.active_children()) <= others


def test_a_process_that_is_killed_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with two(monkeypatch) as there:
        asleep = there.submit(time.sleep, 60)
        os.kill(there.submit(os.getpid).result(), signal.SIGKILL)
        with pytest.raises(BrokenProcessPool):
            asleep.result(30)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_processes_end_with_the_one_that_began_them(how: signal.Signals, tmp_path: Path) -> None:
    script = tmp_path / "orphans.py"
    script.write_text(ORPHANS)
    root = str(Path(__file__).resolve().parents[2])
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env=os.environ | {"PYTHONPATH": root},
    ) as parent:  # fmt: skip
        assert parent.stdout is not None
        children = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(children) == 2
        parent.send_signal(how)
        parent.wait(20)
    assert all(map(gone, children))
