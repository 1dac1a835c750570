"""The parts of a validation, kept: tables on disk by the name of the part, computed where they are not finished."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from experiments import store
from experiments.gsm8k.starts import Tables


class Parts:
    """With a progress bar. Threads may ask for the same part: one makes it.

    Attributes:
        seconds: of computing, those of parts that were found finished included.
    """

    def __init__(self, folder: Path, source: store.Provenance, bar: Any):
        self.folder, self.source, self.bar = folder, source, bar
        self.seconds = 0.0
        self.seen: dict[str, Tables] = {}
        self._guard = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}

    def __call__(self, name: str, tables: tuple[str, ...], compute: Callable[[], Tables], whole: bool = True) -> Tables:
        """The part's tables, computed where they are not finished."""
        with self._guard:
            lock = self._locks.setdefault(name, threading.Lock())
        with lock:
            if name in self.seen:
                return self.seen[name]
            paths = {table: self.folder / f"{name}.{table}.parquet" for table in tables}
            if not (whole and all(store.is_finished(path, self.source) for path in paths.values())):
                self.bar.set_description(name)
                begun = time.perf_counter()
                found = compute()
                seconds = time.perf_counter() - begun
                for table, path in paths.items():
                    store.write_rows(path, found[table], self.source, seconds)
            self.seen[name] = {table: store.read_rows(path) for table, path in paths.items()}
            with self._guard:
                self.seconds += float(self.seen[name][tables[0]]["wall_time_s"][0])
                self.bar.update()
            return self.seen[name]
