"""A linear probe (Alain & Bengio 2016), which predicts classes from frozen features, and its accuracy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from learning_to_draw.games.scores import rate_interval

DECAY = 1e-3  # the loss contains DECAY / 2 times the sum of squared weights
ITERATIONS = 200  # of L-BFGS, at most
FOLDS = 5
FAINT = 0.1  # see fit_probe


@dataclass(frozen=True)
class Probe:
    """A linear classifier of features [N, D]. mean, scale: float64 [D] of the training features; scale is never 0.
    weights: float32 [D + 1, C]; the last row is the bias."""

    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray

    def scores(self, features: np.ndarray) -> np.ndarray:
        """float32 [N, C]: the logits of features [N, D]."""
        return _standardised(features, self.mean, self.scale) @ self.weights


def fit_probe(features: np.ndarray, labels: np.ndarray, classes: int) -> Probe:
    """Fits softmax regression to features [N, D]. labels: int [N], the class of each row, in 0..classes - 1.

    The loss is the mean cross-entropy plus `DECAY` / 2 times the sum of squared weights, without the biases. It is
    convex, so L-BFGS (Liu & Nocedal 1989) approaches its minimum without a learning rate or a seed: two calls with the
    same features give the same probe. Features are standardised first. A feature that hardly varies is divided by
    `FAINT` times the median standard deviation, not by its own. Otherwise, a small change of this feature in pictures
    of another kind, such as sketches, would be thousands of its standard deviations and dominate all scores.
    """
    mean, deviation = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
    usual = float(np.median(deviation)) or float(deviation.max()) or 1.0
    scale = np.maximum(deviation, FAINT * usual)
    inputs = _standardised(features, mean, scale)
    rows, shape = np.arange(len(labels)), (inputs.shape[1], classes)
    penalised = np.ones((shape[0], 1), dtype=np.float32)
    penalised[-1] = 0

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.astype(np.float32).reshape(shape)
        logits = inputs @ weights
        logits -= logits.max(axis=1, keepdims=True)
        exps = np.exp(logits)
        sums = exps.sum(axis=1, keepdims=True)
        cross_entropy = float((np.log(sums[:, 0]) - logits[rows, labels]).mean(dtype=np.float64))
        errors = exps / sums
        errors[rows, labels] -= 1
        kept = penalised * weights
        gradient = inputs.T @ errors / len(labels) + DECAY * kept
        return cross_entropy + DECAY / 2 * float((kept**2).sum()), gradient.ravel().astype(np.float64)

    start = np.zeros(shape[0] * shape[1])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS})
    return Probe(mean, scale, found.x.astype(np.float32).reshape(shape))


def cross_validated(
    features: np.ndarray, labels: np.ndarray, rng: np.random.Generator, folds: int = FOLDS
) -> np.ndarray:
    """int64 [N]: the class predicted for each row of features [N, D] by a probe that was not fitted to it (Stone 1974).

    labels: int [N] in 0..C - 1. The rows are divided into `folds` parts with the same mix of classes; the probe for a
    part is fitted to the other parts.
    """
    order = rng.permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    part = np.empty(len(labels), dtype=np.int64)
    part[order] = np.arange(len(labels)) % folds
    guesses = np.empty(len(labels), dtype=np.int64)
    for number in np.unique(part):
        held_out = part == number
        probe = fit_probe(features[~held_out], labels[~held_out], int(labels.max()) + 1)
        guesses[held_out] = probe.scores(features[held_out]).argmax(axis=1)
    return guesses


def ranks(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """int64 [N]: how many wrong classes score at least as high as the right one. scores: [N, C]; labels: int [N].

    Rank 0 is a right guess. A picture for which all classes score the same gets rank C - 1.
    """
    own = scores[np.arange(len(labels)), labels]
    return (scores >= own[:, None]).sum(axis=1) - 1


def class_mean(values: np.ndarray, labels: np.ndarray) -> float:
    """The mean of `values` [N] within each class, averaged over the classes with equal weights. labels: [N]."""
    _, places = np.unique(labels, return_inverse=True)
    return float((np.bincount(places, weights=values) / np.bincount(places)).mean())


def class_mean_interval(right: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """(low, high): the 95 % interval of `class_mean(right, labels)`. right: bool [N], one per picture; labels: int [N].

    Wilson's interval (1927) for the effective number of pictures, C^2 / sum(1 / n_c) for C classes of n_c pictures
    (Kish 1965). If classes of equal size have different rates, the interval is wider than necessary. Unlike a bootstrap
    interval, it has a width above 0 even if all pictures are right, or all are wrong.
    """
    _, counts = np.unique(labels, return_counts=True)
    pictures = len(counts) ** 2 / (1 / counts).sum()
    return rate_interval(class_mean(right, labels) * pictures, pictures)


def _standardised(features: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """float32 [N, D + 1]: standardised features, and a column of ones for the bias."""
    values = ((features - mean) / scale).astype(np.float32)
    return np.concatenate([values, np.ones((len(values), 1), dtype=np.float32)], axis=1)
