"""Numbers: what people and models write against values written by hand, and what is refused, in prose and formulas."""

import re
from fractions import Fraction

import pytest

from experiments.language.problems.numbers import LONGEST, Number, parse_number, read_number
from experiments.language.problems.spelling import unwrap, unwrap_parts
from experiments.language.problems.units import is_unit

F = Fraction
READ = [
    # LaTeX, as Qwen writes it
    *[(r"\boxed{9{,}500}", 9500), (r"\boxed{$9{,}500}", 9500), (r"\boxed{9,\!500}", 9500), (r"\boxed{{18}}", 18)],
    *[(r"\boxed{18\text{ dollars}}", 18), (r"\boxed{\text{18}}", 18), (r"10\,000", 10000), (r"1,\!234{,}567", 1234567)],
    *[(r"\$\mathbf{18}", 18), (r"\mathrm{18}\text{ USD}", 18), (r"18~\text{km}", 18), (r"18\ \mathrm{km}", 18)],
    *[(r"\fbox{$18$}", 18), (r"\[18\]", 18), (r"$$18$$", 18), (r"\(72\)", 72), (r"\boxed{\$1{,}234.50}", F(2469, 2))],
    # marks around it
    *[("72,", 72), ("**72**", 72), ("`72`", 72), ("**$72**", 72), ("$72$ dollars", 72), ("**72** dollars", 72)],
    *[("__72__", 72), (r"\(72\) km.", 72), ("**72.**", 72), ("**72**.", 72), ("$**72**", 72), ("$72$,", 72)],
    # signs and spaces
    *[(f"{minus}500", -500) for minus in "-\u2010\u2011\u2012\u2013\u2212\uff0d"],
    *[("$\u22125", -5), ("- 5", -5), ("10\u2009000", 10000), ("10\u202f000", 10000), ("5\u00a0km", 5), ("\u200b5", 5)],
    # currencies
    *[
        ("₹500", 500),
        ("US$5", 5),
        ("A$5", 5),
        ("5 USD", 5),
        ("USD 5", 5),
        ("Rs. 500", 500),
        ("5€", 5),
        ("₩1,000", 1000),
    ],
    # units
    *[("60 miles/hour", 60), ("60 miles per hour", 60), ("60 km/h", 60), ("60/hour", 60), ("5 m", 5), ("5 L", 5)],
    *[("5 cm²", 5), ("5 cm^2", 5), (r"5\text{ cm}^{2}", 5), ("5 m/s^2", 5), ("5°", 5), ("5 °C", 5), (r"5^\circ", 5)],
    *[
        ("5 sq.ft.", 5),
        ("5 logs", 5),
        ("5 seconds", 5),
        ("5 more apples", 5),
        ("5 degrees Celsius", 5),
        ("5 percent", 5),
    ],
    # fractions
    *[("2 1/3", F(7, 3)), (r"2\frac13", F(7, 3)), (r"2 \frac{1}{3}", F(7, 3)), ("-2 1/3 cups", F(-7, 3))],
    *[(r"\frac13", F(1, 3)), (r"\dfrac{3}{4}", F(3, 4)), (r"-\frac{3}{4}", F(-3, 4)), (r"\frac{-3}{4}", F(-3, 4))],
    *[(r"\frac{1{,}000}{3}", F(1000, 3)), (r"\frac1{3}", F(1, 3)), (r"\frac{1}3", F(1, 3)), ("0/5", 0)],
]
REFUSED = r"""5 K|5 k|$5 M|$5M|$5 m|$5m|5 MM|$5 mm|5 lakh|5 lakhs|5 crore|5 doz.|5 dozens|5 gross|5 grand|5 bn|5 mil
5k|5B|5 T
5 squared|5 cubed|5 factorial|5²|5^2|5^{2}|5!|5th|21st|3rd|5 th|5\text{th}|5^{\text{th}}|5 thirds|5 three|5 tens|5 fold
5 degrees below zero|5 below|5 negative|5 in debt|5 loss|8 AM|8 am|8 p.m.|8 PM|5 BC|8 in the morning|5 pi|5\pi|5 inf
5 is not the answer|5 or so|5 wrong|5 base two|5 binary|5_2|5 mod|5 minus|5 plus|5 times|5 divided|5 to|5 but
5 6|5  6|5,6|5;6|5:6|5-6|5–6|5*6|5=6|5/6/7|1,23|12,34|1234,567|1,000,00|0,120|10 000|1.000.000|5..|5.,|5,,
.|,|-|+|--5|+-5|$
$6/$2|1**0|2**3**|**|1\text{0}|1$0$|1`0`|2 3/2|2 1/0|1/0|\frac{1}{0}|\frac134|\frac{1}{2}{3}
\frac{1}|\frac|\frac{}{2}|2\frac{-1}{2}
5 %%|%|5 x|5x|5 e|1e5|5 /|5//h|5 a b c d|five|\{5\}|(5)|[5]|{5|5}|\boxed{5|\text{5|\sqrt{4}|½|2½|٣|0x10
1_000|5\foo
\boxed{}|\boxed{\boxed{}}|$$|`|\(\)"""
REFUSED = [text for text in REFUSED.replace("\n", "|").split("|") if text]


