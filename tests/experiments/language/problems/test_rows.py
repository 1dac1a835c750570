"""Reading problems: formats, reasons for leaving out, bad files; all of GSM8K where it is beside the repository."""

import dataclasses
import json
import re
import sys
import types
from fractions import Fraction
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from experiments.language.problems.rows import SYMBOLS, Problem, Splits, download, from_row, read_equations, read_folder

REAL = Path(__file__).resolve().parents[5] / "shared" / "data" / "gsm8k"
ROW = {"question": "Two and three?", "answer": "It is 2+3=<<2+3=5>>5.\n#### 5"}
OTHER = {"question": "Two and four?", "answer": "It is <<2+4=6>>6.\n#### 6"}
MATH = {"problem": "Half?", "level": "Level 5", "type": "Algebra", "solution": r"$\boxed{\frac{1}{2}}$"}


def write(folder: Path, **files) -> Path:
    for name, rows in files.items():
        text = rows if isinstance(rows, str) else "\n".join(json.dumps(row) for row in rows) + "\n"
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    return folder


# --- equations ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("solution", "answer", "equations", "reason"),
    [
        ("<<48/2=24>> <<48 + 24\n= 72>>", "72", "48/2=24;48+24=72####72", ""),
        ("<<9*110=990.00>>", "990", "9*110=990.00####990", ""),
        ("<<2*.4=.8>>", "0.8", "2*.4=.8####0.8", ""),
        ("none", "5", None, "no annotations"),
        ("<<2+3=5>>", "6", None, "last equation is not the answer"),
        ("<<1+1=2>> <<5>>", "5", None, "last equation is not the answer"),
        ("<<=5>>", "5", None, "last equation is not the answer"),
        ("<<2+3=>>", "5", None, "last equation is not the answer"),
        ("<<2x3=6>>", "6", None, "other symbols in the annotations"),
        ("<<>> <<2+3=5>>", "5", None, "other symbols in the annotations"),
        ("<<1;2+3=5>>", "5", None, "other symbols in the annotations"),
    ],
)
def test_read_equations(solution, answer, equations, reason):
    assert read_equations(solution, answer) == (equations, reason)


# --- rows ---------------------------------------------------------------------------------------------------------


def test_a_row_of_gsm8k():
    row = {"question": " Q? ", "answer": ROW["answer"].replace("#### 5", "#### 5.0 ")}
    assert from_row(row, "here") == Problem(
        question="Q?", answer="5", equations="2+3=5####5", solution=row["answer"].strip(), kind="gsm8k", level=None
    )


def test_rows_of_math():
    assert from_row(MATH, "here") == Problem(
        question="Half?", answer=r"\frac{1}{2}", equations=None, solution=MATH["solution"], kind="math", level="Level 5"
    )
    number = from_row({**MATH, "level": 3, "solution": r"\boxed{1{,}080}"}, "here")
    assert isinstance(number, Problem)
    assert (number.answer, number.level) == ("1080", "3")
    pair = from_row({**MATH, "solution": r"\boxed{1,080}"}, "here")  # MATH parts thousands by {,} or ,\!
    assert isinstance(pair, Problem)
    assert pair.answer == "1,080"
    for written in ("5 k", "3 m n", "12 pi", "-9 x", "8 AM", "10,200", "0,120", "1011_2"):
        letters = from_row({"problem": "p", "solution": rf"\boxed{{{written}}}"}, "here")
        assert isinstance(letters, Problem)
        assert letters.answer == written
    percent = from_row({"problem": "p", "solution": r"\boxed{10\%}"}, "here")
    assert isinstance(percent, Problem)
    assert (percent.answer, percent.level) == (r"10\%", None)  # 10% of a formula is .1, not 10


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({**ROW, "question": "  "}, "empty question"),
        ({**ROW, "answer": "5"}, "no final answer"),
        ({**ROW, "answer": "#### five"}, "answer not numeric"),
        ({**ROW, "answer": "####"}, "answer not numeric"),
        ({**ROW, "answer": "#### $5 K"}, "answer not numeric"),
        ({**ROW, "answer": "#### $5 m"}, "answer not numeric"),
        ({**ROW, "answer": "#### 8 AM"}, "answer not numeric"),
        ({**MATH, "solution": "1/2"}, "no boxed answer"),
        ({**MATH, "solution": r"\boxed{}"}, "no boxed answer"),
    ],
)
def test_rows_left_out(row, reason):
    assert from_row(row, "here") == reason


