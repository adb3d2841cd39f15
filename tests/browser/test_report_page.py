"""The report in a browser: what it shows of a run, its filters and charts, at a desk's and at a phone's width.

`browse` fails a test in which the page complains or asks for anything beside itself.
"""

import json

import numpy as np
import pytest
from PIL import Image

from learning_to_draw.analysis.report.report import report

pytestmark = pytest.mark.slow

NASTY = "<script>alert(1)</script>"
CLASSES = ["ant", "bee", NASTY]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
DESK = {"viewport": {"width": 1280, "height": 800}}


def flat(level, side=16):
    return np.full((side, side, 3), level, dtype=np.uint8)


def write_log(folder, games, classes=True):
    """games: (guess, target) among three candidates, one of each class; classes: as this program's logs have them."""
    for kind in ("sketch-images", "target-images"):
        (folder / kind).mkdir(parents=True)
    pool = [f"target-images/{number}.png" for number in range(3)]
    for number, name in enumerate(pool):
        Image.fromarray(flat(60 * number)).save(folder / name)
    Image.fromarray(flat(255)).save(folder / "sketch-images" / "0.png")
    rows, lines = [], []
    for number, (guess, target) in enumerate(games):
        row = {"reciever_guess": guess, "reciever_guess_correct": guess == target, "sketch": "sketch-images/0.png"}
        rows.append(row | {"correct_image": target, "images": pool})
        line = {"format": 1, "game": number, "sender_image": pool[target], "sender_class": CLASSES[target]}
        line |= {"sketch": "sketch-images/0.png", "guess": guess, "target": target}
        line |= {"candidates": pool, "candidate_classes": CLASSES}
        lines.append(line | {"scores": [2.0 if place == guess else 0.5 * place for place in range(3)]})
    (folder / "games.json").write_text(json.dumps(rows))
    if classes:
        (folder / "games.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.fixture
def run(tmp_path):
    """A training of thirty epochs whose last sketches are there, with a log of 40 games: 30 of ants, all won, 6 of
    bees, 2 of them won, and 4 of a class with a nasty name, none won."""
    folder = tmp_path / "a run"
    folder.mkdir()
    options = {"dataset": "Insects", "object_oriented": "same", "num_targets": 3, "encoder": "E" * 60, "epochs": 30}
    config = {"command": "train", "arguments": ["commgame.py", "train", "--output", "x" * 300], "options": options}
    (folder / "config.json").write_text(json.dumps(config | {"sources": {"dataset": "command line"}}))
    rows = [f"{n},{0.1 / (n + 1)},{2 / (n + 1)},{n / 40},{3 / (n + 1)},{n / 50}" for n in range(30)]
    (folder / "log.csv").write_text("epoch,lr,loss,commrate,val_loss,val_commrate\n" + "\n".join(rows) + "\n")
    tiles = np.zeros((20, 38, 3), dtype=np.uint8)
    tiles[2:18, 2:18], tiles[2:18, 20:36] = 90, 200
    for name in ("val_samples.png", *(f"val_reconstruction_samples_{epoch:02d}.png" for epoch in range(30))):
        Image.fromarray(tiles).save(folder / name)
    games = [(0, 0)] * 30 + [(1, 1)] * 2 + [(0, 1)] * 4 + [(1, 2)] * 4
    write_log(folder / "gamelogs", games)
    report(folder, (), None, 200, 1)
    return folder


def shown(page):
    """(class, verdict) of every game that is shown."""
    return [
        (card.get_attribute("data-class"), card.get_attribute("data-verdict")) for card in page.locator(".game").all()
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_the_page_fits_the_screen(run, browse, size, scheme):
    page = browse(run / "report.html", color_scheme=scheme, reduced_motion="reduce", **size)
    width = size["viewport"]["width"]
    page.locator("summary").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    titles = page.locator("h2:not(.label)").all_inner_texts()
    assert titles == ["Learning curves", "Sketches over the epochs", "Games", "Options, versions, command"]
    page.locator("nav a", has_text="Games").click()
    assert page.locator("#games").evaluate("node => Math.abs(node.getBoundingClientRect().top) < 100")
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, paper.strip("rgb()").split(","))) < 300) == (scheme == "dark")
    # Everything that is wider than the screen can be moved sideways by keyboard, too.
    assert page.evaluate(
        "[...document.querySelectorAll('.scroll')].every(node => node.tabIndex === 0 && node.ariaLabel)"
    )


