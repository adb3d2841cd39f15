"""`commgame.py compare`: settings x seeds as a table, paired tests, figures and one page.

Each piece returns plain data:

from learning_to_draw.analysis.compare.settings import read_settings
for setting in read_settings(["runs/lines"]):
    print(setting.label, setting.rates)
"""