# --- folders ------------------------------------------------------------------------------------------------------


def test_read_folder_counts_what_it_leaves_out(tmp_path):
    train = [ROW, ROW, {**OTHER, "answer": "####x"}, {**OTHER, "question": ""}]
    splits = read_folder(write(tmp_path, train=train, test=[OTHER, ROW, MATH]))
    assert [p.question for p in splits.train] == ["Two and three?"]
    assert [p.question for p in splits.test] == ["Two and four?", "Half?"]
    assert splits.dropped == {
        "train: question seen before": 1,
        "train: answer not numeric": 1,
        "train: empty question": 1,
        "test: question seen before": 1,
    }
    assert splits.source == str(tmp_path)


def test_parquet_byte_order_mark_empty_lines_and_line_separators(tmp_path):
    odd = {**ROW, "question": "Line\u2028separator \u00a0 é?"}
    text = "\ufeff" + json.dumps(odd, ensure_ascii=False) + "\r\n\r\n" + json.dumps(OTHER)
    a, b = tmp_path / "a", tmp_path / "b"
    a.mkdir()
    b.mkdir()
    write(a, train=text, test=[MATH])
    pyarrow.parquet.write_table(pa.Table.from_pylist([odd, OTHER]), b / "train.parquet")
    pyarrow.parquet.write_table(pa.Table.from_pylist([MATH]), b / "test.parquet")
    one, two = read_folder(a), read_folder(b)
    assert one.train == two.train
    assert one.test == two.test
    assert one.train[0].question == odd["question"]
    assert one.digest() == two.digest()


def test_digest_sees_every_field_the_order_and_the_split():
    p = Problem(question="q", answer="1", equations=None, solution="s")
    q = dataclasses.replace(p, question="other")
    base = Splits(train=(p, q), test=(p,), dropped={}, source="here")
    assert Splits(train=(p, q), test=(p,), dropped={"x": 1}, source="there").digest() == base.digest()
    changed = [dataclasses.replace(p, **{f.name: "new"}) for f in dataclasses.fields(Problem)]
    others = [Splits(train=(c, q), test=(p,), dropped={}, source="here") for c in changed]
    others += [
        Splits(train=(q, p), test=(p,), dropped={}, source="here"),
        Splits(train=(p,), test=(q, p), dropped={}, source="here"),
    ]
    assert len({base.digest(), *(s.digest() for s in others)}) == len(others) + 1


GOOD = json.dumps(ROW)


@pytest.mark.parametrize(
    ("train", "text"),
    [
        ("", r"has no train problem that can be used \(no rows\); allowed: at least one"),
        ("\n \n", r"has no train problem that can be used \(no rows\)"),
        (json.dumps({**ROW, "answer": "5"}), r"has no train problem that can be used \(1 no final answer\)"),
        (
            GOOD + "\n" + GOOD[:-9],
            r"train.jsonl line 2 is not JSON \(JSONDecodeError: .*\); allowed: one object a line",
        ),
        ("[" * 100_000, r"train.jsonl line 1 is not JSON \(RecursionError"),
        ("[]", r"train.jsonl line 1 is list; allowed: an object with the keys of one problem"),
        ("\n7", r"train.jsonl line 2 is int; allowed"),
        (
            '{"question": "q"}',
            r"train.jsonl line 1 has keys \['question'\]; allowed: 'question' and 'answer' \(GSM8K\), or",
        ),
        ('{"question": "q", "answer": 5}', "train.jsonl line 1: answer is int; allowed: text"),
        ('{"problem": null, "solution": "s"}', "train.jsonl line 1: problem is NoneType; allowed: text"),
        (
            '{"question": "\\ud800", "answer": "#### 5"}',
            "line 1: question holds half of a surrogate pair; allowed: text",
        ),
    ],
)
def test_bad_files_are_named(tmp_path, train, text):
    with pytest.raises(ValueError, match=text) as caught:
        read_folder(write(tmp_path, train=train, test=[OTHER]))
    assert "\n" not in str(caught.value)


