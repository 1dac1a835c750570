"""Sweeps: every combination of a grid of problems and rules, fast, resumable, on one machine or a cluster."""
