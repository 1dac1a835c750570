"""Answers: tables of spellings against values written by hand, canonical against float and Fraction, the modes."""

import threading
import time
from collections import namedtuple
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.language.problems.answers import (
    MODES,
    boxed,
    canonical,
    canonical_formula,
    digits,
    final_answer,
    is_correct,
    parse_number,
)

P = namedtuple("P", "answer kind")

# The first block: kinds found in all 8,792 rows of GSM8K (after "####" and as results of annotations), own numbers.
SPELLINGS = [
    (" 42", Fraction(42)),
    (" 2,050", Fraction(2050)),
    (" 304,100,000", Fraction(304_100_000)),
    (" -6", Fraction(-6)),
    ("870.00", Fraction(870)),
    (".6", Fraction(3, 5)),
    ("0.35", Fraction(7, 20)),
    ("5/8", Fraction(5, 8)),
    # what models write
    ("42.", Fraction(42)),
    ("$1,234.50", Fraction(2469, 2)),
    ("-$5", Fraction(-5)),
    ("$-5", Fraction(-5)),
    (r"\$18", Fraction(18)),
    ("€7", Fraction(7)),
    ("5¢", Fraction(5)),
    ("−3", Fraction(-3)),
    ("+3", Fraction(3)),
    ("50%", Fraction(50)),
    (r"50\%", Fraction(50)),
    ("12 %.", Fraction(12)),
    ("5 hours", Fraction(5)),
    ("5\u00a0hours.", Fraction(5)),
    ("20mph", Fraction(20)),
    ("9 sq. ft.", Fraction(9)),
    ("-3 / 4 cups", Fraction(-3, 4)),
    ("-0", Fraction(0)),
    ("007", Fraction(7)),
]
REFUSED = """|.|-|$|%|five|5 6|5 or 6|5-6|3:45|1.2.3|5..|1,23|12,34|1234,567|1,000,00|,5|5,,|--5|-$-5|3/0|3/-4|1 3/2|½|٣
1e5|0x10|1_000|inf|nan|5x|3 million|2 dozen|5 and a half|5 halves|5 Thousandths|5 hours and 3 minutes|x=5|(5)|5 %%|²"""
REFUSED = REFUSED.replace("\n", "|").split("|")


@pytest.mark.parametrize(("text", "value"), SPELLINGS)
def test_parse_number_reads_what_people_write(text, value):
    assert parse_number(text) == value


@pytest.mark.parametrize("text", [*REFUSED, "9" * 201])
def test_parse_number_refuses_what_is_not_one_number(text):
    assert parse_number(text) is None
    assert canonical(text) is None


def test_very_long_digits_are_no_error():
    assert parse_number("9" * 200) == Fraction(10**200 - 1)
    assert parse_number("9" * 10_000) is None


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        *[("72.0", "72"), ("-3.50", "-3.5"), (".5", "0.5"), ("-.05", "-0.05"), ("1,080", "1080"), ("2/6", "1/3")],
        *[("-2/6", "-1/3"), ("6/2", "3"), ("1/16", "0.0625"), ("3/40", "0.075"), ("-0.0", "0"), ("100", "100")],
    ],
)
def test_canonical(text, spelling):
    assert canonical(text) == spelling


@pytest.mark.parametrize(
    ("written", "spelling"),
    [
        *[
            ("72.0", "72"),
            (r"9{,}500", "9500"),
            (r"9,\!500", "9500"),
            (r"10\,000", "10000"),
            (r"\$5", "5"),
            ("3/4", "0.75"),
        ],
        *[(r"\frac{1}{2}", r"\frac{1}{2}"), (r"10\%", r"10\%"), ("1e-30", "1e-30"), ("10^5", "10^5")],
        *[("5 k", "5 k"), ("3 m n", "3 m n"), ("12 pi", "12 pi"), ("-9 x", "-9 x"), ("8 AM", "8 AM"), ("5xy", "5xy")],
        *[("10,200", "10,200"), ("0,120", "0,120"), ("1,080", "1,080"), ("1011_2", "1011_2"), ("5 hours", "5 hours")],
        *[(r"5\text{ cm}", r"5\text{ cm}"), ("7 xy", "7 xy"), ("2 st", "2 st"), ("36,36,108", "36,36,108")],
    ],
)
def test_a_gold_of_math_keeps_all_but_figures(written, spelling):
    assert canonical_formula(written) == spelling


@given(st.fractions(min_value=-(10**6), max_value=10**6, max_denominator=5000))
def test_digits_is_exact_shortest_and_a_fixed_point(number):
    text = digits(number)
    assert Fraction(text) == number
    assert canonical(text) == text
    assert not ("." in text and text.endswith("0"))
    ends = number.denominator == 1 or (10**40 % number.denominator == 0)
    assert ("/" in text) == (not ends)


