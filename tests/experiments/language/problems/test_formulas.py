"""Answers of MATH: the same and not the same, by hand; kinds of rational answers, and what math-verify confuses."""

import time

import pytest

from experiments.language.problems import algebra
from experiments.language.problems.formulas import is_same

SAME = r"""12 pi = 12\pi ; 12 π | 5 k = 5k ; 5\,k ; $5 k$ | 3 m n = 3mn ; 3 n m ; n \cdot 3m | -9 x = -9x ; −9x ; - 9 x
8 AM = 8\text{ AM} ; 8 a.m. ; 8 A.M. ; \text{8 AM} ; 8AM | 8\text{ p.m.} = 8 PM ; 8\text{ PM}
5\text{ million} = 5\text{ Million}
10,200 = 10, 200 ; (10,200) ; 200, 10 ; \{10, 200\} ; 10 and 200 ; 10\text{ and }200 | 0,120 = 0, 120 ; 120,0
36,36,108 = 36,108,36 | 10200 = 10,200 ; 10{,}200 ; 10,\!200 ; 10\,200 ; 10\!200 | 10{,}200 = 10,200
10\,000 = 10000 ; 10{,}000 ; 1.0\times10^4 | 10000 = 10\,000 | 1,\!234{,}567 = 1234567
1011_2 = 1011_{2} ; 1011_{\text{two}} ; 1011_\text{two} ; (1011)_2 ; 1011 _ 2 | 2A_{16} = 2A_{\text{sixteen}}
17 = 17_{10} | 1e-30 = 10^{-30} ; 1\times10^{-30} ; 1 \cdot 10^{-30} ; 1E-30
2.45e6 = 2450000 ; 2.45\times 10^6 ; 2{,}450{,}000
\frac13 = 1/3 ; \frac{1}{3} ; \tfrac13 ; \frac{2}{6} ; \frac{-1}{-3} | 7/3 = 2 1/3 ; 2\frac13 ; 2 \frac{1}{3}
2 1/3 = \frac73 | 0.5 = \frac12 ; .5 ; 0.50 ; \dfrac{1}{2}
-\frac12 = -0.5 ; \frac{-1}{2} ; \frac{1}{-2} ; −1/2 | 5 = x=5 ; (5) ; \{5\} ; \text{5 dollars}
(1,2) = (1, 2) ; \left(1,2\right) ; \left( 1, \frac42 \right) ; (1.0,2)
\{1,2\} = \{2,1\} ; \{1, 2, 2\} ; \lbrace 1,2\rbrace ; 1,2 | (0,1] = (0, 1] ; \left(0,1\right]
[1,\infty) = [1, ∞) ; [1,infinity) | (1,2),(3,4) = (3,4),(1,2) ; (3,4)\text{ and }(1,2)
\emptyset = \varnothing ; \{\} ; ∅ ; \{ \} | \mathbb{R} = \mathbb R
10\% = 10% ; 10 \% ; 10 ; 0.1 ; \frac{1}{10} ; 10 percent ; 10\text{ percent} | 50 = 50\% | 0.5 = 50\%
5\text{ cm} = 5 ; 5 cm ; 5\mathrm{~cm} ; 5\text{ cm}^2 | 90^\circ = 90 ; 90° ; 90^{\circ} ; 90\text{ degrees}
\$5 = 5 ; 5 dollars | 2\pi\text{ cm} = 2\pi | 2\sqrt{3} = \sqrt{12} ; 2\sqrt3 ; 2 \cdot \sqrt{3}\text{ units}
12 = \sqrt{144} ; 5!/10 | \frac\pi3 = \frac{\pi}{3} ; \frac{\pi}3 ; \frac13\pi | 10 = \binom52 ; \binom{5}{2}
0.5x = \frac{x}{2} ; \frac12 x ; x/2 | x^2+1 = 1+x^2 | x^2-1 = (x-1)(x+1) | 0 = \sqrt{12}-2\sqrt{3}
1+2i = 2i+1 | y=2x+1 = 2x-y=-1 ; 4x-2y+2=0 ; 2x+1 ; y = 2x + 1 | \frac{x^2}{4}+\frac{y^2}{9}=1 = 9x^2+4y^2=36
x=5 = 5 | x<2 = 2>x ; x<2.0 | 1<x<2 = 2>x>1 | -x>2 = x<-2 | x<1\text{ or }x>2 = x>2 \text{ or } x<1
3\pm\sqrt2 = 3+\sqrt2, 3-\sqrt2 | \text{Evelyn} = Evelyn ; \text{evelyn} ; \mathrm{Evelyn} ; \textbf{Evelyn}
\text{no solution} = no solution | \text{(A)} = A ; (A)
\begin{pmatrix}1\\2\end{pmatrix} = \begin{pmatrix} 1 \\ 2 \end{pmatrix} ; \begin{bmatrix}1\\ 2.0\end{bmatrix}
x \in [1,2] = [1,2]"""
OTHER = r"""12 pi = 12 ; 12 p ; 13\pi | 5 k = 5 ; 5 K ; 5 m ; 6 k ; k ; 5000 | 3 m n = 3 ; 3 m ; 3mp
-9 x = -9 ; 9 x ; -9 y | 8 AM = 8 PM ; 8 ; 8\text{ PM} ; 9 AM ; 8 p.m. ; 8\text{ h}
5\text{ million} = 5 ; 5\text{ billion} ; 6\text{ million} | 5xy = 5 ; 5x | 3 m = 3 | 2 h = 2 | 7 st = 7
5\text{ k} = 5 | 5 = 5 k ; 5\text{ K} ; 5\text{th} ; 5 x ; 5_2 ; 5 million ; 5 6
10,200 = 10200 ; 10{,}200 ; 10,\!200 ; 10,20 ; 10 ; [10,200] ; 10,200,0 | 0,120 = 120 ; 0.120 ; 0 ; 0120
1,080 = 1080 | 36,36,108 = 36,108 ; 36,36,36,108 ; 36,108,108 ; 3636108
10200 = 10 200 ; 10,20,0 ; 102,00 ; (10,200) | 1011_2 = 1011 ; 11 ; 1011_3 ; 1010_2 ; 1011_{22} ; 13_8 ; 1011_x
1011 = 1011_2 ; 1011_{3} | 1921_2 = 1921 ; 1921_3 | 1e-30 = 1e-29 ; 10^{-29} ; 0 ; -1e-30 ; 1-30
10^{-30}\pi = 10^{-29}\pi ; 0 ; 10^{-30} | 10^{-30}x = 10^{-29}x ; 0 | 10^{-30}\sqrt2 = 10^{-29}\sqrt2 ; 0
x=10^{-30} = x=10^{-29} ; x=0 | x<10^{-30} = x<10^{-29} | [10^{-30}\sqrt2,1] = [10^{-29}\sqrt2,1]
10^{30}\pi = 10^{30}\pi+1 ; 1.000000001 \cdot 10^{30}\pi
\begin{pmatrix}10^{-30}\end{pmatrix} = \begin{pmatrix}10^{-29}\end{pmatrix}
\frac13 = 0.333333 ; 0.3333333333333333 ; 0.33 ; 3 | \pi = 3.14159 ; 3.141592653589793 ; 22/7
\sqrt2 = 1.414214 | 0.333333x = \frac{x}{3} | 2\sqrt3 = 3.46410161513775 | 2 1/3 = 21/3 ; 7 ; 2/3 ; 2.33
2\frac13 = \frac23 | (1,2) = \{1,2\} ; [1,2] ; (1,2] ; [1,2) ; (2,1) ; (1,3) ; (1,2,3) ; 12
\{1,2\} = (1,2) ; \{1,3\} ; \{1\} ; [1,2] | (0,1] = (0,1) ; [0,1] ; 0,1
(1,2),(3,4) = (1,2),(4,3) ; (1,4),(3,2) ; (1,2,3,4) | \emptyset = 0 ; \{0\} ; \{\emptyset\}
(0,1)\cup(2,3) = (0,1)\cup(2,4) ; (0,1),(2,3) ; (0,1)\cap(2,3) | 10\% = 100 ; 0.01 ; 1000\% ; 11\%
x = X ; y ; x' ; x_1 ; \mathbf{y} | e = E ; 2.718281828 ; 2.718281828459045 | \Omega = \omega | B = b
a_1 = a_2 ; a | \log_5(3)=1 = \log_3(2)=2 | x^2+121=0 = x^2+18x+86=0 ; x=0 | x=5 = y=5 ; x=6
x<2 = x>2 ; x\le2 ; x<3 | 1<x<2 = 1<x\le2 | \log_2 3 = \log_3 2 | i = -i | 1+i = 1-i | 5^{\text{th}} = 5
5\text{th} = 5 | 5\mathrm{th} = 5 ; 5
72 = 73 answer: $72$ ; 72 \approx 73 ; x \approx 72 ; 7 2 ; 72.0.0 ; "72"3 ; 72?3 | No. a = No. b
local min. $(0,0)$ = local min. $(1,-1)$, saddle pt. $(0,0)$ | 7.\overline{3} = 7.\overline{4} ; 7.3
\text{even} = \text{odd} | \text{no} = \text{on} ; on | \text{Evelyn} = \text{Robert} | \text{(A)} = (B) ; B
\begin{pmatrix}1\\2\end{pmatrix} = \begin{pmatrix}1\\3\end{pmatrix} ; \begin{pmatrix}1&2\end{pmatrix} ; (1,3)
\frac{3}{0} = 0 ; 3"""


