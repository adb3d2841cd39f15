"""Reproduces the paper's tables: trains and tests the agents of every row."""
