"""Analysis of finished runs: reads what runs have written, and never trains."""
