"""What is measured at a state: exact, from samples, and the finite-group cap."""