@given(st.integers(-(10**9), 10**9), st.integers(0, 3))
def test_parse_number_agrees_with_pythons_formatting(whole, places):
    number = Fraction(whole, 10**places)
    assert parse_number(f"{float(number):,.{places}f}") == number  # below 2^53 / 1000: floats print these exactly


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        (r"\boxed{72}", "72"),
        (r"$\boxed{\frac{a}{b}}$, then \boxed{\sqrt{\frac{1}{2}}}.", r"\sqrt{\frac{1}{2}}"),
        (r"\boxed{\{1,2\}}", r"\{1,2\}"),
        (r"\boxed{\left\{\begin{matrix}1\\2\end{matrix}\right\}}", r"\left\{\begin{matrix}1\\2\end{matrix}\right\}"),
        (r"\fbox{4}", "4"),
        (r"the answer is $\boxed 7$.", "7"),
        (r"\boxed{unclosed", None),
        (r"\boxedness{4}", None),
        ("none", None),
    ],
)
def test_boxed(text, inside):
    assert boxed(text) == inside


@pytest.mark.parametrize(
    ("response", "mode", "final"),
    [
        ("72", "answer", "72"),
        (" 72", "answer", " 72"),
        ("1+1=2####2", "equations", "2"),
        ("####1####2", "equations", "2"),
        ("1+1=2", "equations", None),
        ("1+1=2####", "equations", None),
        (r"\boxed{4}", "equations", None),
        ("so\n#### 1,080 clips\nThe end", "text", "1,080 clips"),
        (r"#### 3 no, \boxed{4}", "text", "4"),
        (r"\boxed{4} no, #### 3", "text", "3"),
        ("nothing", "text", None),
        (r"\boxed{72}" + "\n#### Explanation\nso", "text", "72"),
        (r"\boxed{72}" + "\n#### Step 2: check", "text", "72"),
        (r"\boxed{72}" + "\n#### 2. Check", "text", "72"),
        ("#### 72\n####", "text", "72"),
        ("#### 72 ####", "text", "72"),
        (r"\boxed{72}. I wrote it in a \boxed for you.", "text", "72"),
        (r"\boxed{72} and \boxed{}", "text", "72"),
        (r"\boxed{72} and \boxed{7", "text", "72"),
        (r"\boxed{72} and \boxed{so there}", "text", "72"),
        ("#### 72\n" + r"**Done**, see \fbox", "text", "72"),
        ("**#### 72**", "text", "72"),
        ("#### 72\n#### 73 or 74", "text", "73 or 74"),  # an answer, though none that can be read
        (r"\boxed{72}, no, \boxed{5 million}", "text", "5 million"),
        ("#### 72\n#### $-\u2212 7", "text", "$-\u2212 7"),
        ("#### none", "text", "none"),
        ("1=1#####72", "equations", "72"),
        ("1=1########72", "equations", "72"),
        ("1=1####72#", "equations", "72#"),
        ("1=1####72**", "equations", "72**"),
        ("##### 72 #####", "text", "72"),
        ("1=1####1####", "equations", None),  # there the last mark decides
    ],
)
def test_final_answer(response, mode, final):
    assert final_answer(response, mode) == final


@pytest.mark.parametrize(
    ("response", "final"),
    [
        (r"\boxed{x+1}" + "\n#### Explanation", "x+1"),
        (r"\boxed{x+1}" + "\n#### Why x is so", "x+1"),
        (r"\boxed{x+1} and the bare word \boxed", "x+1"),
        (r"\boxed{x+1} and \boxed stands around it", "x+1"),
        (r"\boxed{\text{Evelyn}}", r"\text{Evelyn}"),
        (r"\boxed{x+1}" + "\n#### x+2", "x+2"),
        (r"\boxed{x+1}, no, \boxed{\text{none}}", r"\text{none}"),
        ("#### Evelyn", "Evelyn"),
    ],
)
def test_final_answer_of_math(response, final):
    assert final_answer(response, "text", "math") == final


@pytest.mark.parametrize("tail", ["\n#### Explanation", "\n#### Step 3: why", r" in a \boxed, done", r" \boxed{}"])
@pytest.mark.parametrize("kind", ["gsm8k", "math"])
def test_a_mark_decides_only_if_it_holds_an_answer(kind, tail):
    assert is_correct(r"so \boxed{72}" + tail, P("72", kind), "text")
    assert not is_correct(r"so \boxed{73}" + tail, P("72", kind), "text")


def test_answer_mode_has_exactly_one_right_string():
    problem = P("0.5", "gsm8k")
    assert is_correct("0.5", problem, "answer")
    for other in ("0.50", ".5", "1/2", " 0.5", "0.5 ", "+0.5", "0.5.", "$0.5", "", "####0.5"):
        assert not is_correct(other, problem, "answer")
        assert is_correct("0.5=0.5####" + other, problem, "equations") == (other != "")


