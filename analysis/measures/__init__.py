"""Measures of a sketched language, a topic a file: functions of numpy arrays that know nothing of logs or options.

N is a number of drawings or games, K of strokes in a drawing, P of control points in a stroke (1 a point, 2 a line, 4 a
cubic Bezier curve). Distances between all of N things come condensed, as scipy has them: [N (N - 1) / 2], the pair
(i, j) with i < j in the order (0, 1), (0, 2), ..., (1, 2), ...
"""
