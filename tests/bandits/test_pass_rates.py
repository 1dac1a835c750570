"""Files of pass rates: what is read, what the prior does to it, and every way a file can be bad."""

from pathlib import Path

import jax
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from bandits import PassRates, from_pass_rates, read_pass_rates, synthetic_pass_rates, with_prior

COUNTS = "num_correct,num_samples\n0,4\n3,4\n4,4\n0,16\n"


@pytest.fixture
def gsm8k() -> Path:
    path = Path(__file__).parents[2].parent / "shared/data/gsm8k/pass_counts.csv"
    if not path.is_file():
        pytest.skip("the shared data set is not here")
    return path


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def check_counts(rates: PassRates, name: str) -> None:
    np.testing.assert_array_equal(rates.raw, [0, 0.75, 1, 0])
    np.testing.assert_allclose(rates.used, [0.5 / 5, 3.5 / 5, 4.5 / 5, 0.5 / 17], rtol=1e-15)
    assert (rates.num_zero, rates.num_one) == (2, 1)
    assert rates.source == name
    assert rates.prior == "Jeffreys prior: (num_correct + 1/2)/(num_samples + 1)"


def test_counts_from_csv_and_parquet(tmp_path):
    check_counts(read_pass_rates(write(tmp_path, "counts.csv", COUNTS)), "counts.csv")
    table = pa.table({"num_samples": [4, 4, 4, 16], "other": list("abcd"), "num_correct": [0.0, 3.0, 4.0, 0.0]})
    pyarrow.parquet.write_table(table, tmp_path / "counts.PARQUET")
    check_counts(read_pass_rates(str(tmp_path / "counts.PARQUET")), "counts.PARQUET")


@pytest.mark.parametrize("samples", [100, 8])
def test_rates_without_counts(tmp_path, samples):
    path = write(tmp_path, "rates.csv", "name,pass_rate\na,0\nb,0.25\nc,1\n")
    rates = read_pass_rates(path, assumed_samples=samples)
    np.testing.assert_allclose(rates.raw, [0, 0.25, 1], rtol=1e-15)
    np.testing.assert_allclose(rates.used, (np.array([0, 0.25, 1]) * samples + 0.5) / (samples + 1), rtol=1e-15)
    assert f"assumed {samples} samples" in rates.prior
    if samples == 100:
        np.testing.assert_array_equal(rates.used, read_pass_rates(path).used)


RATES_AND_COUNTS = "pass_rate,num_samples\n0,4\n0.5,4\n1,4\n0.333333,3\n0.333,3\n0.667,3\n0.0625,16\n0.063,16\n"


def test_rates_with_counts_use_the_counts(tmp_path):
    rates = read_pass_rates(write(tmp_path, "rates.csv", RATES_AND_COUNTS), assumed_samples=7)
    k, n = np.array([0, 2, 4, 1, 1, 2, 1, 1]), np.array([4, 4, 4, 3, 3, 3, 16, 16])
    np.testing.assert_allclose(rates.used, (k + 0.5) / (n + 1), rtol=1e-15)
    np.testing.assert_allclose(rates.used[:3], [0.1, 0.5, 0.9], rtol=1e-15)  # not .005, .5, .995
    np.testing.assert_array_equal(rates.raw, k / n)
    assert (rates.num_zero, rates.num_one) == (1, 1)
    assert rates.prior == "Jeffreys prior: (pass_rate num_samples + 1/2)/(num_samples + 1)"


@pytest.mark.parametrize("kind", [pa.float32(), pa.float64()])
def test_every_count_is_found_again_from_its_rate(tmp_path, kind):
    n = np.repeat(np.arange(1, 130), np.arange(2, 131))
    k = np.concatenate([np.arange(m + 1) for m in range(1, 130)])
    table = pa.table({"pass_rate": pa.array(k / n).cast(kind), "num_samples": n})
    pyarrow.parquet.write_table(table, tmp_path / "rates.parquet")
    np.testing.assert_array_equal(read_pass_rates(tmp_path / "rates.parquet").used, (k + 0.5) / (n + 1))


