"""The exact division by z⁴ in T3's enclosure, against the two sides computed with exponentials."""

from fractions import Fraction

import flint
import pytest

from proofs.enclosure import exact, interval, working_precision
from proofs.improvement_certificate import _increasing_series, _parts


@pytest.mark.parametrize("p", [Fraction(1, 10), Fraction(1, 2), Fraction(93, 100)])
@pytest.mark.parametrize("z", [Fraction(1, 8), 1, 4])
@pytest.mark.parametrize("half_width", [Fraction(1, 2), Fraction(2, 5)])
def test_divided_difference_is_the_difference(p, z, half_width):
    with working_precision():
        pb, zb, h = exact(p), exact(z), exact(half_width)
        F, start, quotient = _parts(pb, zb, _increasing_series(zb, 3), _increasing_series(h * zb, 3), h)
        q, e = 1 - pb, zb.exp()
        den = pb * e + q
        remainder = pb * e / den - pb - pb * q * zb
        psi = (h * zb).exp() - 1 - h * zb
        difference = pb * q * psi**2 - remainder**2
        assert abs(difference - pb * q * zb**4 * F / den**2) < 1e-25
        assert F.overlaps(start + zb * quotient)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_series_encloses_its_values_over_an_interval(k):
    def closed_form(z: flint.arb) -> flint.arb:
        return (z.exp() - sum(z**n / flint.arb(n).fac() for n in range(k))) / z**k

    with working_precision():
        enclosure = _increasing_series(interval(Fraction(1, 4), 4), k)
        for z in (Fraction(1, 4), 1, Fraction(7, 2), 4):
            assert enclosure.overlaps(closed_form(exact(z)))
            assert _increasing_series(exact(z), k).rad() < 1e-20
        assert _increasing_series(interval(0, Fraction(1, 8)), k).contains(1 / flint.arb(k).fac())
