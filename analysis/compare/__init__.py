"""`commgame.py compare`: compares settings over seeds: a table, paired tests, figures and a page.

The functions return plain data:

from learning_to_draw.analysis.compare.settings import read_settings
for setting in read_settings(["runs/lines"]):
    print(setting.label, setting.rates)
"""
