"""`commgame.py play`: a person plays with a trained pair, as sender or as receiver, in a web page."""