def pairs(text):
    rows = [row.strip() for line in text.split("\n") for row in line.split(" | ")]
    return [(gold, a.strip()) for gold, answers in (row.split(" = ", 1) for row in rows) for a in answers.split(" ; ")]


@pytest.mark.parametrize(("gold", "answer"), pairs(SAME))
def test_the_same(gold, answer):
    assert is_same(answer, gold)
    for text in (answer, gold):
        for around in (
            "{}",
            "${}$",
            r"\boxed{{{}}}",
            r"\({}\)",
            "**{}**",
            "{}.",
            " {} ,",
            r"\boxed{{\displaystyle {}}}.",
        ):
            if not (text.endswith(".") and around[-2:] in ("}.", ",", " ,")):
                assert is_same(around.format(text), text)


@pytest.mark.parametrize(("gold", "answer"), pairs(OTHER))
def test_not_the_same(gold, answer):
    assert not is_same(answer, gold)


def test_a_bare_number_in_an_answer_may_have_plain_commas_but_a_gold_may_not():
    assert is_same("1,080", "1080")
    assert not is_same("1080", "1,080")


def test_long_answers_are_compared_as_strings():
    long = "x+" * 100 + "x"
    assert is_same(long, long)
    assert not is_same(long, "101x")


@pytest.mark.parametrize(
    "answer", ["9^{9^{9}}", "9^{9^{9}}+0.5", "x=9^{9^{9}}", "(9.5)^{9^{9^{9}}}", "10^{10^{10^{10}}}"]
)
def test_formulas_without_end_are_wrong(answer, monkeypatch):
    monkeypatch.setattr(algebra, "SECONDS", 1)
    assert not is_same(answer, r"\sqrt{3}")
    assert not is_same(answer, "x=3")


