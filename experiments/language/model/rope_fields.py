"""What config.json says of rotary positions, read and written.

    rope_theta, rope_scaling        up to transformers 4; the kind is "type" in the oldest files, "rope_type" later
    rope_parameters                 since 5: both in one table

Files that say it twice must say the same. Independent checks: tests/experiments/language/model/test_rope_fields.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from experiments.language.model.rope import Linear, Llama3, Stretch

KINDS: dict[str, type[Stretch] | None] = {"default": None, "linear": Linear, "llama3": Llama3}
TABLES = ("rope_parameters", "rope_scaling")


def read_stretch(config: Mapping[str, Any]) -> Stretch | None:
    """How positions are stretched; None where they are not.

    Raises:
        ValueError: another kind than of `KINDS`, or what it needs is missing or out of range; heads that turn in part;
            tables of single layers; two tables that differ.
    """
    found = {name: _stretch(name, config[name]) for name in TABLES if config.get(name) not in (None, {})}
    if len(set(found.values())) > 1:
        raise ValueError(f"rope_scaling is {config['rope_scaling']!r}; allowed: what rope_parameters says, or null")
    stretch = next(iter(found.values()), None)
    outside = config.get("original_max_position_embeddings")
    if isinstance(stretch, Llama3) and outside not in (None, stretch.original_max_position_embeddings):
        raise ValueError(
            f"original_max_position_embeddings is {outside!r}; allowed: {next(iter(found))}'s, "
            f"{stretch.original_max_position_embeddings}, or null"
        )
    return stretch


def _stretch(field: str, table: Any) -> Stretch | None:
    if not isinstance(table, dict):
        raise ValueError(f"{field} is {table!r}; allowed: null, or a table with rope_type")
    inner = next((name for name, value in table.items() if isinstance(value, (dict, list))), None)
    if inner is not None:
        raise ValueError(f"{field}.{inner} is {table[inner]!r}; allowed: one table for all layers")
    kind = table.get("rope_type", table.get("type", "default"))
    if kind not in KINDS or table.get("type", kind) != kind:
        other = f" and type {table['type']!r}" if "type" in table and "rope_type" in table else ""
        raise ValueError(f"{field}.rope_type is {kind!r}{other}; allowed: {', '.join(map(repr, KINDS))}")
    if table.get("partial_rotary_factor", 1.0) != 1.0:
        raise ValueError(
            f"{field}.partial_rotary_factor is {table['partial_rotary_factor']!r}; allowed: 1.0, whole heads"
        )
    make = KINDS[kind]
    if make is None:
        if table.get("factor", 1.0) != 1.0:
            raise ValueError(f"{field}.factor is {table['factor']!r}; allowed: none, with rope_type 'default'")
        return None
    names = [each.name for each in fields(make)]
    missing = next((name for name in names if name not in table), None)
    if missing is not None:
        raise ValueError(f"{field} of rope_type {kind!r} lacks {missing}; allowed: {', '.join(names)}, all of them")
    for each in fields(make):
        value = table[each.name]
        if isinstance(value, bool) or not isinstance(value, (int, float) if each.type == "float" else int):
            allowed = "a number" if each.type == "float" else "an integer"
            raise ValueError(f"{field}.{each.name} is {value!r}; allowed: {allowed}")
    try:
        return make(**{name: table[name] for name in names})
    except ValueError as error:
        raise ValueError(f"{field}.{error}") from None


def write_stretch(stretch: Stretch | None, theta: float) -> dict[str, Any]:
    """The fields of config.json, for transformers 4 and 5."""
    if stretch is None:
        return {"rope_theta": theta, "rope_parameters": {"rope_type": "default", "rope_theta": theta}}
    kind = next(name for name, make in KINDS.items() if make is type(stretch))
    table = {"rope_type": kind, **asdict(stretch)}
    return {"rope_theta": theta, "rope_scaling": table, "rope_parameters": {**table, "rope_theta": theta}}
