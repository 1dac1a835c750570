"""What the speed of this project is, as ratios to plain code and to this machine's limits: `python -m benchmarks`."""
