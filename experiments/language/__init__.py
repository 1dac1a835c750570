"""The language model: a transformer, its problems, how it learns, and what is measured on it."""
