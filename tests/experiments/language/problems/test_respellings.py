"""Fuzzing: a gold is its usual respellings and no other number's. `make slow` runs 10⁵ examples in all.

The spellings are written here digit by digit, by code that shares nothing with what reads them.
"""

from collections import Counter, namedtuple
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from experiments.language.problems.answers import canonical, canonical_formula, digits, is_correct
from experiments.language.problems.formulas import is_same
from experiments.language.problems.numbers import parse_number, read_number
from experiments.language.problems.rows import read_equations, read_folder

REAL = Path(__file__).resolve().parents[5] / "shared" / "data" / "gsm8k"
P = namedtuple("P", "answer kind")
QUICK = settings(max_examples=300, deadline=None)
LONG = settings(max_examples=17_000, deadline=None, suppress_health_check=list(HealthCheck))

MINUS = "-\u2010\u2011\u2012\u2013\u2212\uff0d"
CURRENCIES = ["", "", "$", r"\$", "€", "₹", "US$", r"\$ "]
PROSE_UNITS = [
    "",
    "",
    " dollars",
    " miles/hour",
    " sq. ft.",
    " km",
    r"\text{ dollars}",
    r"~\mathrm{cm}",
    " clips",
    "%",
    r"\%",
]
FORMULA_UNITS = ["", "", " dollars", " hours", r"\text{ dollars}", r"~\mathrm{cm}", r"\text{ cm}^2", r"\mbox{ feet}"]
AROUND = [
    "{}",
    r"\boxed{{{}}}",
    r"\text{{{}}}",
    r"\mathbf{{{}}}",
    r"\({}\)",
    r"\[{}\]",
    "**{}**",
    "`{}`",
    "{{{}}}",
    " {} ",
]
CHANGING = """K k M bn million billion thousand hundred dozen lakh crore squared cubed th st half thirds and or not
below negative AM pm pi""".replace("\n", " ")


@st.composite
def values(draw):
    """Whole numbers, decimals and fractions."""
    whole = draw(st.one_of(st.integers(0, 20), st.integers(0, 10**7)))
    kind = draw(st.sampled_from(["whole", "decimal", "fraction"]))
    below = {"whole": 1, "decimal": 10 ** draw(st.integers(1, 4)), "fraction": draw(st.integers(2, 99))}[kind]
    return draw(st.sampled_from([1, 1, -1])) * Fraction(whole, below)


def grouped(text, mark):
    """Thousands parted by a mark."""
    parts = []
    while len(text) > 3:
        text, part = text[:-3], text[-3:]
        parts.append(part)
    return mark.join([text, *reversed(parts)])


