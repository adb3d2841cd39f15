"""Benchmarks of time and memory. Each program prints one JSON line per case; see README.md in this folder."""
