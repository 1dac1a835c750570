"""What the theory predicts of a language model: criteria, evidence and verdicts, one subject a file, all in `table`."""