def test_games_by_class_and_verdict(run, browse):
    page = browse(run / "report.html", **DESK)
    status, select = page.get_by_role("status"), page.get_by_label("Class of the target")
    assert status.inner_text() == "40 games"
    assert len(shown(page)) == 24
    page.get_by_role("button", name="Show 16 more of 16").click()
    assert len(shown(page)) == 40
    assert page.locator(".more").is_hidden()

    select.select_option(label="bee (6)")
    assert shown(page) == [("bee", "right")] * 2 + [("bee", "wrong")] * 4
    assert status.inner_text() == "6 of 40 games"
    page.get_by_label("wrong (8)").check()
    assert shown(page) == [("bee", "wrong")] * 4
    select.select_option(label="all classes (40)")
    assert shown(page) == [("bee", "wrong")] * 4 + [(NASTY, "wrong")] * 4
    select.select_option(label=f"{NASTY} (4)")
    assert shown(page) == [(NASTY, "wrong")] * 4
    page.get_by_label("right (32)").check()
    assert shown(page) == []
    assert status.inner_text() == "0 of 40 games"


def test_filters_by_keyboard(run, browse):
    page = browse(run / "report.html", **DESK)
    page.get_by_label("all", exact=True).focus()
    page.keyboard.press("ArrowRight")
    assert {verdict for _, verdict in shown(page)} == {"right"}
    page.keyboard.press("ArrowRight")
    assert {verdict for _, verdict in shown(page)} == {"wrong"}


def test_a_game_shows_what_the_receiver_thought(run, browse):
    page = browse(run / "report.html", **DESK)
    page.get_by_label("Class of the target").select_option(label="bee (6)")
    page.get_by_label("wrong (8)").check()
    card = page.locator(".game").first
    assert card.locator("figcaption").all_inner_texts() == ["photo: bee", "sketch"]
    guesses = [text.split() for text in card.locator("li").all_inner_texts()]
    assert guesses == [["1.", "ant", "guess", "2.000"], ["2.", NASTY, "1.000"], ["3.", "bee", "target", "0.5000"]]
    assert card.locator("img").first.evaluate("image => image.complete && image.naturalWidth") == 16


def test_names_are_text_and_pictures_have_their_alt(run, browse):
    page = browse(run / "report.html", **DESK)
    assert page.get_by_role("rowheader", name=NASTY, exact=True).count() == 2  # in both tables of classes
    assert page.locator("script").count() == 2  # the content and the program: none that a name has brought
    assert page.evaluate("[...document.images].every(image => image.alt && image.complete && image.naturalWidth)")


def test_rates_are_sorted_worst_first_and_by_any_column(run, browse):
    page = browse(run / "report.html", **DESK)

    def names():
        return page.locator(".rates tbody th").all_inner_texts()

    assert names() == [NASTY, "bee", "ant"]
    page.get_by_role("button", name="class", exact=True).click()
    assert names() == [NASTY, "ant", "bee"]
    page.get_by_role("button", name="class", exact=True).click()
    assert names() == ["bee", "ant", NASTY]
    page.get_by_role("button", name="games", exact=True).click()
    assert names() == [NASTY, "bee", "ant"]
    head = page.get_by_role("columnheader", name="games", exact=True).first
    assert head.get_attribute("aria-sort") == "ascending"
    row = page.locator(".rates tbody tr").nth(1).locator("td").all_inner_texts()
    assert row[:3] == ["6", "2", "33.3\u00a0%"]


def test_the_matrix_counts_games(run, browse):
    page = browse(run / "report.html", **DESK)
    cells = [row.locator("td").all_inner_texts() for row in page.locator(".matrix tbody tr").all()]
    heads = page.locator(".matrix thead th div").all_inner_texts()
    counted = {
        (target, guess): cell
        for target, row in zip(page.locator(".matrix tbody th").all_inner_texts(), cells, strict=True)
        for guess, cell in zip(heads, row, strict=True)
        if cell
    }
    assert counted == {("ant", "ant"): "30", ("bee", "bee"): "2", ("bee", "ant"): "4", (NASTY, "bee"): "4"}


