"""Writes the sketches of a game log as a corpus for other tools."""
