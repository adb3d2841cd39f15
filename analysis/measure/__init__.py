"""`commgame.py measure`: what the measures of `analysis.measures` say of game logs, as a table."""
