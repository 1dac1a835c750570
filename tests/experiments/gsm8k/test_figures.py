"""Every figure draws what the rows hold, on ordinary rows and on rows without anything to see."""

import warnings
from dataclasses import replace

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from experiments.gsm8k import figures
from experiments.gsm8k.predictions.regions import REGIONS
from experiments.gsm8k.predictions.table import predictions
from experiments.gsm8k.results import final_rates
from experiments.gsm8k.summary import summarise
from experiments.gsm8k.text import report
from experiments.plotting import STYLE
from tests.experiments.gsm8k.made import PLAN, make


def full():
    """Synthetic results with the columns that only figures read."""
    r = make()
    rng = np.random.default_rng(0)
    r.late["states"] |= {"relative_gain": rng.random(16), "std": rng.random(16)}
    r.probes.update({"relative_gain": rng.random(24), "std": rng.random(24)})
    r.equations["reward"] = r.equations["pass_rate"]
    n = len(r.sampled["prompts"]["std"])
    r.sampled["prompts"] |= {
        "curvature": rng.normal(size=n),
        "curvature_error": rng.random(n) + 0.1,
        "curvature_null": rng.random(n) + 0.1,
    }
    tuning = [
        {"mode": mode, "rule": rule, "step_size": 0.01 * 2**k, "score": 0.3 + 0.1 * (k == 1), "best": float(k == 1)}
        for mode in ("answer", "equations")
        for rule in ("none", "group", "power(2)")
        for k in range(3)
    ]
    return replace(r, tuning=tuning, notes={"answer": ["<b>few</b>"], "equations": []})


@pytest.fixture(autouse=True)
def house_style():
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
    plt.close("all")


@pytest.mark.parametrize("name", ["learning", "tuning", "curvature", "indices", "surplus", "cap", "noise"])
def test_every_figure_draws_and_names_its_axes(name: str) -> None:
    drawings = figures.drawings(full())
    assert set(drawings) == {"learning", "tuning", "curvature", "indices", "surplus", "cap", "noise"}
    figure = drawings[name]()
    figure.canvas.draw()
    for ax in figure.axes:
        assert ax.get_xlabel()
        assert ax.get_ylabel() or ax.get_title()
        assert ax.lines or ax.collections


def test_learning_curves_are_means_over_seeds() -> None:
    r = full()
    ax = figures.learning(r).axes[1]
    for line, rule in zip(ax.lines, ("none", "group", "power(2)"), strict=True):
        here = r.answer["rule"] == rule
        expected = [r.answer["pass_rate"][here & (r.answer["step"] == t)].mean() for t in range(40)]
        np.testing.assert_allclose(line.get_ydata(), expected)


def test_the_ring_is_at_the_chosen_step() -> None:
    ax = figures.tuning(full().tuning, "seeds").axes[0]
    rings = [line for line in ax.lines if len(line.get_xdata()) == 1]
    assert len(rings) == 3
    assert {(float(ring.get_xdata()[0]), round(float(ring.get_ydata()[0]), 6)) for ring in rings} == {(0.02, 0.4)}


def test_every_prompt_is_in_one_region_of_the_curvature() -> None:
    r = full()
    ax = figures.curvature(r).axes[0]
    drawn = np.concatenate([np.asarray(c.get_offsets()) for c in ax.collections])
    prompts = r.late["prompts"]
    assert len(drawn) == len(prompts["std"])
    np.testing.assert_allclose(np.sort(drawn[:, 1]), np.sort(np.abs(prompts["curvature_own"])))
    ends = sorted(REGIONS.values())
    assert [a[1] for a in ends[:-1]] == [b[0] for b in ends[1:]]
    shares = figures.curvature(r).axes[2].lines[0]
    np.testing.assert_array_equal(shares.get_ydata(), (np.asarray(shares.get_xdata()) < 0.5).astype(float))


def test_points_above_the_line_are_the_resolved_ones() -> None:
    r = full()
    inside, resolved = figures.noise(r).axes[0].collections
    rows = r.sampled["prompts"]
    level = 2 * np.maximum(rows["curvature_error"], rows["curvature_null"])
    assert len(resolved.get_offsets()) == (np.abs(rows["curvature"]) > level).sum() > 0
    assert len(inside.get_offsets()) == (np.abs(rows["curvature"]) <= level).sum() > 0


def test_noisy_factors_are_left_out_of_the_cap() -> None:
    r = full()
    r.cap["factor"][3] = np.nan
    r.cap["factor_error"][5] = 9.0
    ax = figures.cap(r).axes[0]
    assert len(ax.containers[0].lines[0].get_xdata()) == len(r.cap["factor"]) - 2


def test_nothing_resolved_and_nothing_measured_still_draw() -> None:
    r = full()
    r.sampled["prompts"]["curvature_error"][:] = 0
    r.sampled["prompts"]["curvature_null"][:] = 0
    r.cap["factor"][:] = np.nan
    for draw in (figures.noise, figures.cap):
        draw(r).canvas.draw()


def test_final_rates_have_a_row_a_run() -> None:
    r = full()
    table = final_rates(r)
    assert len(table) == 4 * 3 + 4 * 2
    assert {(row["mode"], row["rule"]) for row in table} == {
        ("answer", "none"),
        ("answer", "group"),
        ("answer", "power(2)"),
        ("equations", "none"),
        ("equations", "group"),
    }
    group = [row["train"] for row in table if (row["mode"], row["rule"]) == ("answer", "group")]
    assert group == [0.6] * 4


def test_the_report_escapes_and_stands_alone(tmp_path) -> None:
    r = full()
    for name in figures.drawings(r):
        (tmp_path / f"{name}.png").write_bytes(b"\x89PNG" + name.encode())
    found = predictions(r, PLAN)
    run = {"run_id": "<id>", "commit": "c", "device": "d", "wall_time_s": 3.0, "config": {"preset": "cpu"}}
    summary = summarise(replace(r, num_parameters=1234567), found) | {"run": run}
    page = report(summary, found, r, PLAN, tmp_path).decode()
    assert "<b>few</b>" not in page
    assert "&lt;b&gt;few&lt;/b&gt;" in page
    assert "1,234,567 parameters" in page
    assert "quick preset" not in page
    assert page.count("data:image/png;base64,") == 7
    assert "http" not in page
    for row in found:
        assert row.verdict in page