@pytest.mark.parametrize(
    "text", ["", "}", "{", "}}}{{{", "\\", "$", ",", "(,)", r"\frac", r"\boxed{", "(((", "_", "^", r"\text{"]
)
def test_broken_text_is_another_answer(text):
    for gold in ("5", "x", "1,2", "(1,2)", "1011_2", r"2\sqrt3"):
        assert not is_same(text, gold)
        assert not is_same(gold, text)


def nested(opening, end, depth, inner):
    return opening * depth + inner + f",2{end}" * depth


@pytest.mark.parametrize("depth", [3, 15, 19, 100, 10_000])
@pytest.mark.parametrize(("opening", "end"), [(r"\{", r"\}"), ("(", ")"), ("[", "]")])
def test_lists_in_lists_are_compared_at_any_depth(opening, end, depth):
    """A set in a set was compared twice, so that time doubled with every level; deep ones ended in RecursionError."""
    gold = nested(opening, end, depth, "1")
    begun = time.process_time()
    assert is_same(gold, gold)
    assert not is_same(nested(opening, end, depth, "3"), gold)
    assert is_same(nested(opening, end, depth, "1.0"), gold) == (depth < 20)  # deeper ones as they stand
    assert time.process_time() - begun < 4


@pytest.mark.parametrize("depth", [1, 5, 19])
def test_marks_around_an_answer_are_taken_off(depth):
    assert is_same("(" * depth + "5" + ")" * depth, "5")
    assert is_same("5", r"\boxed{" * depth + "5" + "}" * depth)


@pytest.mark.parametrize(
    ("answer", "gold"),
    [("10^{60}+1", "10^{60}"), ("2^{400}-1", "2^{400}"), ("10^{10^{10}}+1", "10^{10^{10}}"), (r"10^{60}+\pi", r"\pi")],
)
def test_constants_that_agree_to_fifty_digits_are_not_the_same(answer, gold):
    assert is_same(gold, gold)
    assert not is_same(answer, gold)
    assert not is_same(gold, answer)