def test_a_chart_tells_its_values(run, browse):
    page = browse(run / "report.html", **DESK)
    plot = page.get_by_role("slider", name="Communication rate: epoch")
    tip = plot.locator(".tip")
    assert tip.is_hidden()
    box = plot.bounding_box()
    plot.hover(position={"x": 51, "y": box["height"] / 2})
    assert tip.inner_text().split("\n") == ["epoch 1", "training 0.0\u00a0%", "validation 0.0\u00a0%"]
    plot.hover(position={"x": box["width"] - 11, "y": box["height"] / 2})
    assert tip.bounding_box()["height"] < 100
    assert tip.inner_text().split("\n") == ["epoch 30", "training 72.5\u00a0%", "validation 58.0\u00a0%"]
    plot.focus()
    plot.press("ArrowLeft")
    assert plot.get_attribute("aria-valuenow") == "29"
    assert plot.get_attribute("aria-valuetext") == "epoch 29: training 70.0\u00a0%, validation 56.0\u00a0%"
    assert page.locator(".chart", has_text="Communication rate").get_by_text("chance 33.3").is_visible()
    assert page.locator(".chart", has_text="learning rate").locator("path.line").first.is_visible()


def test_a_line_is_where_its_values_are(run, browse):
    page = browse(run / "report.html", **DESK)
    plot = page.get_by_role("slider", name="Communication rate: epoch")
    lines = plot.locator("path.line").evaluate_all("paths => paths.map(path => path.getAttribute('d'))")
    points = [[tuple(map(float, pair.split())) for pair in line[1:].split("L")] for line in lines]
    height = {text: plot.get_by_text(text, exact=True).get_attribute("y") for text in ("0\u00a0%", "100\u00a0%")}
    bottom, top = (float(height[text]) - 4 for text in ("0\u00a0%", "100\u00a0%"))
    for line, scale in zip(points, (40, 50), strict=True):
        assert len(line) == 30
        rates = [(bottom - y) / (bottom - top) for _, y in line]
        assert rates == pytest.approx([epoch / scale for epoch in range(30)], abs=1e-3)
        steps = np.diff([x for x, _ in line])
        assert steps == pytest.approx([steps[0]] * 29, abs=0.02)


def test_sketches_are_a_row_a_photo(run, browse):
    page = browse(run / "report.html", **PHONE)
    table = page.locator(".epochs")
    assert table.locator("thead th").count() == 1 + 12
    assert [row.locator("img").count() for row in table.locator("tbody tr").all()] == [13, 13]
    scrolled = page.get_by_role("region", name="Sketches over the epochs").last
    photo = table.locator("tbody th").first
    before = photo.bounding_box()["x"]
    scrolled.evaluate("node => node.scrollLeft = node.scrollWidth")
    assert scrolled.evaluate("node => node.scrollLeft") > 100
    assert photo.bounding_box()["x"] == pytest.approx(before, abs=1)  # the photo stays beside its sketches


def test_a_log_without_classes_says_so(tmp_path, browse):
    folder = tmp_path / "official"
    write_log(folder / "gamelogs", [(0, 0), (1, 0), (2, 2)], classes=False)
    (folder / "eval_cmd.txt").write_text("commgame.py eval --dataset STL10")
    report(folder, (), None, 200, 1)
    page = browse(folder / "report.html", **PHONE)
    assert page.locator("h2:not(.label)").all_inner_texts() == ["Games", "Options, versions, command"]
    assert page.get_by_text("does not say which class").is_visible()
    assert page.get_by_text("There is no config.json").is_visible()
    assert page.locator("select").count() == 0
    page.get_by_label("wrong (1)").check()
    assert [text.split() for text in page.locator(".game li").all_inner_texts()] == [["guess"], ["target"]]
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_a_run_that_has_just_begun(tmp_path, browse):
    (tmp_path / "config.json").write_text(json.dumps({"command": "train", "options": {"dataset": "Digits"}}))
    report(tmp_path, (), None, 200, 1)
    page = browse(tmp_path / "report.html", **DESK)
    assert page.get_by_text("No epoch is in log.csv yet").is_visible()
    assert page.get_by_text("still running, or stopped early").is_visible()
    assert page.locator("svg").count() == 0
    # One epoch is a point, not a line.
    (tmp_path / "log.csv").write_text("epoch,loss,commrate,val_loss,val_commrate\n0,1,0.5,,0.25\n")
    report(tmp_path, (), None, 200, 1)
    page = browse(tmp_path / "report.html", **DESK)
    assert page.get_by_role("slider", name="Communication rate: epoch").locator("circle").count() == 2
    assert page.get_by_role("slider", name="Loss: epoch").locator("circle").count() == 1