@st.composite
def spelt(draw, value, formula=False):
    """One of the usual spellings of a value."""
    marks = ["", "{,}", r",\!", r"\,", "\u2009"] + ([] if formula else [","])
    mark = draw(st.sampled_from(marks))
    above, below = abs(value.numerator), value.denominator
    forms = [f"{above}/{below}", rf"\frac{{{above}}}{{{below}}}", rf"\dfrac{{{grouped(str(above), mark)}}}{{{below}}}"]
    if above < 10 and below < 10:
        forms += [rf"\frac{above}{below}", rf"\tfrac {above} {below}"]
    if above > below > 1:
        rest = above % below
        forms += [
            f"{above // below} {rest}/{below}",
            rf"{grouped(str(above // below), mark)}\frac{{{rest}}}{{{below}}}",
        ]
    if 10**4 % below == 0:
        places = draw(st.integers(0 if below == 1 else 4, 5))
        scaled = str(above * 10**places // below).rjust(places + 1, "0")
        whole, part = (scaled[:-places], "." + scaled[-places:]) if places else (scaled, "")
        forms = [grouped(whole, mark) + part] * 4 + forms
        if whole == "0" and part:
            forms.append(part)
    text = draw(st.sampled_from(forms))
    sign = draw(st.sampled_from(MINUS)) if value < 0 else draw(st.sampled_from(["", "", "+"]))
    money, unit = draw(st.sampled_from(CURRENCIES)), draw(st.sampled_from(FORMULA_UNITS if formula else PROSE_UNITS))
    text = draw(st.sampled_from([sign + money + text, money + sign + text])) + unit
    for around in draw(st.lists(st.sampled_from(AROUND), max_size=3, unique=True)):
        text = around.format(text)
    if "$" not in text and draw(st.booleans()):
        text = f"${text}$"
    return text + ("" if text.endswith(".") else draw(st.sampled_from(["", "", ".", ",", " "])))


two = st.tuples(values(), values()).filter(lambda pair: pair[0] != pair[1])


def check_prose(pair, data):
    value, other = pair
    text, wrong = data.draw(spelt(value)), data.draw(spelt(other))
    assert parse_number(text) == value
    gold = canonical(text)
    assert gold == digits(value)
    assert canonical(gold) == gold
    problem = P(gold, "gsm8k")
    for response in (f"so\n#### {text}", f"so \\boxed{{{text}}}", f"\\boxed{{{text}}}\n#### Explanation"):
        assert is_correct(response, problem, "text")
    for response in (f"#### {wrong}", f"\\boxed{{{wrong}}}", f"#### {text}\n#### {wrong}"):
        assert not is_correct(response, problem, "text")


def check_formula(pair, data):
    value, other = pair
    written, text, wrong = (data.draw(spelt(v, formula=True)) for v in (value, value, other))
    gold = canonical_formula(written)
    assert is_same(gold, gold)
    assert is_same(written, gold)
    assert is_same(text, gold)
    assert not is_same(wrong, gold)
    assert is_same(f"{grouped(str(abs(value.numerator)), ',')}", str(abs(value.numerator)))  # the gold has no commas
    assert is_correct(f"\\boxed{{{text}}}", P(gold, "math"), "text")


def check_refused(pair, word, data):
    value, other = pair[0] or Fraction(1), pair[1].numerator
    text = data.draw(spelt(value))
    for more in (f" {word}", f" {other}", f" or {digits(pair[1])}", f" {word} dollars"):
        assert parse_number(text + more) is None
    bare = digits(abs(value))
    changes = [f"{bare} {word}", f"{bare}{word}", rf"{bare}\text{{ {word}}}", f"${bare} {word}.", f"**{bare} {word}**"]
    for changed in changes:
        assert parse_number(changed) is None
        assert canonical_formula(changed) == changed
    if data.draw(st.integers(0, 9)) == 0:  # math-verify takes its time
        assert not is_same(data.draw(st.sampled_from(changes)), bare)


def in_base(number, base):
    figures = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    text = figures[number % base]
    while number := number // base:
        text = figures[number % base] + text
    return text


def check_base(number, other, base, other_base):
    text = in_base(number, base)
    assume(text[:1].isdigit() or any(map(str.isdigit, text)))
    gold = f"{text}_{{{base}}}"
    assert canonical_formula(gold) == gold
    for same in (
        f"({text})_{{{base}}}",
        rf"\text{{{text}}}_{{{base}}}",
        f"${text}_{{{base}}}$.",
        rf"{text} _ \text{{{base}}}",
    ):
        assert is_same(same, gold)
    assert not is_same(text, gold) or base == 10
    assert not is_same(gold, text) or base == 10
    assert is_same(f"{in_base(other, base)}_{{{base}}}", gold) == (number == other)
    assert is_same(f"{text}_{{{other_base}}}", gold) == (base == other_base)


def check_list(items, around, other, data):
    texts, again = ([data.draw(spelt(v, formula=True)).strip().rstrip(".,") for v in items] for _ in range(2))
    opening, end = around
    gold = opening + ",".join(texts) + end
    assert canonical_formula(gold) == gold
    assert is_same(gold, gold)
    assert is_same(rf"\left{opening} {', '.join(again)} \right{end}" if opening else ", ".join(again), gold)
    changed = [*items[:-1], other]
    unordered = around in (("", ""), (r"\{", r"\}"))
    same = set(changed) == set(items) if around[0] == r"\{" else sorted(changed) == sorted(items)
    assert is_same(opening + ", ".join(map(str, changed)) + end, gold) == (same if unordered else changed == items)
    turned = opening + ", ".join(map(str, reversed(items))) + end
    assert is_same(turned, gold) == (unordered or items == items[::-1])
    if around == ("(", ")"):
        assert not is_same(rf"\{{{', '.join(again)}\}}", gold)
    assert not is_same("".join(map(str, items)), gold)


PIECES = [
    *"0123456789",
    *"+-/.,$%{}()[]^_ ",
    r"\frac",
    r"\boxed{",
    r"\text{",
    "**",
    "`",
    r"\(",
    r"\)",
    r"\,",
    "{,}",
    r"\!",
]
PIECES += [
    "\u2212",
    " km",
    " million",
    "°",
    "²",
    "e",
    "x",
    "AM",
    "_2",
    r"\times10^",
    "####",
    r"\%",
    "½",
    "٣",
    "\\",
    "\n",
]
noise = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


def check_noise(text, more):
    """Nothing raises; what is read has a canonical spelling that reads the same; no second number is passed over."""
    value = parse_number(text)
    if value is not None:
        gold = canonical(text)
        assert gold == digits(value)
        assert parse_number(gold) == value
        assert parse_number(f"{text} {more}") is None
        assert parse_number(rf"\boxed{{{text}}}") == value
    number = read_number(text, "formula")
    if number is not None:
        assert is_same(text, text)
        assert is_same(canonical_formula(text), text)
        assert read_number(f"{text} {more}", "formula") is None
    for kind in ("gsm8k", "math"):
        is_correct(text, P("5", kind), "equations")
    is_correct(text, P("5", "gsm8k"), "text")


@pytest.mark.parametrize("profile", [QUICK, pytest.param(LONG, marks=pytest.mark.slow)], ids=["quick", "long"])
@pytest.mark.parametrize(
    ("check", "strategies"),
    [
        (check_prose, (two, st.data())),
        (check_formula, (two, st.data())),
        (check_refused, (two, st.sampled_from(CHANGING.split()), st.data())),
        (check_base, (st.integers(0, 10**6), st.integers(0, 10**6), st.integers(2, 36), st.integers(2, 36))),
        (
            check_list,
            (
                st.lists(values(), min_size=2, max_size=4),
                st.sampled_from([("", ""), ("(", ")"), ("[", "]"), ("(", "]"), ("[", ")"), (r"\{", r"\}")]),
                values(),
                st.data(),
            ),
        ),
        (check_noise, (noise, st.integers(0, 999))),
    ],
    ids=["prose", "formula", "refused", "base", "list", "noise"],
)
def test_fuzz(check, strategies, profile):
    profile(given(*strategies)(check))()


@pytest.mark.skipif(not REAL.is_dir(), reason="GSM8K is not beside the repository")
def test_all_golds_of_gsm8k_are_their_respellings_and_no_others():
    splits = read_folder(REAL)
    golds = [problem.answer for problem in (*splits.train, *splits.test)]
    assert len(golds) == 8792
    assert splits.dropped == {}
    problems = (*splits.train, *splits.test)
    written = [problem.solution.rsplit("####", 1)[1].strip() for problem in problems]
    respelt = [text for text, gold in zip(written, golds, strict=True) if text != gold]
    assert len(respelt) == 93
    assert all(grouped(text.replace(",", ""), ",") == text for text in respelt)
    assert sum(gold[0] == "-" for gold in golds) == 5
    reasons = Counter(read_equations(problem.solution, problem.answer)[1] for problem in problems)
    assert reasons == {"": 8209, "last equation is not the answer": 470, "no annotations": 113}
    golds = sorted(set(golds))
    for gold, other in zip(golds, [*golds[1:], golds[0]], strict=True):
        sign, plain = ("-", gold[1:]) if gold[0] == "-" else ("", gold)
        forms = [sign + grouped(plain, mark) for mark in (",", "{,}", r",\!", r"\,")]
        forms += [
            f"{sign}${plain}",
            rf"\boxed{{{gold}}}",
            rf"\boxed{{\text{{{gold}}}}}",
            f"**{gold}**",
            f"`{gold}`",
            rf"\({gold}\)",
        ]
        forms += [
            f"{gold}.",
            f"{gold},",
            f"{gold}.00",
            f"{gold} miles/hour",
            rf"{gold}\text{{ km}}",
            f"{gold}%",
            f"{gold}/1",
        ]
        forms += [
            gold.replace("-", "\u2212"),
            rf"{sign}\frac{{{plain}}}{{1}}",
            rf"{sign}\frac{{{int(plain) * 3}}}{{3}}",
        ]
        for text in forms:
            assert canonical(text) == gold, text
        for text in (
            f"{gold} million",
            f"{gold} K",
            f"{gold}th",
            f"{gold} {other}",
            f"{gold} or {other}",
            f"{gold} AM",
            f"{gold}x",
        ):
            assert canonical(text) is None, text