@pytest.mark.parametrize(
    ("rate", "samples"),
    [("0.3", 4), ("0.1", 4), ("0.33", 3), ("0.2503", 4), ("0.33334", 3), ("0.3335", 3), ("0.124", 8), ("0.001", 4),
     ("0.51", 50), ("0.999", 8), ("1e-5", 99)],
)  # fmt: skip
def test_a_rate_of_no_whole_count_is_refused_by_its_row(tmp_path, rate, samples):
    path = write(tmp_path, "rates.csv", f"pass_rate,num_samples\n0.5,2\n{rate},{samples}\n0.7,3\n")
    shown = rate.replace("1e-5", "1e-05")
    with pytest.raises(
        ValueError, match=rf"column pass_rate holds {shown} in row 2, of {samples} samples; allowed: a wh"
    ):
        read_pass_rates(path)


@pytest.mark.parametrize(
    "header",
    ["Pass_Rate, num_samples", "\ufeffpass_rate,NUM_SAMPLES", ' PASS_RATE ,"Num_Samples "', "pass_rate\t,num_samples",
     '\ufeff"pass_rate",num_samples', "\ufeff Pass_rate,num_samples"],
)  # fmt: skip
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_spellings_of_the_columns(tmp_path, header, end):
    (tmp_path / "a.csv").write_bytes(end.join([header, "0.25, 4", "1,2", ""]).encode())
    np.testing.assert_allclose(read_pass_rates(tmp_path / "a.csv").used, [0.3, 2.5 / 3], rtol=1e-15)
    names = [name.replace('"', "") for name in header.split(",")]
    pyarrow.parquet.write_table(pa.table({names[0]: [0.25, 1.0], names[1]: [4, 2]}), tmp_path / "a.parquet")
    np.testing.assert_allclose(read_pass_rates(tmp_path / "a.parquet").used, [0.3, 2.5 / 3], rtol=1e-15)


@pytest.mark.parametrize(
    ("header", "named"),
    [
        ("Pass_Rate,pass_rate,x", "2 columns pass_rate; allowed: one of 'Pass_Rate', 'pass_rate'"),
        ("pass_rate, num_samples,Num_Samples", "2 columns num_samples; allowed: one of ' num_samples', 'Num_Samples'"),
        (
            "num_samples,num_correct,num_correct ",
            "2 columns num_correct; allowed: one of 'num_correct', 'num_correct '",
        ),
    ],
)
def test_names_that_become_one_are_refused(tmp_path, header, named):
    with pytest.raises(ValueError, match=f"a.csv has {named}"):
        read_pass_rates(write(tmp_path, "a.csv", f"{header}\n1,1,1\n"))


def test_other_columns_may_repeat(tmp_path):
    assert read_pass_rates(write(tmp_path, "a.csv", "X,x,pass_rate\n1,2,0.5\n")).raw.tolist() == [0.5]


def test_counts_win_over_a_column_of_rates(tmp_path):
    path = write(tmp_path, "both.csv", "pass_rate,num_correct,num_samples\n0.9,1,2\n")
    assert read_pass_rates(path).raw.tolist() == [0.5]


def test_prior_is_monotone_and_inside():
    n = np.full(41, 40.0)
    used = with_prior(np.arange(41.0), n)
    assert (np.diff(used) > 0).all()
    assert 0 < used[0] < 1 / 40
    assert 39 / 40 < used[-1] < 1
    np.testing.assert_allclose(used + used[::-1], 1, rtol=1e-15)  # right and wrong are treated alike


def test_prior_is_the_mean_of_the_posterior():
    grid = (np.arange(200_000) + 0.5) / 200_000
    k, n = 3, 7
    density = grid ** (k - 0.5) * (1 - grid) ** (n - k - 0.5)  # binomial likelihood times Beta(½, ½)
    oracle = (density * grid).sum() / density.sum()
    np.testing.assert_allclose(with_prior(np.array([3.0]), np.array([7.0])), oracle, rtol=1e-9)  # midpoint rule


def test_synthetic_rates():
    rates = synthetic_pass_rates(10)
    middle = (np.arange(10) + 0.5) / 10
    np.testing.assert_allclose(rates.used, 0.01 + 0.49 * (1 - np.cos(np.pi * middle)), rtol=1e-14)
    assert (rates.num_zero, rates.num_one) == (0, 0)
    assert "synthetic" in rates.source
    assert synthetic_pass_rates().used.shape == (256,)


