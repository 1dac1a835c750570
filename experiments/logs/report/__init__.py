"""`grpo-curvature logs report`: what the groups of a log say of rules and group sizes, as tables and pictures."""