def test_bad_folders_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"nowhere is not a folder; allowed: a folder with train.jsonl and test.jsonl"):
        read_folder(tmp_path / "nowhere")
    write(tmp_path, train=[ROW])
    with pytest.raises(ValueError, match=r"has no test.jsonl or test.parquet; allowed: one"):
        read_folder(tmp_path)
    (tmp_path / "test.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(ValueError, match=r"test.parquet cannot be read \(.*\); allowed: a readable file"):
        read_folder(tmp_path)
    write(tmp_path, test=[OTHER])
    with pytest.raises(ValueError, match=r"has both a test.jsonl and a test.parquet; allowed: one"):
        read_folder(tmp_path)
    (tmp_path / "test.parquet").unlink()
    (tmp_path / "test.jsonl").write_bytes(b'{"question": "caf\xe9"}')
    with pytest.raises(ValueError, match=r"test.jsonl is not UTF-8 \(byte 17: .*\); allowed: UTF-8"):
        read_folder(tmp_path)
    (tmp_path / "test.jsonl").unlink()
    (tmp_path / "test.jsonl").mkdir()
    with pytest.raises(ValueError, match=r"test.jsonl cannot be read \(.*\); allowed"):
        read_folder(tmp_path)


# --- the hub ------------------------------------------------------------------------------------------------------


def test_download(monkeypatch):
    def load_dataset(*names):
        assert names == ("openai/gsm8k", "main")
        return {"train": [ROW], "test": [OTHER]}

    monkeypatch.setitem(sys.modules, "datasets", types.SimpleNamespace(load_dataset=load_dataset))
    splits = download()
    assert ([p.answer for p in splits.train], [p.answer for p in splits.test]) == (["5"], ["6"])
    assert splits.source == "openai/gsm8k"


def test_download_without_package_or_network(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(
        ValueError, match=r"package datasets is not installed; allowed: pip install 'grpo-curvature\[hub\]'"
    ):
        download()

    def load_dataset(*names):
        raise ConnectionError("no route\nto host")

    monkeypatch.setitem(sys.modules, "datasets", types.SimpleNamespace(load_dataset=load_dataset))
    with pytest.raises(
        ValueError, match=r"cannot be downloaded \(ConnectionError: no route to host\); allowed: a reach"
    ):
        download()


# --- all of GSM8K -------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not REAL.is_dir(), reason="GSM8K is not beside the repository")
def test_all_of_gsm8k():
    splits = read_folder(REAL)
    assert (len(splits.train), len(splits.test), splits.dropped) == (7473, 1319, {})
    without = [read_equations(p.solution, p.answer)[1] for p in splits.train if p.equations is None]
    assert without.count("no annotations") == 95
    for problem in (*splits.train, *splits.test):
        written = problem.solution.rsplit("#### ", 1)[1]
        assert re.fullmatch(r"-?\d[\d,]*", written)  # so commas are all there is to take away
        assert problem.answer == written.replace(",", "")
        if problem.equations is not None:
            assert set(problem.equations) <= set(SYMBOLS)
            steps, answer = problem.equations.split("####")
            assert answer == problem.answer
            assert Fraction(steps.rsplit("=", 1)[1]) == int(answer)
