"""Real distributions of pass rates: read a file, and say what was done to 0 and 1.

A measured rate of 0 or 1 would make a prompt that no gradient can move, which is not what k = 0 right answers of n say.
Every row is replaced by its posterior mean under Jeffreys' prior, (k + ½)/(n + 1); raw rows are counted and kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from jaxtyping import Float

from curvature.ranges import check_count, check_interval, digits

COLUMNS = ("pass_rate", "num_correct", "num_samples")
"""Capitals, blanks around a name and a byte order mark do not count."""

PRIOR = 0.5
"""Jeffreys' Beta(½, ½)."""

ROUNDED = 1e-6
"""By how much a rate may differ from the quotient that it stands for: float32, or six decimals."""

NEAREST = 1e-3
"""How near to 0 and 1 runs of a law of pass rates start: what is never right, or never wrong, has no logit."""

ASSUMED_SAMPLES = 100
"""n for a file that gives rates without counts: 0 becomes .005, 1 becomes .995."""


@dataclass(frozen=True)
class PassRates:
    """Pass rates as read and as used."""

    raw: Float[np.ndarray, " N"]
    """As in the file, in [0, 1]."""
    used: Float[np.ndarray, " N"]
    """Posterior means, strictly inside (0, 1)."""
    source: str
    prior: str
    """In words, for reports."""
    samples: Float[np.ndarray, " N"] | None = None
    """Answers behind each rate, counted or assumed; None where rates are made up."""

    @property
    def num_zero(self) -> int:
        """Prompts never solved."""
        return int((self.raw == 0).sum())

    @property
    def num_one(self) -> int:
        """Prompts always solved."""
        return int((self.raw == 1).sum())


def with_prior(correct: Float[np.ndarray, " N"], samples: Float[np.ndarray, " N"]) -> Float[np.ndarray, " N"]:
    """Posterior means (k + ½)/(n + 1).

    >>> with_prior(np.array([0.0, 2.0, 4.0]), np.array([4.0, 4.0, 4.0])).tolist()
    [0.1, 0.5, 0.9]
    """
    return (correct + PRIOR) / (samples + 2 * PRIOR)


def read_pass_rates(path: str | Path, *, assumed_samples: int = ASSUMED_SAMPLES) -> PassRates:
    """Read a CSV or Parquet file with columns `num_correct` and `num_samples`, or `pass_rate` and maybe `num_samples`.

    Arguments:
        assumed_samples: n where the file has rates alone.

    Raises:
        ValueError: no such file, another kind of file, a truncated one, no rows, missing or repeated columns, a rate
            outside [0, 1] or of no whole number of right answers, a count that is negative, not whole, or larger than
            its samples; the message names file, column and row.
    """
    path = Path(path)
    check_count("assumed_samples", assumed_samples, 1)
    table = _read(path)
    if table.num_rows == 0:
        raise ValueError(f"{path} has no rows; allowed: at least one prompt")
    names = set(table.column_names)
    if {"num_correct", "num_samples"} <= names:
        correct, samples = _column(path, table, "num_correct"), _samples(path, table)
        fits = (correct >= 0) & (correct <= samples) & (correct == np.floor(correct))
        _refuse(path, "num_correct", correct, fits, "whole numbers from 0 to num_samples")
        prior = "Jeffreys prior: (num_correct + 1/2)/(num_samples + 1)"
    elif "pass_rate" in names:
        rate = _column(path, table, "pass_rate")
        _refuse(path, "pass_rate", rate, (rate >= 0) & (rate <= 1), "numbers in [0, 1]")
        if "num_samples" in names:
            samples = _samples(path, table)
            correct = _counts(path, rate, samples)
            prior = "Jeffreys prior: (pass_rate num_samples + 1/2)/(num_samples + 1)"
        else:
            samples = np.full(rate.shape, float(assumed_samples))
            correct = rate * samples
            formula = f"({assumed_samples} pass_rate + 1/2)/{assumed_samples + 1}"
            prior = f"Jeffreys prior with an assumed {assumed_samples} samples: {formula}"
    else:
        raise ValueError(
            f"{path} has columns {sorted(names)}; allowed: 'pass_rate', or 'num_correct' and 'num_samples'"
        )
    return PassRates(correct / samples, with_prior(correct, samples), str(path.name), prior, samples)


