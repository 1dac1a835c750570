"""Damaged, empty, degenerate and foreign files: one line that refuses, or numbers; never a traceback, never a text."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from experiments import cli
from experiments.logs.config import Audit, Inspect
from experiments.logs.detect import find
from experiments.logs.formats import prime_rl
from experiments.logs.groups import UNKNOWN_STEP
from experiments.logs.prepare import prepare_audit, prepare_inspect
from experiments.logs.report.config import Report
from experiments.logs.source import Source
from tests.experiments.logs import written
from tests.experiments.logs.written import SECRET, Table, table

WRITERS: dict[str, Callable[[Table, Path], Path]] = {
    "trl": written.trl,
    "verl": written.verl,
    "verl-legacy": lambda t, out: written.verl(t, out, legacy=True),
    "nemo_rl": written.nemo_rl,
    "tinker": written.tinker,
    "ms_swift": written.ms_swift,
    "ms_swift-ray": lambda t, out: written.ms_swift(t, out, "ray"),
    "open_instruct": written.open_instruct,
    "prime_rl": written.prime_rl,
    "csv": written.generic,
    "jsonl": lambda t, out: written.generic(t, out, "jsonl"),
    "parquet": lambda t, out: written.generic(t, out, "parquet"),
}
LINES = tuple(name for name in WRITERS if name not in ("trl", "csv", "parquet"))


def files(path: Path) -> list[Path]:
    """The files of a log that are rows."""
    if path.is_file():
        return [path]
    named = [p for p in sorted(path.rglob("*")) if p.suffix in (".jsonl", ".parquet", ".csv")]
    return [p for p in named if not p.name.startswith(("eval_", "val_", "run_metadata"))]


def cut(share: float) -> Callable[[bytes], bytes]:
    return lambda content: content[: int(len(content) * share)]


def line(index: int, put: bytes) -> Callable[[bytes], bytes]:
    """Another line in place of one."""

    def change(content: bytes) -> bytes:
        lines = content.splitlines(keepends=True)
        lines[min(index, len(lines) - 1)] = put + b"\n"
        return b"".join(lines)

    return change


BYTES: dict[str, Callable[[bytes], bytes]] = {
    "cut at a third": cut(1 / 3),
    "cut at a half": cut(0.5),
    "cut before the end": lambda content: content[:-5],
    "empty": lambda _: b"",
    "blank lines": lambda _: b"\n\n  \n",
    "noise": lambda content: np.random.default_rng(0).bytes(len(content)),
    "zeros": lambda content: bytes(len(content)),
    "a byte changed": lambda c: c[: len(c) // 2] + bytes([c[len(c) // 2] ^ 0xFF]) + c[len(c) // 2 + 1 :],
}
TEXT: dict[str, Callable[[bytes], bytes]] = {
    "a byte order mark": lambda content: b"\xef\xbb\xbf" + content,
    "CRLF": lambda content: content.replace(b"\n", b"\r\n"),
    "a list": line(1, b"[1, 2]"),
    "no JSON": line(1, b"{'a': 1}"),
    "an empty object": line(1, b"{}"),
    "deep": line(1, b"[" * 100_000),
    "another encoding": lambda content: content.decode().encode("utf-16"),
    "rewards as texts": lambda c: c.replace(b'reward": ', b'reward": "x", "y": ').replace(b'score": ', b'score": "x",'),
    "huge integers": lambda c: c.replace(b'reward": 1', b'reward": 1' + b"0" * 400).replace(b'score": 1', b'score": 1'
                                                                                          + b"0" * 400),
    "steps as texts": lambda c: c.replace(b'step": 1', b'step": "one"').replace(b'iteration": 1', b'iteration": "one"'),
    "huge steps": lambda c: c.replace(b'step": 1', b'step": 1' + b"0" * 30),
    "more digits than Python reads": lambda c: c.replace(b'step": 1', b'step": 1' + b"0" * 5000),
}  # fmt: skip
WHOLE: dict[str, Callable[[], Table]] = {
    "one group": lambda: table(steps=1, groups=1),
    "one pair": lambda: table(steps=1, groups=1, G=2),
    "all dead": lambda: Table(np.ones((2, 3, 4, 2))),
    "all NaN": lambda: Table(np.full((2, 3, 4, 2), np.nan)),
    "infinite": lambda: Table(np.where(np.arange(4)[:, None] == 1, np.inf, np.ones((2, 3, 4, 2)))),
    "huge": lambda: Table(table().rewards * 1e30),
    "tiny": lambda: Table(table().rewards * 1e-30),
}


@pytest.fixture
def survives(capsys: pytest.CaptureFixture[str]):
    """Hold both commands to numbers or one line on this path; the exit statuses. What cli.main catches is caught."""

    def check(path: Path, **options) -> list[int]:
        found = []
        source = Source(paths=(path,), **options)
        for prepare, config in (
            (prepare_inspect, Inspect(source)),
            (prepare_audit, Audit(source)),
            (prepare_audit, Audit(source, json=True)),
        ):
            said = ""
            try:
                status = prepare(config)()  # pyright: ignore[reportArgumentType]
            except (ValueError, OSError) as error:
                status, said = 2, str(error)
            out, error = capsys.readouterr()
            assert SECRET not in out + error + said
            if status == 2:
                assert (out, error) == ("", "")
                assert len(said.splitlines()) == 1
                assert "; allowed: " in said
                assert len(said) < 1000
            else:
                assert (status, error) == (0, "")
                assert out.strip()
                if config.json:
                    json.loads(out, parse_constant=lambda name: pytest.fail(name))
            found.append(status)
        return found

    return check


@pytest.mark.parametrize("change", BYTES)
@pytest.mark.parametrize("name", WRITERS)
def test_damaged_bytes(name: str, change: str, survives, tmp_path: Path) -> None:
    path = WRITERS[name](table(), tmp_path / "run")
    for number, file in enumerate(files(path)):
        if number % 2 == 0:
            file.write_bytes(BYTES[change](file.read_bytes()))
    survives(path)


@pytest.mark.parametrize("change", TEXT)
@pytest.mark.parametrize("name", LINES)
def test_damaged_lines(name: str, change: str, survives, tmp_path: Path) -> None:
    path = WRITERS[name](table(), tmp_path / "run")
    for file in files(path):
        file.write_bytes(TEXT[change](file.read_bytes()))
    found = survives(path)
    if change in ("a byte order mark", "CRLF"):
        assert found[0] == 0


@pytest.mark.filterwarnings("ignore::RuntimeWarning:tests")
@pytest.mark.parametrize("content", WHOLE)
@pytest.mark.parametrize("name", WRITERS)
def test_degenerate_logs(name: str, content: str, survives, tmp_path: Path) -> None:
    with np.errstate(all="ignore"):
        path = WRITERS[name](WHOLE[content](), tmp_path / "run")
    found = survives(path)
    if content in ("one group", "all dead"):
        assert found[0] == 0 or name in ("csv", "jsonl", "parquet", "ms_swift"), found


def test_a_half_written_last_line_is_left_out_and_the_rest_is_read(survives, tmp_path: Path) -> None:
    path = written.verl(table(), tmp_path / "run") / "3.jsonl"
    path.write_bytes(path.read_bytes()[:-40])
    assert survives(path.parent)[0] == 0


TYPES = {
    "rewards as texts": {"right": ["a"] * 4},
    "rewards as lists": {"right": [[1.0]] * 4},
    "advantages as texts": {"advantage": ["a"] * 4},
    "prompts as numbers": {"prompt": [1, 1, 1, 1]},
    "prompts missing": {"prompt": pa.array([None] * 4, pa.string())},
    "rewards all None": {"right": pa.array([None] * 4)},
    "no rows": {name: pa.array([], pa.float64()) for name in ("step", "prompt", "completion", "right", "advantage")},
    "decimals": {"right": pa.array([1, 0, 1, 0], pa.decimal128(5, 2))},
    "dates": {"right": pa.array([1, 0, 1, 0], pa.date32())},
    "half floats": {"right": np.array([1, 0, 1, 0], np.float16)},
    "nested prompts": {"prompt": [{"a": [1, 2]}] * 4},
    "bytes": {"completion": [b"\xff\xfe"] * 4},
}


@pytest.mark.parametrize("case", TYPES)
@pytest.mark.parametrize("form", ["trl", "generic"])
def test_columns_of_other_types(case: str, form: str, survives, tmp_path: Path) -> None:
    columns = {
        "step": [1] * 4,
        "prompt": ["a"] * 4,
        "completion": ["b"] * 4,
        "right": [1.0, 0.0, 0.0, 1.0],
        "advantage": [0.5, -0.5, -0.5, 0.5],
    } | TYPES[case]
    path = tmp_path / "completions" / "completions_00001.parquet"
    path.parent.mkdir()
    pq.write_table(pa.table(columns), path)
    survives(path, **({} if form == "trl" else {"format": "generic", "reward_columns": ("right",)}))


def test_versions_mixed_in_one_folder_are_refused(survives, tmp_path: Path) -> None:
    path = written.trl(table(), tmp_path)
    old = pq.read_table(path / "completions" / "completions_00002.parquet")
    pq.write_table(old.drop_columns(["advantage"]), path / "completions" / "completions_00002.parquet")
    assert survives(path) == [2, 2, 2]
    pq.write_table(old.drop_columns(["short"]), path / "completions" / "completions_00002.parquet")
    assert survives(path) == [2, 2, 2]
    pq.write_table(old.slice(0, 9), path / "completions" / "completions_00002.parquet")
    assert survives(path) == [2, 2, 2]


BAD_CSV = {
    "no rows": "group,reward\n",
    "no header": "",
    "ragged": "group,reward\n1,0\n1\n",
    "a name twice": "group,reward,reward\n1,0,1\n",
    "counts twice": "num_correct,Num_Correct,num_samples\n1,2,8\n",
    "too many samples": "num_correct,num_samples\n1,1000001\n",
    "no reward": "group,loss\n1,2\n",
    "a quote that never ends": 'group,reward\n1,"0\n',
    "words": "group,reward\n1,good\n",
    "no group": "group,reward\n,1\n",
    "counts above samples": "num_correct,num_samples\n9,8\n",
    "half counts": "num_correct,num_samples\n1.5,8\n",
    "no samples": "num_correct,num_samples\n0,0\n",
    "endless counts": "num_correct,num_samples\n1e400,1e400\n",
    "missing counts": "num_correct,num_samples\n,8\n",
    "a step of words": "group,reward,step\n1,0,two\n",
    "zero bytes": "group,reward\n1,0\x00\n",
    "one row each": "group,reward,advantage\n1,0,0\n2,1,0\n",
    "no way to group": "reward\n1\n0\n1\n",
}


@pytest.mark.parametrize("case", BAD_CSV)
def test_bad_tables(case: str, survives, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(BAD_CSV[case])
    found = survives(path)
    assert found[1:] == [2, 2]
    assert found[0] == 2 or case in ("one row each", "no way to group")


HISTORIES = ("", "{", "[]", "3", '{"log_history": 3}', '{"log_history": [1, {"step": "x", "eval_reward": 1}]}', "\xff",
             '[{"step": 1, "reward": NaN, "rewards/right/mean": 1.0}]')  # fmt: skip


@pytest.mark.parametrize("text", HISTORIES)
def test_bad_histories(text: str, survives, tmp_path: Path) -> None:
    path = written.trl(table(), tmp_path)
    (path / "trainer_state.json").write_bytes(text.encode("latin-1"))
    survives(path)


def inspected(capsys, *paths) -> str:
    with pytest.raises(SystemExit) as stop:
        cli.main(["logs", "inspect", *map(str, paths)])
    assert stop.value.code == 2
    return capsys.readouterr().err


def test_a_table_without_a_header_shows_no_text_of_its_first_row(tmp_path, capsys):
    (tmp_path / "t.csv").write_text("What is Bob's secret?,1\nWho knows?,0\n")
    line = inspected(capsys, tmp_path / "t.csv")
    assert "secret" not in line.lower()
    assert "2 more that are not shown" in line


def test_what_is_no_file_is_not_waited_for(tmp_path, capsys):
    os.mkfifo(tmp_path / "f.jsonl")
    assert "f.jsonl is no regular file; allowed: files and folders of a log" in inspected(capsys, tmp_path / "f.jsonl")


def test_a_link_to_a_folder_is_that_folder(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "t.csv").write_text("group,reward\n" + "".join(f"{i // 4},{i % 3}\n" for i in range(40)))
    (tmp_path / "link").symlink_to(tmp_path / "run")
    form, files = find([tmp_path / "run", tmp_path / "link"], "generic")
    assert (form, [file.name for file in files]) == ("generic", ["t.csv"])


@pytest.mark.parametrize("name", ["completions_99999999999999999999999.parquet", "completions_\u0661\u0662.parquet"])
def test_steps_are_figures_that_a_number_holds(name, tmp_path, capsys):
    (tmp_path / name).write_bytes(b"")
    assert "no file of a known trainer's name" in inspected(capsys, tmp_path)


def test_a_folder_s_step_that_no_number_holds_is_none(tmp_path):
    assert prime_rl.step_of(tmp_path / f"step_{'9' * 30}" / "train" / "all" / prime_rl.FILE) == UNKNOWN_STEP
    assert prime_rl.step_of(tmp_path / "step_3" / "step_12" / "train" / "all" / prime_rl.FILE) == 12


@pytest.mark.parametrize(("reward", "advantage", "what"), [("1e200", "1", "a reward"), ("1", "-1e300", "an advantage")])
def test_numbers_whose_squares_are_none_are_refused(reward, advantage, what, tmp_path, capsys):
    rows = [f"{i // 4},{reward if i == 1 else i % 2},{advantage if i == 2 else (-1) ** i}\n" for i in range(16)]
    (tmp_path / "t.csv").write_text("group,reward,advantage\n" + "".join(rows))
    with pytest.raises(SystemExit) as stop:
        cli.main(["logs", "audit", str(tmp_path / "t.csv")])
    assert stop.value.code == 2
    assert f"PATH holds {what} of 1e+" in capsys.readouterr().err


def test_a_deviation_of_accuracies_is_at_most_one():
    with pytest.raises(ValueError, match=r"--run-std is 1e\+300; allowed: at most 1"):
        Report(Source(paths=(Path("."),)), run_std=1e300)


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_counts_that_are_named_twice_are_refused(form, tmp_path, capsys):
    path = tmp_path / f"t.{form}"
    columns = {"num_correct": [1], "Num_Correct ": [2], "num_samples": [8]}
    if form == "parquet":
        pq.write_table(pa.table(columns), path)
    elif form == "jsonl":
        path.write_text(json.dumps({name: value for name, (value,) in columns.items()}) + "\n")
    else:
        path.write_text(",".join(columns) + "\n1,2,8\n")
    assert "has 2 columns num_correct; allowed: one" in inspected(capsys, path)


def test_a_step_in_the_rows_that_is_not_the_name_s_is_told(tmp_path, capsys):
    path = written.trl(table(), tmp_path / "trl") / "completions" / "completions_00002.parquet"
    path.rename(path.with_name("completions_00009.parquet"))
    cli.main(["logs", "inspect", str(tmp_path / "trl")])
    said = " ".join(capsys.readouterr().out.split())
    assert "completions_00009.parquet: 16 of 16 rows say step 2 where the name says 9, which is taken" in said
    path = written.verl(table(), tmp_path / "verl") / "2.jsonl"
    path.rename(path.with_name("8.jsonl"))
    cli.main(["logs", "inspect", str(tmp_path / "verl")])
    said = " ".join(capsys.readouterr().out.split())
    assert "8.jsonl: 20 of 20 rows say step 2 where the name says 8, which is taken" in said
    assert "steps 1 to 8" in said


def test_infinite_rewards_are_neither_live_nor_counted(tmp_path, capsys):
    rewards = [[1.0, "inf", 0.0, 1.0]] * 3 + [[1.0, 0.0, 0.0, 1.0]] * 2
    lines = [f"{i},{value}\n" for i, group in enumerate(rewards) for value in group]
    (tmp_path / "t.csv").write_text("group,reward\n" + "".join(lines))
    cli.main(["logs", "inspect", str(tmp_path / "t.csv")])
    said = " ".join(capsys.readouterr().out.split())
    assert "2 of 2, whose rewards are not all equal; 3 with a missing or infinite reward are not counted" in said
    assert "3 of 20 rows have an infinite reward, which has neither a mean nor a deviation: their 3 groups" in said
    (tmp_path / "t.csv").write_text("group,reward\n" + "".join(lines[:12]))
    with pytest.raises(SystemExit) as stop:
        cli.main(["logs", "report", str(tmp_path / "t.csv"), "--out", str(tmp_path / "out")])
    error = capsys.readouterr().err
    assert stop.value.code == 2
    assert "no group whose rewards are all finite numbers (3 of 12 rows have an infinite reward" in error
    cli.main(["logs", "inspect", str(tmp_path / "t.csv")])
    assert "live groups 0 of 0" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("arguments", [[""], ["run", ""], ["--format", "trl", ""]])
def test_an_empty_path_is_not_the_current_folder(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["logs", "audit", *arguments])
    error = capsys.readouterr().err
    assert (stop.value.code, error.count("\n")) == (2, 1)
    assert "an argument is empty, where a path or a name belongs" in error


@pytest.mark.parametrize("command", ["inspect", "audit", "report"])
def test_no_name_of_the_parser_is_in_a_message(command, capsys):
    for arguments in ([], [".", "--group-size", "1"], ["nowhere"], ["--bad"]):
        with pytest.raises(SystemExit):
            cli.main(["logs", command, *arguments])
        assert "tyro" not in capsys.readouterr().err


UNREADABLE = (
    "run/completions/completions_00002.parquet",
    "t.csv",
    "t.jsonl",
    "run/log_history.json",
    "run/completions",
)


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_may_not_be_read_is_named(name, capsys):
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        run = written.trl(table(), folder / "run")
        (run / "log_history.json").write_text("[]")
        (folder / "t.csv").write_text("group,reward\n1,0\n1,1\n")
        (folder / "t.jsonl").write_text('{"group": 1, "reward": 0}\n')
        hidden, was = folder / name, os.geteuid()
        hidden.chmod(0)
        cli.main(["logs", "inspect", str(folder / "t.csv")]) if name != "t.csv" else None  # all modules are loaded
        capsys.readouterr()
        try:
            if was == 0:
                os.seteuid(65534)  # root may read everything
            with pytest.raises(SystemExit) as stop:
                cli.main(["logs", "inspect", str(run if name.startswith("run") else hidden)])
        finally:
            os.seteuid(was)
            hidden.chmod(0o755)
        error = capsys.readouterr().err
        assert (stop.value.code, error.count("\n")) == (2, 1)
        assert f"{hidden} cannot be read or written: Permission denied" in error
