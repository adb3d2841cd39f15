"""`commgame.py report`: shows a run as one web page."""
