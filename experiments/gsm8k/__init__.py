"""The language model on GSM8K: data, answers, tokens, model, and what its gradients and curvature are."""
