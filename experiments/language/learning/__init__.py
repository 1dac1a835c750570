"""How parameters change: objectives, optimisers, learners, checkpoints."""