def test_real_file(gsm8k):
    rates = read_pass_rates(gsm8k)
    lines = [line.split(",") for line in gsm8k.read_text().split()]
    k, n = (
        np.array([float(row[lines[0].index(name)]) for row in lines[1:]]) for name in ("num_correct", "num_samples")
    )
    np.testing.assert_array_equal(rates.raw, k / n)
    np.testing.assert_allclose(rates.used, (k + 0.5) / (n + 1), rtol=1e-15)
    assert rates.num_zero == (k == 0).sum() > 0
    assert rates.num_one == (k == n).sum() > 0
    from_pass_rates(rates.used, key=jax.random.key(0))  # no rate of 0 or 1 is left


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read as csv"),
        ("num_correct,num_samples\n", "has no rows"),
        ("num_correct,num_samples\n1,4\n2", "cannot be read as csv"),  # cut in its last row
        ("num_correct\n1\n", r"has columns \['num_correct'\]; allowed: 'pass_rate', or"),
        ("rate\n0.5\n", r"has columns \['rate'\]"),
        ("pass_rate,pass_rate\n0.5,0.4\n", "2 columns pass_rate; allowed: one"),
        ("pass_rate\n0.5\nnan\n", "pass_rate holds nan in row 2; allowed: finite"),
        ("pass_rate,x\n0.5,1\n,1\n", "pass_rate holds nan in row 2"),
        ("pass_rate\n0.5\ninf\n", "pass_rate holds inf in row 2"),
        ("pass_rate\nhigh\n", "pass_rate holds string; allowed: numbers"),
        ("pass_rate\ntrue\n", "pass_rate holds bool"),
        ("pass_rate\n0.5\n0.1\n1.01\n", r"pass_rate holds 1.01 in row 3; allowed: numbers in \[0, 1\]"),
        ("pass_rate\n-0.1\n", "pass_rate holds -0.1 in row 1"),
        ("pass_rate\n1.0000001\n", r"pass_rate holds 1.0000001 in row 1; allowed: numbers in \[0, 1\]"),
        ("pass_rate\n-1e-300\n", "pass_rate holds -1e-300 in row 1"),
        ("pass_rate,num_samples\n0.5,3.0000001\n", "num_samples holds 3.0000001 in row 1; allowed: whole numbers"),
        ("num_correct,num_samples\n12345678.5,12345679\n", "num_correct holds 12345678.5 in row 1"),
        ("num_correct,num_samples\n1,4\n5,4\n", "num_correct holds 5 in row 2; allowed: whole numbers from 0"),
        ("num_correct,num_samples\n-1,4\n", "num_correct holds -1 in row 1"),
        ("num_correct,num_samples\n1.5,4\n", "num_correct holds 1.5 in row 1"),
        ("num_correct,num_samples\n0,0\n", "num_samples holds 0 in row 1; allowed: whole numbers of at least 1"),
        ("num_correct,num_samples\n1,2.5\n", "num_samples holds 2.5 in row 1"),
        ("num_correct,num_samples\nmany,4\n", "num_correct holds string"),
    ],
)
def test_bad_csv(tmp_path, text, message):
    path = write(tmp_path, "bad.csv", text)
    with pytest.raises(ValueError, match=message) as caught:
        read_pass_rates(path)
    assert str(path) in str(caught.value)


def test_bad_files(tmp_path):
    with pytest.raises(ValueError, match=r"none\.csv is not a file"):
        read_pass_rates(tmp_path / "none.csv")
    with pytest.raises(ValueError, match="is not a file"):
        read_pass_rates(tmp_path)
    with pytest.raises(ValueError, match=r"ends in '\.json'; allowed: \.csv or \.parquet"):
        read_pass_rates(write(tmp_path, "rates.json", COUNTS))
    with pytest.raises(ValueError, match="ends in 'nothing'"):
        read_pass_rates(write(tmp_path, "rates", COUNTS))
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"\xff\xfe,pass_rate\n1,0.5\n")
    with pytest.raises(ValueError, match=r"binary\.csv cannot be read as csv"):
        read_pass_rates(binary)
    whole = tmp_path / "whole.parquet"
    pyarrow.parquet.write_table(pa.table({"pass_rate": np.linspace(0, 1, 500)}), whole)
    np.testing.assert_allclose(read_pass_rates(whole).raw, np.linspace(0, 1, 500), rtol=1e-15)
    cut = tmp_path / "cut.parquet"
    cut.write_bytes(whole.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"cut\.parquet cannot be read as parquet"):
        read_pass_rates(cut)
    with pytest.raises(ValueError, match="assumed_samples is 0"):
        read_pass_rates(whole, assumed_samples=0)
    with pytest.raises(ValueError, match="num_prompts is 0"):
        synthetic_pass_rates(0)
