"""Measures of a sketched language, one topic per file. Most are functions of numpy arrays; none reads a game log.

N is the number of drawings or games, K the number of strokes per drawing, P the number of control points per stroke (1
for a point, 2 for a line, 4 for a cubic Bezier curve). Pairwise distances are condensed, as in scipy: an array
[N (N - 1) / 2] has one distance for each pair (i, j) with i < j, in the order (0, 1), (0, 2), ..., (1, 2), ...
"""
