"""Benchmarks of time and memory. README.md in this folder describes them."""
