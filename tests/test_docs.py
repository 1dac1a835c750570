"""The pages a reader meets first are true: the snippet runs as pasted, the tree is that of the files, links lead on."""

import importlib
import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import jax
import numpy as np
import pytest

from bandits import Exact, Expected, constant, from_pass_rates, make_rule, run
from curvature import greatest_moved_share, greatest_weight_ratio, update_lengths
from experiments.logs.advise.evidence import SIMULATED
from experiments.phase_diagram.divide import WORDS

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ANSWER = (ROOT / "docs" / "answer.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_snippets_run_as_pasted_and_print_what_the_page_says() -> None:
    text = (ROOT / "docs" / "choose.md").read_text(encoding="utf-8")
    snippets = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", text, re.DOTALL)
    assert len(snippets) == 2
    for code, said in snippets:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
        assert done.stdout == said


def test_the_snippet_of_the_readme_runs_as_pasted(tmp_path: Path) -> None:
    """What is printed begins with what the README shows."""
    ((code, said),) = re.findall(r"```sh\n([^`]*?)```\n\n```text\n(.*?)```", README, re.DOTALL)
    printed = ""
    for line in code.splitlines():
        command, *arguments = shlex.split(line, comments=True)
        assert command == "grpo-curvature"
        done = subprocess.run(
            [sys.executable, "-c", "from experiments.cli import main; main()", *arguments],
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path,
        )
        printed = " ".join(done.stdout.split())
    assert printed.startswith(" ".join(said.split()))  # lines are as wide as the terminal


def script(name: str) -> ModuleType:
    """docs/NAME.py, which is in no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tree_is_that_of_the_files() -> None:
    assert (ROOT / "docs" / "tree.md").read_text(encoding="utf-8") == script("tree").tree(), "run `python docs/tree.py`"


def test_the_page_of_proofs_is_that_of_the_theorems() -> None:
    written = (ROOT / "docs" / "proofs.md").read_text(encoding="utf-8")
    assert written == script("statements").page(), "run `python docs/statements.py`"


def test_functions_that_the_page_of_choices_names_are_public() -> None:
    named = re.findall(r"`(curvature|bandits)\.(\w+)", (ROOT / "docs" / "choose.md").read_text(encoding="utf-8"))
    assert named
    for package, name in named:
        assert name in importlib.import_module(package).__all__, name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    for link in links:
        assert link.startswith("https://") or (page.parent / link).exists(), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_exist(page: Path) -> None:
    named = re.findall(r"`((?:curvature|bandits|experiments|proofs|tests|benchmarks|docs)/[\w./-]+)`", page.read_text())
    for name in (name for name in named if "test_x." not in name and "/x." not in name):
        assert (ROOT / name).exists(), name


def test_every_make_target_of_the_readme_is_there_and_the_long_answer_has_the_rest() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    shown, listed = ({*re.findall(r"^make ([a-z]+)", page, re.MULTILINE)} for page in (README, ANSWER))
    assert {"reproduce", "sweep"} <= shown <= listed <= targets
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    left = {target for target in targets - listed if f"make {target}" not in contributing}
    assert left <= {"help", "format", "bench", "clean"}, "a target that no page tells of"


def test_the_readme_fits_a_few_screens() -> None:
    assert len(README.splitlines()) <= 90


def _ends_ahead() -> list[str]:
    """By how many points `group` ends ahead of `none`, all parameters trained: training, held-out."""
    told = {entry["name"]: entry["evidence"] for entry in script("tables").load("gpu")["predictions"]}
    held_out, training = told["group ends higher than none on held-out prompts (SGD, tuned steps)"].split(";")
    ends = ([100 * float(x) for x in re.findall(r"-?\d\.\d+", part)] for part in (training, held_out))
    return [f"{mean:.1f} [{low:.1f}, {high:.1f}]" for mean, low, high in ends]


def _gains(name: str) -> str:
    """What dividing gains at the end of a comparison's runs, in points, as README writes it."""
    lead, parts = script("tables").load(name)["leads"]["group"], []
    for side, where in (("train", "training questions"), ("test", "held-out ones")):
        mean, low, high = (100 * lead[side][end] for end in ("mean", "low", "high"))
        parts.append(f"{mean:.1f} on {where} [{low:.1f}, {high:.1f}]")
    return ", ".join(parts).replace("-0.0 ", "0.0 ")


def test_numbers_of_the_readme_are_those_of_the_committed_summaries() -> None:
    """Nobody types a measured number of the answer: what the summaries say has to stand there."""
    load = script("tables").load
    pretrained, practice = load("pretrained"), load("practice")
    final, by_size = pretrained["final"], practice["by_optimiser"]["adam"]
    assert [round(practice["learning_rates"][name]["8"][1]) for name in ("sgd", "adam")] == [3, 1], "a third; the same"
    longer = update_lengths("group", np.ones(9))[1:-1] / update_lengths("none", np.ones(9))[1:-1]
    assert [round(float(end)) for end in (longer.min(), longer.max())] == [2, 3]
    real = load("rollouts")["rules"]["group"]
    whole, unseen = _ends_ahead()
    lost = [end for end in final if end["rule"] in ("none", "group") and end["test"] < 0.01]
    assert all(entry["held-out"]["low"] < 0 < entry["held-out"]["high"] for entry in by_size.values()), "told from 0"
    farthest = practice["by_rate"]["adam"]["the same"]["held-out"]["farthest"]
    assert farthest < 0.05, "docs/sweeps.md: beyond 5 points the two learning rates differ"
    flat = " ".join(README.split()).replace("−", "-")
    clipped = load("clipped")["by_updates"]
    ways = [by_size, clipped["1"], clipped["4"]]
    assert all(way[size]["held-out"]["low"] < 0 < way[size]["held-out"]["high"] for way in ways for size in way)
    assert all(-0.001 < way["8"]["training"]["mean_difference"] < 0.01 for way in ways), "less than a point"
    rates = {row["step_size"] for row in load("groups_adam")["rules"].values()}
    assert len(rates) == 1, "the same learning rate is best"
    widths = [max(abs(change[end]) for end in ("low", "high")) for change in (
        load("groups_adam")["leads"]["group"][side] for side in ("train", "test"))]  # fmt: skip
    assert [round(100 * width) for width in widths] == [2, 4], "to within 2 to 4 points"
    assert all(row["fell"] == 0 for name in ("groups_adam", "groups_sgd") for row in load(name)["rules"].values())
    many = [way[size]["training"]["low"] for way in ways for size in ("16", "64")]
    assert min(many) > 0, "16 answers or more: divide if scored on the training prompts"
    with_sgd = practice["by_optimiser"]["sgd"]["8"]["training"], load("groups_sgd")["leads"]["group"]["train"]
    assert min(lead["low"] for lead in with_sgd) > 0, "docs/answer.md: with SGD dividing is ahead in training"
    for said in (
        f"one of {sum(by_size['8']['training'][word] for word in WORDS)} [settings]",
        f"at most {100 * greatest_moved_share(8):.1f}% of the total weight moves",
        f"{100 * greatest_moved_share(8):.1f}% of the total \\|advantage\\| with 8 answers",
        f"{100 * real['moved']:.1f}% in [a real run]",
        f"{whole.replace(' ', ' on training questions ', 1)}, {unseen.replace(' ', ' on held-out ones ', 1)}",
        f"dividing gains {_gains('groups_adam').replace(' on training', ' points on training', 1)}; the same learning",
        f"the same with SGD, which few use | {_gains('groups_sgd')}",
    ):
        assert said in flat, said
    assert [(end["mode"], end["rule"]) for end in lost] == [("step", "none"), *[("step_sampled", "none")] * 3]


def test_what_dividing_can_move_stands_on_the_page_of_logs() -> None:
    page = (ROOT / "docs" / "logs.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([\d, ]+) \| ([\d.]+) \| ([\d.]+)%? \|$", page, re.MULTILINE)
    assert {size for sizes, *_ in rows for size in sizes.split(", ")} >= {"2", "3", "8", "64"}
    for sizes, ratio, moved in rows:
        for size in map(int, sizes.split(", ")):
            digits = len(moved.partition(".")[2])
            assert f"{greatest_weight_ratio(size):.{len(ratio.partition('.')[2])}f}" == ratio
            assert f"{100 * greatest_moved_share(size):.{digits}f}" == moved


def test_curves_of_the_picture_are_those_of_the_simulator() -> None:
    picture, steps = script("picture"), 40
    start = from_pass_rates(np.array([picture.START]), num_arms=2, key=jax.random.key(0))
    for rule in picture.STEPS:
        for group_size in (None, 8):
            oracle = Exact() if group_size is None else Expected(group_size)
            made = make_rule(rule, start.features)
            size = constant(picture.STEPS[rule])
            path = run(start, made, size, steps, key=jax.random.key(0), oracle=oracle).trajectory
            drawn = picture.failures(rule, group_size, steps)
            np.testing.assert_allclose(drawn, 1 - np.asarray(path.value), rtol=1e-9)  # 1 − J loses digits of q


def test_five_runs_are_told_what_the_page_says() -> None:
    """The command answers anew; what it says of the real log stands in docs/results."""
    assert script("runs").page() == (ROOT / "docs" / "runs.md").read_text(encoding="utf-8"), "run `python docs/runs.py`"


def test_tables_of_results_are_those_of_the_committed_summaries() -> None:
    """And a number that is changed by hand is noticed, in every block of every page."""
    tables = script("tables")
    pages = {path.stem: path.read_text(encoding="utf-8") for path in tables.pages()}
    assert {"language-model", "sweeps", "convergence", "theory", "logs"} <= set(pages)
    assert len(tables.TABLES) == sum(len(module.TABLES) for module in tables.MODULES), "two tables of one name"
    for name, page in pages.items():
        assert tables.filled(page) == page, f"{name}: run `python docs/tables.py`"
        for block in tables.BLOCK.finditer(page):
            digit = re.search(r"-->.*?\d.*?(\d)", block.group(), re.DOTALL)
            assert digit is not None, block.group()
            at = block.start() + digit.start(1)
            changed = page[:at] + str((int(page[at]) + 1) % 10) + page[at + 1 :]
            assert tables.filled(changed) == page


def test_the_page_of_rows_is_what_writers_declare() -> None:
    written = (ROOT / "docs" / "rows.md").read_text(encoding="utf-8")
    assert written == script("rows").page(), "run `python docs/rows.py`"


def test_leads_that_the_advice_quotes_are_those_of_the_sweep_with_adam() -> None:
    by_size = script("tables").load("practice")["by_optimiser"]["adam"]
    found = {int(size): round(tally["training"]["mean_difference"], 4) for size, tally in by_size.items()}
    assert found == dict(SIMULATED)
    assert script("tables").load("advice")["lead"] == [found[8]] * 2, "run `python docs/runs.py --measure LOG`"
