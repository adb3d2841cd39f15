"""`commgame.py compare`: compares settings over seeds, with a table, paired tests, figures and a page.

A setting is a set of options; its runs differ only in their seeds. `read_settings` returns the settings of runs:

from learning_to_draw.analysis.compare.settings import read_settings
for setting in read_settings(["runs/lines"]):
    print(setting.label, setting.rates)
"""
