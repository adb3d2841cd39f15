import pytest
import torch

from learning_to_draw.games.scores import correct_guesses, rate_interval


def test_guesses_by_hand_and_ties_go_to_the_first():
    scores = torch.tensor([[0.1, 3.0, 2.0], [5.0, 5.0, 1.0], [5.0, 5.0, 1.0], [-1.0, -2.0, -0.5]])
    assert correct_guesses(scores, torch.tensor([1, 0, 1, 2])).tolist() == [True, True, False, True]


def test_interval_against_published_values():
    # Newcombe (1998), Statistics in Medicine 17, table I, method 3 (score): 81/263, 15/148, 0/20, 1/29.
    for correct, games, low, high in [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ]:
        assert rate_interval(correct, games) == pytest.approx((low, high), abs=5e-5)


def test_interval_is_symmetric_and_narrows():
    low, high = rate_interval(30, 100)
    mirrored = rate_interval(70, 100)
    assert (1 - high, 1 - low) == pytest.approx(mirrored)
    wide = high - low
    low, high = rate_interval(3000, 10000)
    assert (high - low) == pytest.approx(wide / 10, rel=0.05)
    assert rate_interval(10, 10)[1] == 1.0


@pytest.mark.parametrize(("correct", "games"), [(0, 0), (3, 2), (-1, 5)])
def test_impossible_counts(correct, games):
    with pytest.raises(ValueError, match="correct of"):
        rate_interval(correct, games)
