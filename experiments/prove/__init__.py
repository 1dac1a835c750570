"""`grpo-curvature prove`: every statement put to the machines that check it."""
