"""What the model is asked: rows, answers, tokens, tasks."""
