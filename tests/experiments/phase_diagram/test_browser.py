"""The page in a real browser: what it shows is what the rows say, and its controls work."""

import html
import os
import re
import shutil
import signal
import subprocess

import numpy as np
import pytest
from scipy import stats

from experiments.phase_diagram import interactive
from experiments.phase_diagram.summary import summarise
from tests.experiments.phase_diagram.made import T, made, planted, small

pytestmark = pytest.mark.browser

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--enable-logging=stderr",
)  # fmt: skip
RULES = ("none", "group", "power(2)")
NASTY = "</script><img src=x onerror=document.title='broken'>"


def plant(setting, seed):
    """GRPO wins at coherence 0.3 in groups of 8, loses at 0.9, ties at 0; exact groups fail."""
    gaps = {"none": 0.0, "group": {0.0: 0.0, 0.3: 0.05, 0.9: -0.05}[setting.coherence], "power(2)": -0.01}
    given = planted(gaps)(setting, seed)
    never = np.inf if setting.rule == "none" and seed < 3 else 24.0 + seed
    lost = setting.group_size == "exact" and seed == 2
    return given | {"hitting_time_90": never} | ({"finite": False, "area": np.nan, "final": np.nan} if lost else {})


@pytest.fixture(scope="module")
def rows():
    return made(small(rule=RULES, coherence=(0.0, 0.3, 0.9), group_size=(8, "exact"), spread=(0.0, 1.0)), plant)


