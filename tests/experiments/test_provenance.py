"""Where rows come from: what makes two runs the same, and in which words they differ."""

from experiments.provenance import difference, fingerprint, provenance, run_id

CONFIG = {"command": "test", "n": 3}


def test_the_id_depends_on_configuration_inputs_code_and_libraries(monkeypatch) -> None:
    first = run_id(CONFIG)
    assert run_id({"n": 3, "command": "test"}) == first  # the order of keys says nothing
    assert len({first, run_id({**CONFIG, "n": 4}), run_id(CONFIG, b"x")}) == 3
    assert provenance(CONFIG, 5).run_id == first
    with monkeypatch.context() as patch:
        patch.setattr("experiments.provenance.code_digest", lambda: "f" * 64)
        assert run_id(CONFIG) != first
    monkeypatch.setattr("experiments.provenance.versions", lambda: {"jax": "0"})
    assert run_id(CONFIG) != first


def test_the_first_difference_is_told() -> None:
    here = fingerprint()
    assert difference(here, here) is None
    assert difference(here | {"device": "tpu:v9"}, here) == f"device tpu:v9, not {here['device']}"
    light = {k: v for k, v in here.items() if k != "device"}
    assert difference(here | {"device": "tpu:v9"}, light) is None  # not asked
    assert difference(here | {"code_digest": "e" * 64}, here).startswith("other code (digest eeeeeeeeeeee, not ")
    assert difference(here | {"versions": here["versions"] | {"jax": "0.1"}}, here).startswith("jax 0.1, not ")
