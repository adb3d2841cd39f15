"""Analysis of runs: reads what they have written, and never trains agents."""
