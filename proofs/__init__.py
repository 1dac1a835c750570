"""Machine-checked proofs. None yet: until they land, docs/theory.md proves on paper and tests/ check numerically."""
