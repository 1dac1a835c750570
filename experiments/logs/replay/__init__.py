"""The reader's run in the simulator: their pass rates and group size, with the overlap of prompts as the unknown."""
