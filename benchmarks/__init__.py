"""How fast, and how much memory: programs that measure and print one JSON line a case. See README.md beside this."""
