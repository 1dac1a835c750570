"""`grpo-curvature logs follow`: a report's numbers while the run goes on, or what its metrics tell without rollouts."""
