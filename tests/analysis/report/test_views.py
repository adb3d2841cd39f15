"""Lexicon, roles of strokes and map of a log whose numbers are worked out by hand; the figures of them."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from learning_to_draw.analysis.report import figures
from learning_to_draw.analysis.report.lexicon import Entry
from learning_to_draw.analysis.report.options import add_report_options
from learning_to_draw.analysis.report.report import report
from learning_to_draw.analysis.report.roles import stroke_roles
from learning_to_draw.errors import UsageError
from learning_to_draw.trials.records.gamelog import read_log
from learning_to_draw.trials.tool import Tool


@pytest.fixture
def drawn(tmp_path, make_scored_log, flat):
    """A log of twelve games of the classes owl and cat, six each, with two lines per sketch. Two owls are lost.

    The sketch of game n has the level 20 n.
    """
    pool, names = [flat(10), flat(20), flat(30)], ["owl", "cat", "owl"]
    targets, guesses = [0, 1] * 6, [0, 1] * 4 + [1, 1, 2, 1]
    games = [
        (guess, target, flat(20 * n), pool) for n, (guess, target) in enumerate(zip(guesses, targets, strict=True))
    ]
    classes = [(names, [float(place == guess) for place in range(3)]) for guess in guesses]
    card = {"image_size": 8, "invert": True, "classes": ["owl", "cat"]}
    folder = make_scored_log(tmp_path / "test" / "gamelogs", games, classes, card)
    lines = [json.loads(line) for line in (folder / "games.jsonl").read_text().splitlines()]
    for n, (line, target) in enumerate(zip(lines, targets, strict=True)):  # six photos, each drawn twice
        line["sender_image"] = f"target-images/{n // 2}.png"
        line["sender_class"] = names[target]
        Image.fromarray(flat(n)).save(folder / line["sender_image"])
    (folder / "games.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    points = np.random.default_rng(0).uniform(-1, 1, (12, 2, 2, 2)).astype(np.float32)
    np.savez(folder / "strokes.npz", points=points, sigma2=0.01)
    return folder


def write_measures(path, lost, log):
    """Writes what `measure --json` writes about the erasure of strokes."""
    content = {"logs": [{"digest": read_log(log).digest(), "measures": {"erasure": {"rows": [], "lost": lost}}}]}
    path.write_text(json.dumps(content))
    return path


def test_the_lexicon_by_hand(drawn, tmp_path, make_report, pixels, lines_of):
    content = make_report(drawn, tmp_path / "page.html")
    owl, cat = content["logs"][0]["classes"]["lexicon"]
    assert [(one["name"], one["right"], one["games"]) for one in (owl, cat)] == [("owl", 4, 6), ("cat", 6, 6)]
    # Game 8 took an owl for the cat; game 10 took it for the other owl, which is no confusion of classes.
    assert (owl["confused"], cat["confused"]) == ({"name": "cat", "games": 1}, None)
    assert (pixels(content, owl["mean"]) == 20 * 5).all()  # of games 0, 2, ..., 10
    assert (pixels(content, cat["mean"]) == 20 * 6).all()
    points = np.load(drawn / "strokes.npz")["points"]
    expected = {number: (points[number, :, :, ::-1].reshape(2, 4) + 1) / 2 * 7 + 0.5 for number in range(12)}
    for one, parity in ((owl, 0), (cat, 1)):
        assert len(set(one["examples"])) == 4
        for place in one["examples"]:
            lines, paper = lines_of(content, place)
            [number] = [number for number in expected if np.allclose(lines, expected[number], atol=1e-3)]
            assert number % 2 == parity
            assert paper == "#fff"


def test_without_strokes_examples_are_pictures_and_there_are_no_roles(drawn, tmp_path, make_report, pixels):
    (drawn / "strokes.npz").unlink()
    content = make_report(drawn, tmp_path / "page.html")
    levels = {int(pixels(content, place)[0, 0, 0]) for place in content["logs"][0]["classes"]["lexicon"][0]["examples"]}
    assert len(levels) == 4
    assert levels <= {0, 40, 80, 120, 160, 200}
    assert content["logs"][0]["roles"] is None


def test_roles_are_one_drawing_of_each_photo(drawn, tmp_path, make_report):
    roles = make_report(drawn, tmp_path / "page.html")["logs"][0]["roles"]
    points = np.load(drawn / "strokes.npz")["points"]
    assert (roles["points"], roles["drawings"], roles["all_strokes"], roles["lost"]) == (2, [6, 6], 2, None)
    for stroke, flat in enumerate(roles["strokes"]):
        places = (np.array(flat).reshape(6, 2, 2) / 1000 * 2 - 1)[:, :, ::-1]  # games 0, 2, ..., 10
        assert places == pytest.approx(points[::2, stroke], abs=1.01e-3)


def test_roles_show_a_stroke_only_where_it_is_drawn(drawn, tmp_path, make_report):
    """Stroke 0 is never drawn, stroke 1 in games 2 and 5, stroke 2 in all games. Games 4 and 5 have the same photo."""
    points = np.random.default_rng(0).uniform(-1, 1, (12, 3, 2, 2)).astype(np.float32)
    intensities = np.ones((12, 3, 1), np.float32)
    intensities[:, :2] = 0
    intensities[[2, 5], 1] = 0.5
    np.savez(drawn / "strokes.npz", points=points, sigma2=0.01, intensities=intensities)
    measures = write_measures(tmp_path / "measures.json", [0.0, 0.25, 0.5], drawn)
    roles = make_report(drawn, tmp_path / "page.html", measures=[measures])["logs"][0]["roles"]
    assert (roles["numbers"], roles["lost"]) == ([1, 2], [0.25, 0.5])
    assert (roles["drawings"], roles["all_strokes"], roles["never_drawn"]) == ([6, 6], 3, 1)
    places = [(np.array(flat).reshape(-1, 2, 2) / 1000 * 2 - 1)[:, :, ::-1] for flat in roles["strokes"]]
    assert places[0] == pytest.approx(points[2:3, 1], abs=1.01e-3)
    assert places[1] == pytest.approx(points[::2, 2], abs=1.01e-3)

    [axes] = figures.plot_roles(stroke_roles(read_log(drawn), [], 0)).axes
    assert [len(panel.get_segments()) for panel in axes.collections] == [1, 6]
    assert [text.get_text() for text in axes.texts] == ["1", "n = 1", "2", "n = 6"]
    intensities[:] = 0
    np.savez(drawn / "strokes.npz", points=points, sigma2=0.01, intensities=intensities)
    assert make_report(drawn, tmp_path / "none.html")["logs"][0]["roles"] is None


def test_erasure_is_found_in_the_folders_of_the_run_or_given(drawn, tmp_path, make_report):
    page, elsewhere = tmp_path / "page.html", tmp_path / "elsewhere.json"
    write_measures(elsewhere, [0.5, -0.25], drawn)
    assert make_report(drawn, page)["logs"][0]["roles"]["lost"] is None
    assert make_report(drawn, page, measures=[elsewhere])["logs"][0]["roles"]["lost"] == [0.5, -0.25]
    write_measures(drawn.parent / "any name.json", [0.125, 0.25], drawn)
    assert make_report(drawn, page)["logs"][0]["roles"]["lost"] == [0.125, 0.25]
    for wrong in ([0.5], ["x", 1], None):
        write_measures(drawn.parent / "any name.json", wrong, drawn)
        assert make_report(drawn, page)["logs"][0]["roles"]["lost"] is None
        write_measures(elsewhere, wrong, drawn)
        with pytest.raises(
            UsageError, match=r"no results of the measure \"erasure\" for the logs.*\n.*--only erasure --json"
        ):
            report(drawn, (), page, 200, 1, [elsewhere])
    elsewhere.write_text("[1]")
    with pytest.raises(UsageError, match=r"elsewhere\.json cannot be read"):
        report(drawn, (), page, 200, 1, [elsewhere])


def test_erasure_of_another_setting_of_a_sweep_is_not_shown(drawn, tmp_path, make_report):
    """Logs of two settings have the same folder names, and the same numbers of games and strokes."""
    both, lost_of = tmp_path / "both.json", {"lines-a": [0.5, 0.0], "lines-b": [0.01, 0.0]}
    logs = {row: tmp_path / "sweep" / row / "seed-0-test" / "gamelogs" for row in lost_of}
    for log in logs.values():
        shutil.copytree(drawn, log)
    lines = [json.loads(line) for line in (drawn / "games.jsonl").read_text().splitlines()]
    lines[0]["scores"] = [score / 2 for score in lines[0]["scores"]]  # another receiver, which guesses the same
    (logs["lines-b"] / "games.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    measured = [json.loads(write_measures(both, lost, logs[row]).read_text()) for row, lost in lost_of.items()]
    both.write_text(json.dumps({"logs": [content["logs"][0] for content in measured]}))
    for row, lost in lost_of.items():
        assert make_report(logs[row], tmp_path / f"{row}.html", measures=[both])["logs"][0]["roles"]["lost"] == lost
    moved, page = tmp_path / "moved-test", tmp_path / "moved.html"
    shutil.move(logs["lines-b"].parent, moved)
    assert make_report(moved, page, measures=[both])["logs"][0]["roles"]["lost"] == [0.01, 0.0]
    write_measures(both, [0.5, 0.0], logs["lines-a"])
    with pytest.raises(UsageError, match="no results of the measure"):
        report(moved, (), page, 200, 1, [both])


def test_a_map_has_similar_sketches_next_to_each_other(tmp_path, make_log, make_report, pixels):
    """Two kinds of sketches, dark above and dark below: each sketch's nearest neighbour is of its kind."""
    rng = np.random.default_rng(0)
    sketches = rng.integers(0, 40, (24, 8, 8), dtype=np.uint8)
    sketches[::2, :4] += 200
    sketches[1::2, 4:] += 200
    pool = [np.full((8, 8), 50 + number, np.uint8) for number in range(24)]
    games = [(0, 0, sketch, [pool[number], pool[number - 1]]) for number, sketch in enumerate(sketches)]
    log = make_log(tmp_path / "log", games)
    content = make_report(log, tmp_path / "page.html")
    shown = content["logs"][0]["map"]["sketches"]
    assert len(shown) == 24
    places = np.array([(one["x"], one["y"]) for one in shown])
    assert (places.min(axis=0), places.max(axis=0)) == (pytest.approx([0, 0]), pytest.approx([1, 1]))
    distances = np.linalg.norm(places[:, None] - places[None], axis=-1) + np.eye(24) * 9
    above = [is_bright_above(pixels(content, one["picture"])) for one in shown]
    assert sum(above) == 12
    assert all(above[number] == above[near] for number, near in enumerate(distances.argmin(axis=1)))
    again = make_report(log, tmp_path / "page.html")["logs"][0]["map"]
    assert again == content["logs"][0]["map"]


