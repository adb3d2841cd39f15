"""Who meets whom in a population."""

import pytest
import torch

from learning_to_draw.errors import UsageError
from learning_to_draw.games.partners import Partners, as_lines, meeting_weights


def test_random_partners_are_everyone():
    assert torch.equal(meeting_weights("random", 2, 3), torch.ones(2, 3, dtype=torch.float64))


@pytest.mark.parametrize(
    ("senders", "receivers", "expected"),
    [
        (3, 3, [[1, 1, 0], [0, 1, 1], [1, 0, 1]]),
        (2, 3, [[1, 1, 1], [0, 1, 1]]),  # sender 0 is the partner of receivers 0 and 2, whose neighbours are 1 and 0
        (1, 1, [[1]]),
    ],
)
def test_in_a_ring_everyone_meets_the_partner_and_the_neighbour(senders, receivers, expected):
    assert meeting_weights("ring", senders, receivers).tolist() == expected


@pytest.mark.parametrize(
    ("senders", "receivers", "expected"),
    [(2, 2, [[1, 0], [0, 1]]), (3, 2, [[1, 0], [0, 1], [1, 0]]), (1, 3, [[1, 1, 1]])],
)
def test_fixed_partners_are_separate_pairs(senders, receivers, expected):
    assert meeting_weights("fixed", senders, receivers).tolist() == expected


def test_a_file_says_how_often_they_meet(tmp_path):
    path = tmp_path / "partners.csv"
    path.write_text("1, 0.5, 0\n\n0,3,1e-1\n")
    assert meeting_weights(str(path), 2, 3).tolist() == [[1, 0.5, 0], [0, 3, 0.1]]
    assert as_lines(path) == "1.0,0.5,0.0;0.0,3.0,0.1;"
    assert torch.equal(meeting_weights(as_lines(path), 2, 3), meeting_weights(str(path), 2, 3))
    path.write_text("1,2\n")
    assert meeting_weights(as_lines(path), 1, 2).tolist() == [[1, 2]]
    with pytest.raises(UsageError, match=r"cannot be read: could not convert"):
        meeting_weights("1,x;2,1", 2, 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2\n", r"needs 2 x 2 numbers \(senders x receivers\), but has this many per line: 2\."),
        ("\n", "but is empty"),
        ("1,2\n1\n", "has this many per line: 2, 1"),
        ("1,x\n1,1\n", "cannot be read"),
        ("1,-1\n1,1\n", "below 0"),
        ("1,nan\n1,1\n", "not finite"),
        ("0,0\n1,1\n", "sender 0 would never play"),
        ("1,0\n1,0\n", "receiver 1 would never play"),
    ],
)
def test_a_file_that_does_not_fit_is_an_error(tmp_path, text, message):
    path = tmp_path / "partners.csv"
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        meeting_weights(str(path), 2, 2)


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(UsageError, match=r"Give random, ring, fixed, or a file"):
        meeting_weights(str(tmp_path / "partners.csv"), 2, 2)


def test_meetings_are_drawn_as_often_as_their_weights_say():
    weights = torch.tensor([[1.0, 0, 2], [3, 4, 0]], dtype=torch.float64)
    partners = Partners(weights, torch.Generator().manual_seed(0))
    counts = torch.zeros(2, 3)
    for _ in range(5000):
        counts[partners.draw()] += 1
    expected = weights / 10
    deviation = (expected * (1 - expected) / 5000).sqrt()  # of a binomial share
    assert ((counts / 5000 - expected).abs() <= 4 * deviation).all()
