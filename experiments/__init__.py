"""Sweeps over settings and seeds, and the papers' tables as sweeps."""
