"""Machine-checked proofs of the statements T0–T20, X1 and C6 of docs/theory.md: one file a statement.

`proofs.theorems.THEOREMS` holds them, `grpo-curvature prove` checks them. Nothing is imported here: the provers take a
second to load.
"""