def test_the_other_modes_compare_values():
    problem = P("1080", "gsm8k")
    assert is_correct("9*120=1080####1080", problem, "equations")
    assert is_correct("9*120=1081####1080.0", problem, "equations")  # only the final answer counts
    assert not is_correct("9*120=1080####1081", problem, "equations")
    assert not is_correct("9*120=1080", problem, "equations")
    assert is_correct("She has 9*120 = $<<9*120=1080>>1,080.\n#### $1,080", problem, "text")
    assert is_correct(r"It is \boxed{1{,}080}".replace("{,}", ","), problem, "text")
    assert is_correct(r"It is \boxed{1{,}080}", problem, "text")
    assert not is_correct("#### 1,080 or 1,081", problem, "text")


@pytest.mark.parametrize(
    ("answer", "final", "right"),
    [
        (r"\frac{1}{2}", "0.5", True),
        (r"\frac{1}{2}", r"\dfrac12", True),
        ("x^2+1", "1+x^2", True),
        ("x^2+1", "x^2-1", False),
        (r"10\%", "0.1", True),
        ("(1,2)", "(1, 2)", True),
        ("(1,2)", "(2,1)", False),
        (r"\text{Evelyn}", r"\text{Evelyn}", True),
        (r"\text{Evelyn}", r"\text{Robert}", False),
        ("72", "72.0", True),
        ("72", "73", False),
        (r"2\sqrt{3}", r"\sqrt{12}", True),
        (r"2\sqrt{3}", "}}}{{{", False),
        (r"2\sqrt{3}", "9" * 300, False),
    ],
)
def test_math_formulas_are_compared_by_meaning(answer, final, right):
    assert is_correct(rf"so $\boxed{{{final}}}$", P(answer, "math"), "text") == right


@pytest.mark.parametrize("formula", [r"\sqrt{4}", "1+1", "2^1", r"\frac{\sqrt{16}}{2}", "x=2", "10_2", "2e0"])
def test_gsm8k_does_not_use_the_formula_comparison(formula):
    assert not is_correct(f"#### {formula}", P("2", "gsm8k"), "text")
    assert is_correct(r"#### \frac{4}{2}", P("2", "gsm8k"), "text")  # a number


def test_math_outside_the_main_thread_is_refused_and_numbers_are_not():
    found = []

    def work():
        found.append(is_correct(r"\boxed{5}", P("5", "math"), "text"))
        try:
            is_correct(r"\boxed{x}", P("y", "math"), "text")
        except ValueError as error:
            found.append(str(error))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found[0] is True
    assert "outside the main thread; allowed: is_correct in the main thread" in found[1]


def test_a_formula_without_end_is_wrong_within_seconds(monkeypatch):
    monkeypatch.setattr("experiments.language.problems.algebra.SECONDS", 1)
    assert not is_correct(r"\boxed{9^{9^{9}}}", P(r"\sqrt{3}", "math"), "text")


LENGTH = 100_000
LONG = {
    "boxes in boxes": "\\boxed{" * (LENGTH // 8) + "x" + "}" * (LENGTH // 8),
    "boxes never closed": "\\boxed{" * (LENGTH // 7),
    "boxes without braces": "\\boxed " * (LENGTH // 7),
    "marks": "#### " * (LENGTH // 5),
    "headings": "#### a\n" * (LENGTH // 7),
    "braces in braces": ("#### " + "{" * 490 + "a" + "}" * 490 + "\n") * (LENGTH // 1000),
    "one line of braces": "#### " + "{" * LENGTH,
    "full stops": ("#### " + ". " * 490 + "\n") * (LENGTH // 1000),
    "thousands": "#### 1" + ",000" * (LENGTH // 4),
    "ones": "#### " + "1," * (LENGTH // 2),
    "lists in lists": "#### " + "(1," * (LENGTH // 3),
    "dollars": "#### " + "$" * LENGTH,
    "fractions": "#### " + r"\frac" * (LENGTH // 5),
    "spaces": "#### " + " " * LENGTH,
}


@pytest.mark.parametrize("kind", ["gsm8k", "math"])
@pytest.mark.parametrize("case", LONG)
def test_a_response_of_any_length_is_judged_in_linear_time(case, kind):
    """Where every mark looked at all that follows, boxes in boxes took minutes."""
    is_correct("#### x+1", P("1+x", "math"), "text")  # loads math-verify
    begun = time.process_time()
    for mode in ("text", "equations"):
        assert not is_correct(LONG[case], P("5", kind), mode)
    boxed(LONG[case])
    assert time.process_time() - begun < 5  # seconds; 0.2 without type checks


def test_what_follows_long_nonsense_still_counts():
    assert is_correct("\\boxed{" * 10_000 + "\n#### 5", P("5", "gsm8k"), "text")
    assert is_correct("#### 5\n#### " + "x" * 2000, P("5", "gsm8k"), "text")
    assert final_answer("\\boxed \\boxed 5", "text") == "5"


@pytest.mark.parametrize("call", [lambda m: final_answer("1", m), lambda m: is_correct("1", P("1", "gsm8k"), m)])
def test_an_unknown_mode_is_named(call):
    assert MODES == ("answer", "step", "equations", "text")
    with pytest.raises(ValueError, match="mode is 'proof'; allowed: answer, step, equations, text"):
        call("proof")
