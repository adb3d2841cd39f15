"""`commgame.py report`: what a run has left behind, as one web page."""
