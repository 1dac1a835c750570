"""The checker behind jaxtyping's annotations in tests: beartype, which takes an int where a float is asked for."""

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
