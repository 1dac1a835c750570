"""Experiments on the simulator: rows first, then figures and reports that read nothing but rows."""