@pytest.mark.parametrize(("text", "value"), READ)
def test_prose_is_read(text, value):
    assert parse_number(text) == value


@pytest.mark.parametrize("text", [*REFUSED, "", " ", "9" * (LONGEST + 1)])
def test_what_is_not_one_number_is_refused(text):
    assert parse_number(text) is None
    assert parse_number(rf"\boxed{{{text}}}") is None


CHANGES = re.split(
    r"\s+",
    """hundred Thousand million billion lakh crore dozen doz score K k M bn squared cubed th half halves third
quarters below negative AM pm and or not twice-as pi one twenty""",
)


@pytest.mark.parametrize("word", CHANGES)
def test_words_that_change_the_value_are_no_units_however_they_stand(word):
    for text in (f"5 {word}", f"5{word}", f"$5 {word}", f"5 {word}.", f"5 {word} dollars", f"5 new {word}"):
        assert parse_number(text) is None, text
        assert read_number(text, "formula") is None, text
    for text in (rf"5\text{{ {word}}}", rf"5 \mathrm{{{word}}}", rf"\$5\text{{ {word}}}"):
        assert parse_number(text) is None, text
        assert read_number(text, "formula") is None, text


FORMULAS = [
    *[("1011_2", Number(F(11), base=2)), ("1011_{2}", Number(F(11), base=2)), ("(1011)_2", Number(F(11), base=2))],
    *[(r"1011_{\text{two}}", Number(F(11), base=2)), (r"1011_\text{two}", Number(F(11), base=2))],
    *[("2A_{16}", Number(F(42), base=16)), ("-12_3", Number(F(-5), base=3)), ("11_{10}", Number(F(11)))],
    *[("1e-30", Number(F(1, 10**30))), ("2.5E3", Number(F(2500))), ("10^{-30}", Number(F(1, 10**30)))],
    *[(r"1.5\times10^{3}", Number(F(1500))), (r"-2 \cdot 10^2", Number(F(-200))), ("10^5", Number(F(100000)))],
    *[(r"10\%", Number(F(10), percent=True)), ("10 %", Number(F(10), percent=True))],
    *[("10 percent", Number(F(10), percent=True)), (r"10\text{ percent}", Number(F(10), percent=True))],
    *[
        ("5 hours", Number(F(5))),
        (r"5\text{ hours}", Number(F(5))),
        (r"8.64 \mathrm{~g} / \mathrm{cm}^{3}", Number(F(216, 25))),
    ],
    *[(r"10{,}200", Number(F(10200))), (r"10,\!200", Number(F(10200))), (r"90^\circ", Number(F(90)))],
    *[("2 1/3", Number(F(7, 3))), (r"\$5", Number(F(5))), (r"\text{18}", Number(F(18)))],
]


@pytest.mark.parametrize(("text", "number"), FORMULAS)
def test_formulas_are_read(text, number):
    assert read_number(text, "formula") == number


LETTERS = r"""5 k|3 m n|12 pi|-9 x|5xy|5 xy|7 st|5 m|5e|2e|5 i|8 AM|12\pi|5\text{ k}|13 \mathrm{n}|10,200|0,120|1,080
19_2|1,2
1011_{2|1011_{2}}|1011_1|1011_{37}|x_2|A_1|5_x|10^x|10^{x}|2^3|10^{9999}|1e9999|1\times 2|1\times 10|3:4
x=5|5 cats|1011_2 k"""


@pytest.mark.parametrize("text", LETTERS.replace("\n", "|").split("|"))
def test_formulas_that_are_no_number_are_refused(text):
    assert read_number(text, "formula") is None


def test_a_second_number_is_never_passed_over():
    for text, _ in READ:
        for more in (" 7", " or 7", "; 7", " = 7", "\n7"):
            assert parse_number(text + more) is None, text + more


@pytest.mark.parametrize(
    ("text", "whole", "parts"),
    [
        (r"**$\boxed{\text{72}}$**.", "72", "72"),
        ("$3$ or $4$", "$3$ or $4$", "3 or 4"),
        ("72..", "72..", "72.."),
        (r"\boxed{a} + \boxed{b}", r"\boxed{a} + \boxed{b}", r"\boxed{a} + \boxed{b}"),
        (r"{a}{b}", "{a}{b}", "{a}{b}"),
        (r"\{a\}", r"\{a\}", r"\{a\}"),
        ("**18** dollars", "**18** dollars", "18 dollars"),
        ("1**8**", "1**8**", "1**8**"),
        (r"\$5", r"\$5", r"\$5"),
        (r"5\,", "5", "5"),
        (r"1 \\ 2", r"1 \\ 2", r"1 \\ 2"),
    ],
)
def test_unwrap(text, whole, parts):
    assert unwrap(text) == whole
    assert unwrap_parts(text) == parts


def test_is_unit():
    assert is_unit([])
    assert is_unit(["a" * 9] * 5)
    assert not is_unit(["miles"] * 6)
    assert is_unit(["g"])
    assert not is_unit(["g"], priced=True)
    assert not is_unit(["x"])
    assert not is_unit(["ks"])