@pytest.fixture(scope="module")
def page(rows, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "phase_diagram.html"
    path.write_bytes(interactive.page(summarise(rows, RULES, T), NASTY))
    return path


@pytest.fixture
def browse(tmp_path):
    """The DOM of a page after its script ran, as text; fails where the browser has anything to complain of."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.fail(f"no browser is on PATH; allowed: one of {', '.join(BROWSERS)}")

    def dump(path, state="", budget=2000):
        command = [found, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", f"--virtual-time-budget={budget}"]
        with subprocess.Popen(
            [*command, "--dump-dom", f"{path.as_uri()}#{state}"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        ) as process:  # fmt: skip
            try:
                dom, log = process.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                raise
        assert process.returncode == 0, log
        complaints = [line for line in log.splitlines() if "CONSOLE" in line]
        assert not complaints
        return dom

    return dump


def element(dom, name):
    """The text of the element with this id, which holds no other element of its kind."""
    tag = re.search(rf'<(\w+)[^>]* id="{name}"', dom)[1]
    inside = re.search(rf'<{tag}[^>]* id="{name}"[^>]*>(.*?)</{tag}>', dom, re.DOTALL)[1]
    return html.unescape(re.sub(r"<[^>]*>", " ", inside))


def line(dom, rule):
    """The texts of a rule's line of the table."""
    row = re.search(rf'<tr data-rule="{re.escape(rule)}">(.*?)</tr>', dom)[1]
    return [html.unescape(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)]


def areas(rows, rule, coherence, spread, size="8"):
    mine = (rows["stage"] == "report") & (rows["rule"] == rule) & (rows["group_size"] == size)
    return rows["area"][mine & (rows["coherence"] == coherence) & (rows["spread"] == spread)]


def with_script(page, path, script):
    """A copy of the page in which somebody acts once it is ready."""
    path.write_text(page.read_text().replace("</body>", f"<script>{script}</script></body>"))
    return path


def test_an_address_opens_its_cell_with_the_numbers_of_the_rows(page, rows, browse) -> None:
    dom = browse(page, "coherence=.3&spread=1&group_size=8")
    group, none = areas(rows, "group", 0.3, 1.0), areas(rows, "none", 0.3, 1.0)
    winner = element(dom, "winner")
    ahead = f"ahead of REINFORCE (none) with {none.mean():.4f}."
    assert winner == f"Winner: GRPO (group). Mean J over the run {group.mean():.4f}, {ahead}"
    texts = line(dom, "group")
    low, high = stats.ttest_1samp(group, 0).confidence_interval(0.95)
    assert texts[1] == f"{group.mean():.4f} [{low:.4f}, {high:.4f}]"
    low, high = stats.ttest_rel(group, none).confidence_interval(0.95)
    assert texts[2] == f"+{(group - none).mean():.4f} [+{low:.4f}, +{high:.4f}]"
    assert texts[3] == "better"
    assert texts[8] == "27.5"
    assert line(dom, "none")[8] == "30.5 (3 of 8 never)"  # 27 … 31 and three times never
    assert f"GRPO (group) {texts[1]}" in html.unescape(re.search(r'aria-label="(Mean J over the run: [^"]*)"', dom)[1])
    assert (element(dom, "value-coherence"), element(dom, "value-spread")) == ("0.3", "1")


def test_other_addresses_open_ties_losses_and_failures(page, rows, browse) -> None:
    tie = browse(page, "coherence=0&spread=0")
    assert element(tie, "winner").startswith("Tie: no winner among")
    lost = browse(page, "coherence=5&spread=-3&nonsense=1&group_size=8")  # the nearest values
    assert element(lost, "value-coherence") == "0.9"
    assert f"Mean J over the run {areas(rows, 'none', 0.9, 0.0).mean():.4f}" in element(lost, "winner")
    assert "GRPO against REINFORCE: worse, −0.0500" in element(lost, "notes")
    failed = browse(page, "group_size=exact&coherence=.3")
    assert element(failed, "winner") == "No winner: every rule had runs that were not finite."
    assert line(failed, "group")[1:4] == ["–", "–", "not finite"]
    assert "1 of 8 runs not finite" in element(failed, "notes")


def test_the_map_marks_the_current_cell_and_names_every_winner(page, browse) -> None:
    dom = browse(page, "coherence=.9&spread=1&group_size=8")
    table = re.search(r'<table id="map">(.*?)</table>', dom, re.DOTALL)[1]
    buttons = re.findall(r"<button([^>]*)>(.*?)</button>", table)
    assert len(buttons) == 3 * 2
    (current,) = [attributes for attributes, _ in buttons if "aria-current" in attributes]
    assert "coherence ρ 0.9, pass rate 0.25, spread 1: Winner: REINFORCE (none)" in current
    letters = [re.sub(r"<[^>]*>", "", text) for _, text in buttons]
    assert letters[1:3] == ["G", "N"]


def test_moving_a_slider_and_clicking_the_map_change_the_result(page, rows, browse, tmp_path) -> None:
    slide = with_script(
        page,
        tmp_path / "slide.html",
        "const slider = document.getElementById('axis-coherence'); slider.value = 2;"
        "slider.dispatchEvent(new Event('input', {bubbles: true})); document.title = location.hash;",
    )
    dom = browse(slide, "coherence=.3&spread=1&group_size=8")
    none = areas(rows, "none", 0.9, 1.0)
    assert element(dom, "winner").startswith(f"Winner: REINFORCE (none). Mean J over the run {none.mean():.4f}")
    assert element(dom, "value-coherence") == "0.9"
    assert re.search(r'<input[^>]*id="axis-coherence"[^>]*aria-valuetext="0.9"', dom)
    assert "<title>#coherence=0.9&amp;spread=1&amp;group_size=8</title>" in dom  # the address follows
    click = with_script(
        page,
        tmp_path / "click.html",
        'document.querySelector(\'#map button[aria-label*="ρ 0.3"][aria-label*="spread 0"]\').click();',
    )
    dom = browse(click, "coherence=.9&spread=1&group_size=8")
    assert (element(dom, "value-coherence"), element(dom, "value-spread")) == ("0.3", "0")
    assert element(dom, "winner").startswith("Winner: GRPO (group)")


def test_a_new_address_is_followed(page, browse, tmp_path) -> None:
    """Without an address the page opens at the first cell."""
    moved = with_script(
        page,
        tmp_path / "hash.html",
        "const shown = document.getElementById('value-coherence'), first = shown.textContent;"
        "location.hash = 'coherence=0.3';"
        "setTimeout(() => { document.title = first + ' then ' + shown.textContent; }, 100);",
    )
    assert "<title>0 then 0.3</title>" in browse(moved)


def test_a_nasty_name_is_text(page, browse) -> None:
    dom = browse(page)
    assert element(dom, "name") == NASTY
    assert "<title>broken" not in dom
    assert "<img" not in dom


def test_every_control_has_a_label_and_the_result_is_announced(page, browse) -> None:
    dom = browse(page)
    controls = re.findall(r'<(?:input|select)[^>]* id="([^"]*)"', dom)
    assert set(controls) == {"axis-coherence", "axis-spread", "axis-group_size"}
    for name in controls:
        assert f'<label for="{name}">' in dom
    assert re.search(r'id="result"[^>]*aria-live="polite"', dom)
    for svg in re.findall(r"<svg[^>]*>", dom):
        assert 'role="img"' in svg or 'aria-hidden="true"' in svg
