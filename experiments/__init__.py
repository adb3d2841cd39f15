"""Trains and tests the paper's tables again."""