def is_bright_above(pixels):
    return bool(pixels[:4].mean() > pixels[4:].mean())


def test_few_sketches_have_no_map(drawn, tmp_path, make_report):
    assert make_report(drawn, tmp_path / "page.html")["logs"][0]["map"] is None  # six photos


def test_figures_for_a_paper(drawn, tmp_path, monkeypatch):
    tool = Tool("analysis.report.report:report", "", "", add_report_options)
    folder = tmp_path / "figures"
    words = [str(drawn), "--output", str(tmp_path / "page.html"), "--figures", str(folder)]
    assert "4 figures written to" in tool.run("report", words)
    names = {"lexicon.pdf", "lexicon.png", "roles.pdf", "roles.png"}
    assert {path.name for path in folder.iterdir()} == {*names, figures.RECORD}
    before = {name: (folder / name).read_bytes() for name in names}
    with Image.open(folder / "roles.png") as picture:
        levels = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    assert (levels != 255).any(axis=1).mean() > 0.005
    tool.run("report", words)
    assert {name: (folder / name).read_bytes() for name in names} == before  # the same bytes again
    (folder / "lexicon.pdf").write_text("mine")
    page = (tmp_path / "page.html").read_bytes()
    with pytest.raises(UsageError, match=r"holds files that .* later: lexicon\.pdf\."):
        tool.run("report", words)
    assert (folder / "lexicon.pdf").read_text() == "mine"
    assert (tmp_path / "page.html").read_bytes() == page

    real = figures.import_optional
    monkeypatch.setattr(figures, "import_optional", lambda module, *rest: real(f"{module}_missing", *rest))
    with pytest.raises(UsageError, match="pip install matplotlib"):
        tool.run("report", [*words[:-1], str(tmp_path / "other")])
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("classes", [12, 40, 60])
def test_words_of_the_lexicon_stay_beside_their_sketches(drawn, classes):
    entries = [
        Entry(f"the {n}th class has a long name", n, 1000, ("another long name", 99), (0, 1, 2, 3))
        for n in range(classes)
    ]
    figure = figures.plot_lexicon(read_log(drawn), entries)
    blocks, width, _ = next(layout for most, *layout in figures.LEXICONS if classes <= most)
    rows = -(-classes // blocks)
    [axes] = figure.axes
    assert len(axes.texts) == classes
    for place, text in enumerate(axes.texts):
        box = text.get_window_extent()
        assert box.x0 / figure.dpi >= place // rows * width / blocks
        assert box.height / figure.dpi <= figures.TILE + figures.GAP


def test_the_more_a_stroke_matters_the_more_orange_it_is():
    grey, orange = figures._between(-0.1, 0.5), figures._between(0.5, 0.5)
    half = figures._between(0.25, 0.5)
    assert np.array(half) == pytest.approx((np.array(grey) + orange) / 2)
    assert figures._between(None, 0.0) == orange
    assert figures._between(0.0, 0.0) == grey  # no erasure costs anything


def test_a_curve_is_bezier_s():
    [line] = figures._polylines(np.array([[[0, 0], [0, 1], [1, 1], [1, 0]]], float))
    assert line[[0, -1]].tolist() == [[0, 0], [1, 0]]
    assert line[figures.BEZIER // 2].tolist() == [0.5, 0.75]
