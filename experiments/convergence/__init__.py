"""The convergence theorem held against the simulator: `grpo-curvature reproduce`."""
