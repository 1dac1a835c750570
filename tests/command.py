"""The installed command, in a process of its own."""

import subprocess
import sys
from pathlib import Path

COMMAND = str(Path(sys.executable).parent / "grpo-curvature")


def call(*arguments: str, cwd: Path, **options) -> subprocess.CompletedProcess[str]:
    """What became of the command with these arguments, in this folder."""
    return subprocess.run([COMMAND, *arguments], cwd=cwd, capture_output=True, text=True, check=False, **options)
