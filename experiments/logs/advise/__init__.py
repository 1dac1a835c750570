"""`grpo-curvature advise`: one sentence about the reader's own run, with its reasons and limits, or none."""
