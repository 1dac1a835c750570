"""`grpo-curvature logs`: what trainers wrote of their rollouts, read into one record, audited and reported."""
