"""A study: one run in one folder, from its parts to its report. Every experiment that writes a report goes this way.

    study = Study(out, config, seed=0)              refuses a folder in use or of another run; writes nothing yet
    with study:                                     makes and locks the folder, writes the manifest, sweeps litter
        rows = study.part("theorem", compute)       computed once, kept as rows/theorem.parquet as soon as it is done
        study.draw({"theorem": draw})               figures/theorem.png, .svg
        study.publish(summary, report)              report.html, and last summary.json: who finds it finds all

The same command goes on where it was stopped: a part that is there is read, not computed. Independent checks: studies
that are killed and resumed, in tests/experiments/test_study.py, test_reproduce.py and gsm8k/test_validate.py.
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments import folder, provenance, store
from experiments.columns.declared import checked
from experiments.rows import Rows, Tables
from experiments.strict_json import write_json

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from tqdm import tqdm


class Study:
    """One run in one folder."""

    def __init__(
        self,
        out: Path,
        config: Mapping[str, Any],
        *,
        seed: int,
        inputs: bytes = b"",
        fresh: bool = False,
        num_parts: int | None = None,
        clock: bool = True,
    ):
        """Look at the folder; nothing is written before the study is entered.

        Arguments:
            out: the folder; made if absent.
            config: what decides the results; "command" in it names the command.
            seed: of the rows.
            inputs: content of the files that the run reads.
            fresh: compute everything again, whatever run of this command the folder holds.
            num_parts: for the progress bar, where it is known.
            clock: whether manifest and summary say when it was and how long it took; False where the same run gives
                the same bytes.

        Raises:
            ValueError: a folder that cannot be written to, is in use, or is another run's.
        """
        folder.look(out, config, inputs=inputs, fresh=fresh)
        self.out, self.config, self.seed, self.inputs, self.fresh = out, dict(config), seed, inputs, fresh
        self.num_parts, self.clock = num_parts, clock
        self.seconds = 0.0
        """Of computing, over all parts, those of earlier starts included."""
        self._source: provenance.Provenance | None = None
        self._stack = contextlib.ExitStack()
        self._bar: tqdm | None = None
        self._seen: dict[str, Tables] = {}
        self._guard = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}

    def __enter__(self) -> Study:
        """Hold the folder.

        Raises:
            ValueError: it cannot be written to, or another process took it, or it is another run's.
            OSError: the manifest could not be written.
        """
        with contextlib.ExitStack() as stack:
            stack.enter_context(folder.locked(self.out))
            self._source = folder.claim(
                self.out, self.config, seed=self.seed, inputs=self.inputs, fresh=self.fresh, clock=self.clock
            )
            self._begun = time.perf_counter()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    @property
    def source(self) -> provenance.Provenance:
        """Of the rows."""
        if self._source is None:
            raise RuntimeError("the study is not entered")
        return self._source

    @property
    def rows(self) -> Path:
        """Folder of the parts."""
        return self.out / "rows"

    @property
    def figures(self) -> Path:
        """Folder of the pictures."""
        return self.out / "figures"

    def part(self, name: str, compute: Callable[[], Rows], *, what: str = "", seconds: float | None = None) -> Rows:
        """The rows of a part that is one table: from disk where they are finished, else computed and written.

        Arguments:
            name: of the part; its file is rows/NAME.parquet.
            compute: gives the rows.
            what: what the reader is told while it computes. Default: the name.
            seconds: how long it took, where it was computed elsewhere and is only handed over.

        Raises:
            OSError: writing failed; finished parts are kept.
        """
        return self.tables(name, ("",), lambda: {"": compute()}, what=what, seconds=seconds)[""]

    def tables(
        self,
        name: str,
        names: tuple[str, ...],
        compute: Callable[[], Tables],
        *,
        what: str = "",
        whole: bool = True,
        seconds: float | None = None,
    ) -> Tables:
        """The tables of a part, files rows/NAME.TABLE.parquet. Threads may ask for the same part: one makes it.

        Arguments:
            name: of the part.
            names: of its tables.
            compute: gives them.
            what: what the reader is told while it computes.
            whole: False where something beside the tables is missing, and they must be made again.
            seconds: as of `part`.

        Raises:
            OSError: writing failed; finished parts are kept.
        """
        with self._guard:
            lock = self._locks.setdefault(name, threading.Lock())
        with lock:
            if name in self._seen:
                return self._seen[name]
            paths = {table: self.path(name, table) for table in names}
            finished = whole and not self.fresh and all(store.is_finished(p, self.source) for p in paths.values())
            self.say(what or name)
            if not finished:
                self.rows.mkdir(exist_ok=True)
                begun = time.perf_counter()
                found = compute()
                took = time.perf_counter() - begun if seconds is None else seconds
                for table, path in paths.items():
                    store.write_rows(path, self.declared(path, found[table]), self.source, took)
            kept = {table: store.read_rows(path) for table, path in paths.items()}
            with self._guard:
                self._seen[name] = kept
                self.seconds += float(kept[names[0]]["wall_time_s"][0])
                self.bar.update()
            return kept

    def has(self, name: str) -> bool:
        """Whether a part that is one table is finished."""
        return not self.fresh and store.is_finished(self.path(name), self.source)

    def declared(self, path: Path, rows: Rows) -> Rows:
        """The same rows, if the command declares such columns for a file of this name (`experiments/columns/`).

        Raises:
            ValueError: it declares others.
        """
        return checked(str(self.config.get("command")), path.name, rows)

    def path(self, name: str, table: str = "") -> Path:
        """Where a table of a part is kept."""
        return self.rows / f"{name}{'.' if table else ''}{table}.parquet"

    @property
    def bar(self) -> tqdm:
        """Progress, in parts."""
        if self._bar is None:
            from tqdm import tqdm

            shown = sys.stderr.isatty()  # a file gets a line now and then, and none of what takes seconds
            delay, interval = (0, 0.1) if shown else (10, 30)
            bar = tqdm(total=self.num_parts, unit="part", delay=delay, mininterval=interval)
            self._bar = self._stack.enter_context(bar)
        return self._bar

    def say(self, what: str) -> None:
        """Beside the bar: what is being computed."""
        with self._guard:
            self.bar.set_description(what, refresh=sys.stderr.isatty())

    def draw(self, drawings: Mapping[str, Callable[[], Figure]]) -> None:
        """Draw every figure, as PNG and SVG.

        Raises:
            OSError: writing failed.
        """
        from experiments import plotting  # matplotlib takes half a second

        self.figures.mkdir(exist_ok=True)
        for name, drawing in drawings.items():
            self.say(f"figure {name}")
            plotting.save(drawing, self.figures, name)

    def publish(
        self, summary: Mapping[str, Any], report: Callable[[dict[str, Any]], bytes], *, name: str = "summary.json"
    ) -> dict[str, Any]:
        """Write report.html and the summary.

        Arguments:
            summary: what the rows say; versions, commit and the clock are added as "run".
            report: the page of that summary.
            name: of the summary's file.

        Returns:
            The content of the summary.

        Raises:
            OSError: writing failed.
        """
        full = {"schema_version": provenance.SCHEMA_VERSION, **summary, "run": self._run()}
        store.write_bytes(self.out / "report.html", report(full))
        write_json(self.out / name, full)
        if self._bar is not None:
            self._bar.close()
        print(f"{time.perf_counter() - self._begun:.0f} s; report: {self.out / 'report.html'}")
        return full

    def _run(self) -> dict[str, Any]:
        return {
            "run_id": self.source.run_id,
            "config": json.loads(self.source.config),
            "commit": self.source.commit,
            "versions": json.loads(self.source.versions),
            "device": self.source.device,
            **({"wall_time_s": round(self.seconds, 1)} if self.clock else {}),
        }