def synthetic_pass_rates(num_prompts: int = 256) -> PassRates:
    """The embedded default, in no way measured: a U-shaped spread of rates from .01 to .99, sin² of even steps, as
    language models have on a set of mixed difficulty.

    Raises:
        ValueError: fewer than 1 prompt.
    """
    check_count("num_prompts", num_prompts, 1)
    middle = (np.arange(num_prompts) + 0.5) / num_prompts
    rates = 0.01 + 0.98 * np.sin(np.pi * middle / 2) ** 2
    check_interval("pass_rate", rates, 0, 1, open_ends="lh")
    return PassRates(rates, rates, "embedded synthetic default", "none needed: all rates are inside (0, 1)")


def _read(path: Path) -> pa.Table:
    if not path.is_file():
        raise ValueError(f"{path} is not a file; allowed: a CSV or Parquet file of pass rates")
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".parquet"):
        raise ValueError(f"{path} ends in {suffix or 'nothing'!r}; allowed: .csv or .parquet")
    try:
        table = pyarrow.csv.read_csv(path) if suffix == ".csv" else pyarrow.parquet.read_table(path)
        spelt = table.column_names  # a header that is not UTF-8 fails here
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read as {suffix[1:]} ({' '.join(str(error).split())})") from error
    names = [name.strip("\ufeff").strip().lower() for name in spelt]
    for name in COLUMNS:
        if names.count(name) > 1:
            found = ", ".join(repr(s) for s, n in zip(spelt, names, strict=True) if n == name)
            raise ValueError(f"{path} has {names.count(name)} columns {name}; allowed: one of {found}")
    return table.rename_columns(names)


def _column(path: Path, table: pa.Table, name: str) -> Float[np.ndarray, " N"]:
    column = table[name]
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        raise ValueError(f"{path}: column {name} holds {column.type}; allowed: numbers")
    values = column.to_numpy().astype(float)  # a missing entry becomes NaN, which every check refuses
    _refuse(path, name, values, np.isfinite(values), "finite numbers, none missing")
    return values


def _samples(path: Path, table: pa.Table) -> Float[np.ndarray, " N"]:
    samples = _column(path, table, "num_samples")
    _refuse(
        path, "num_samples", samples, (samples >= 1) & (samples == np.floor(samples)), "whole numbers of at least 1"
    )
    return samples


def _counts(path: Path, rate: Float[np.ndarray, " N"], samples: Float[np.ndarray, " N"]) -> Float[np.ndarray, " N"]:
    """Right answers: a rate is k/n within `ROUNDED`, or to its last decimal where it is written with three or more."""
    correct = np.round(rate * samples)
    off = np.abs(rate - correct / samples)
    fits = off <= ROUNDED
    for row in np.flatnonzero(~fits):
        decimals = len(str(rate[row]).partition(".")[2])
        fits[row] = decimals >= 3 and off[row] <= 0.5 * 10.0**-decimals + 1e-15  # half a last digit, in float64
    if not fits.all():
        row = int(np.argmin(fits))
        raise ValueError(
            f"{path}: column pass_rate holds {digits(rate[row])} in row {row + 1}, of {digits(samples[row])} samples; "
            "allowed: a whole number of right answers divided by num_samples"
        )
    return correct


def _refuse(path: Path, name: str, values: Float[np.ndarray, " N"], fits: np.ndarray, allowed: str) -> None:
    if not fits.all():
        row = int(np.argmin(fits))
        raise ValueError(f"{path}: column {name} holds {digits(values[row])} in row {row + 1}; allowed: {allowed}")
