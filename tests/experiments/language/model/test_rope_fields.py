"""Spellings of one stretch read alike; everything else refused by the field's name."""

import re

import pytest

from experiments.language.model.rope import Linear, Llama3
from experiments.language.model.rope_fields import KINDS, read_stretch, write_stretch

VALUES = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
LLAMA3 = {"rope_type": "llama3", **VALUES}
FOUND = Llama3(**VALUES)


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ({}, None),
        ({"rope_scaling": None, "rope_parameters": None}, None),
        ({"rope_scaling": {}}, None),
        ({"rope_parameters": {"rope_theta": 5e5}}, None),
        ({"rope_scaling": {"rope_type": "default", "factor": 1.0}}, None),
        ({"rope_scaling": {"type": "default"}}, None),
        ({"rope_scaling": LLAMA3}, FOUND),
        ({"rope_parameters": LLAMA3 | {"rope_theta": 5e5}}, FOUND),
        ({"rope_scaling": {"type": "llama3", **VALUES}}, FOUND),
        ({"rope_scaling": LLAMA3 | {"type": "llama3"}}, FOUND),  # some files hold both names
        ({"rope_scaling": LLAMA3 | {"factor": 8}, "rope_parameters": LLAMA3 | {"rope_theta": 5e5}}, FOUND),
        ({"rope_scaling": {}, "rope_parameters": LLAMA3}, FOUND),
        ({"rope_scaling": LLAMA3, "original_max_position_embeddings": 8192}, FOUND),
        ({"rope_scaling": {"rope_type": "linear", "factor": 2.0}}, Linear(2.0)),
        ({"rope_scaling": {"type": "linear", "factor": 2}}, Linear(2.0)),
    ],
)
def test_spellings(config, found):
    assert read_stretch(config) == found
    assert read_stretch({**config, **write_stretch(found, 5e5)}) == found


ALL = f"allowed: {', '.join(map(repr, KINDS))}"


@pytest.mark.parametrize("field", ["rope_scaling", "rope_parameters"])
@pytest.mark.parametrize(
    ("table", "text"),
    [
        *(
            ({"rope_type": kind, "factor": 2.0}, f".rope_type is {kind!r}; {ALL}")
            for kind in ("yarn", "dynamic", "longrope", "su", "Llama3", "", None, True, 3)
        ),
        ({"type": "yarn"}, f".rope_type is 'yarn'; {ALL}"),
        (LLAMA3 | {"type": "linear"}, f".rope_type is 'llama3' and type 'linear'; {ALL}"),
        ({"factor": 8.0}, ".factor is 8.0; allowed: none, with rope_type 'default'"),
        ({"rope_type": "linear"}, " of rope_type 'linear' lacks factor; allowed: factor, all"),
        *(
            ({k: v for k, v in LLAMA3.items() if k != name}, f" of rope_type 'llama3' lacks {name}; allowed: factor, l")
            for name in VALUES
        ),
        (LLAMA3 | {"factor": 0.5}, ".factor is 0.5; allowed: numbers of at least 1"),
        *(
            (LLAMA3 | {name: bad}, f".{name} is {bad!r}; allowed: a number")
            for name in ("factor", "low_freq_factor", "high_freq_factor")
            for bad in (True, "8", None)
        ),
        *(
            (LLAMA3 | {"original_max_position_embeddings": bad}, f"embeddings is {bad!r}; allowed: an integer")
            for bad in (True, "8192", None, 8192.0, 8192.5)
        ),
        (LLAMA3 | {"high_freq_factor": 1}, ".high_freq_factor is 1; allowed: numbers above low_freq_factor"),
        (
            LLAMA3 | {"original_max_position_embeddings": 0},
            ".original_max_position_embeddings is 0; allowed: an integer",
        ),
        (LLAMA3 | {"partial_rotary_factor": 0.5}, ".partial_rotary_factor is 0.5; allowed: 1.0"),
        ({"full_attention": LLAMA3}, ".full_attention is {'rope_type': 'llama3'"),
        ({"rope_type": ["llama3"]}, ".rope_type is ['llama3']; allowed: one table for all layers"),
        *((bad, f" is {bad!r}; allowed: null, or a table") for bad in (3, "llama3", [], False)),
    ],
)
def test_tables_that_are_refused(field, table, text):
    with pytest.raises(ValueError, match=rf"^{field}.*{re.escape(text)}"):
        read_stretch({field: table})


@pytest.mark.parametrize("scaling", [LLAMA3, {"rope_type": "default"}, {"type": "linear", "factor": 8.0}])
def test_two_tables_that_differ_are_refused(scaling):
    with pytest.raises(ValueError, match=r"rope_scaling is {.*}; allowed: what rope_parameters says, or null"):
        read_stretch({"rope_scaling": scaling, "rope_parameters": LLAMA3 | {"factor": 4.0}})


def test_a_length_outside_the_table_must_be_the_one_inside():
    with pytest.raises(
        ValueError, match=r"^original_max_position_embeddings is 4096; allowed: rope_scaling's, 8192, or"
    ):
        read_stretch({"rope_scaling": LLAMA3, "original_max_position_embeddings": 4096})
