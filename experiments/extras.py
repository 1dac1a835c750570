"""Libraries that one command alone needs: they are extras, and without them that command says what to install."""

from __future__ import annotations

from importlib.util import find_spec

EXTRAS = {
    "prove": {"flint": "python-flint", "sympy": "sympy", "z3": "z3-solver"},
    "gsm8k": {
        "latex2sympy2_extended": "latex2sympy2-extended",
        "math_verify": "math-verify",
        "safetensors": "safetensors",
        "sympy": "sympy",
        "tokenizers": "tokenizers",
    },
}
"""By the name of the extra, which is that of the command: modules, and the distributions that hold them."""


def need(extra: str) -> None:
    """Nothing, if the libraries of an extra can be imported; they are not.

    Raises:
        ValueError: one is not installed.
    """
    missing = [name for module, name in EXTRAS[extra].items() if find_spec(module) is None]
    if missing:
        raise ValueError(
            f"{extra} needs {', '.join(missing)}, not installed here; allowed: after pip install "
            f"'grpo-curvature[{extra}]'"
        )
