"""What `grpo-curvature prove` can be told: one frozen dataclass, from which the flags are made."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from experiments.flags import check_out

STATEMENTS = (*(f"T{number}" for number in range(21)), "X1", "C6")
METHODS = ("formal", "symbolic", "enclosure", "polynomial")


@dataclass(frozen=True)
class Prove:
    """Check every statement of docs/theory.md by machine.

    Four methods, the strongest first: formal (Coq, down to the axioms of the real numbers), symbolic (exact
    identities, SymPy), enclosure (inequalities over whole boxes of parameters, FLINT's balls), polynomial (real
    polynomial arithmetic, z3). Each statement is printed with its assumptions, what each method covers, the false
    variants that were refused, and what remains on paper; then a table. Exit status: 0 all that was asked for is
    proved, 1 something failed or a prover is not installed, 2 bad input. Coq is a system package: `make prove`
    installs it, and `--methods symbolic enclosure polynomial` does without.
    """

    resumes: ClassVar[bool] = False

    only: tuple[str, ...] | None = None
    """Statements to check, such as T1 T6 X1; all if not given."""
    methods: tuple[str, ...] = METHODS
    """Methods to use, of formal, symbolic, enclosure, polynomial."""
    table: bool = False
    """Print the table alone."""
    out: Path | None = None
    """Folder for report.html and proofs.json (all parts, evidence, Coq's statements and axioms); made if absent."""

    def __post_init__(self) -> None:
        asked = STATEMENTS if self.only is None else self.only
        for flag, values, allowed in (("--only", asked, STATEMENTS), ("--methods", self.methods, METHODS)):
            if not values:
                raise ValueError(f"{flag} is empty; allowed: {', '.join(allowed)}")
            for value in values:
                if value not in allowed:
                    raise ValueError(f"{flag} is {value}; allowed: {', '.join(allowed)}")
        if self.out is not None:
            check_out(self.out)

    def identity(self) -> dict[str, Any]:
        """What is asked for."""
        return {"command": "prove", **{k: v for k, v in asdict(self).items() if k in ("only", "methods")}}
