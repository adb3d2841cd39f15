"""`commgame.py measure`: applies the measures of `analysis.measures` to game logs and prints a table."""
