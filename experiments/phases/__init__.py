"""The three phases of training: a recipe that shows them, controls without them, and the limits of the reading."""
