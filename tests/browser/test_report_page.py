"""The report in a browser: what it shows of a run, its filters and charts, at a desk's and at a phone's width.

`browse` fails a test in which the page complains or asks for anything beside itself.
"""

import io
import json
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from learning_to_draw.analysis.report.report import report
from learning_to_draw.trials.records.gamelog import read_log

pytestmark = pytest.mark.slow

NASTY = "<script>alert(1)</script>"
CLASSES = ["ant", "bee", NASTY]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
DESK = {"viewport": {"width": 1280, "height": 800}}


def flat(level, side=16):
    return np.full((side, side, 3), level, dtype=np.uint8)


def write_strokes(path, count, level):
    """Eight lines of `count` sketches, all from the centre to (level, level)."""
    points = np.zeros((count, 8, 2, 2), np.float32)
    points[:, :, 1] = level
    np.savez(path, points=points, sigma2=0.01)


def write_log(folder, games, classes=True):
    """games: (guess, target) among three candidates, one of each class; classes: as this program's logs have them."""
    for kind in ("sketch-images", "target-images"):
        (folder / kind).mkdir(parents=True)
    pool = [f"target-images/{number}.png" for number in range(3)]
    for number, name in enumerate(pool):
        Image.fromarray(flat(60 * number)).save(folder / name)
    for number in range(12):
        Image.fromarray(flat(255 - number)).save(folder / "sketch-images" / f"{number}.png")
    rows, lines = [], []
    for number, (guess, target) in enumerate(games):
        sketch = f"sketch-images/{number % 12}.png"
        row = {"reciever_guess": guess, "reciever_guess_correct": guess == target, "sketch": sketch}
        rows.append(row | {"correct_image": target, "images": pool})
        line = {"format": 1, "game": number, "sender_image": pool[target], "sender_class": CLASSES[target]}
        line |= {"sketch": sketch, "guess": guess, "target": target}
        line |= {"candidates": pool, "candidate_classes": CLASSES}
        lines.append(line | {"scores": [2.0 if place == guess else 0.5 * place for place in range(3)]})
    (folder / "games.json").write_text(json.dumps(rows))
    if classes:
        (folder / "games.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.fixture
def run(tmp_path):
    """A training of thirty epochs with strokes of two photos, with a log of 40 games: 30 of ants, all won, 6 of
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
    Image.fromarray(tiles).save(folder / "val_samples.png")
    for epoch in range(30):
        write_strokes(folder / f"val_strokes_{epoch:02d}.npz", 2, epoch / 30)
    games = [(0, 0)] * 30 + [(1, 1)] * 2 + [(0, 1)] * 4 + [(1, 2)] * 4
    write_log(folder / "gamelogs", games)
    write_strokes(folder / "gamelogs" / "strokes.npz", len(games), 0.5)
    photos = [f"target-images/photo-{number}.png" for number in range(40)]  # forty photos, for the map
    lines = [json.loads(line) for line in (folder / "gamelogs" / "games.jsonl").read_text().splitlines()]
    for number, (line, photo) in enumerate(zip(lines, photos, strict=True)):
        line["sender_image"] = photo
        Image.fromarray(flat(number)).save(folder / "gamelogs" / photo)
    (folder / "gamelogs" / "games.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "gamelogs" / "card.json").write_text('{"image_size": 16}')
    lost = {"rows": [], "lost": [0.1 * stroke for stroke in range(8)]}
    measured = {"digest": read_log(folder).digest(), "measures": {"erasure": lost}}
    (folder / "erasure.json").write_text(json.dumps({"logs": [measured]}))
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
    views = ["Games", "Lexicon of classes", "Roles of strokes", "Map of sketches"]
    assert titles == ["Learning curves", "Sketches over the epochs", *views, "Options, versions, command"]
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
    status, select = page.locator("#games").get_by_role("status"), page.get_by_label("Class of the target")
    assert status.inner_text() == "40 games"
    assert [verdict for _, verdict in shown(page)] == ["wrong"] * 8 + ["right"] * 16  # wrong ones first
    page.get_by_role("button", name="Show 16 more of 16").click()
    assert [verdict for _, verdict in shown(page)] == ["wrong"] * 8 + ["right"] * 32
    assert page.locator("#games .more").is_hidden()

    select.select_option(label="bee (6)")
    assert shown(page) == [("bee", "wrong")] * 4 + [("bee", "right")] * 2
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
    assert {verdict for _, verdict in shown(page)} == {"wrong"}
    page.keyboard.press("ArrowRight")
    assert {verdict for _, verdict in shown(page)} == {"right"}


def test_a_game_shows_what_the_receiver_thought(run, browse):
    page = browse(run / "report.html", **DESK)
    page.get_by_label("Class of the target").select_option(label="bee (6)")
    page.get_by_label("wrong (8)").check()
    card = page.locator(".game").first
    assert card.locator("figcaption").all_inner_texts() == ["photo: bee", "sketch"]
    guesses = [text.split() for text in card.locator("li").all_inner_texts()]
    # Scores 2, 1 and 0.5: 1 / (1 + e^-1 + e^-1.5) is 0.6285.
    assert guesses == [
        ["1.", "ant", "guess", "62.9", "%"],
        ["2.", NASTY, "23.1", "%"],
        ["3.", "bee", "target", "14.0", "%"],
    ]
    assert page.get_by_text("the softmax of the receiver's scores").is_visible()
    assert card.locator("img").first.evaluate("image => image.complete && image.naturalWidth") == 16


def test_names_are_text_and_pictures_have_their_alt(run, browse):
    page = browse(run / "report.html", **DESK)
    assert page.get_by_role("rowheader", name=NASTY, exact=True).count() == 1
    assert page.locator(".lexicon header b", has_text=NASTY).count() == 1
    assert page.locator("script").count() == 2  # the content and the program: none that a name has brought
    assert page.evaluate("[...document.images].every(image => image.alt && image.complete && image.naturalWidth)")


def test_the_lexicon_is_sorted_by_rate_or_by_name(run, browse):
    page = browse(run / "report.html", **DESK)

    def names():
        return page.locator(".lexicon header b").all_inner_texts()

    assert names() == [NASTY, "bee", "ant"]
    page.get_by_label("highest rate").check()
    assert names() == ["ant", "bee", NASTY]
    page.get_by_label("highest rate").press("ArrowRight")
    assert names() == [NASTY, "ant", "bee"]
    bee = page.locator(".lexicon li").last
    assert bee.locator("header span").inner_text() == "33.3\u00a0%"
    assert "2 of 6 games, 95 % interval 9.7 to 70.0\u00a0%; most often taken for ant (4 games)" in bee.inner_text()
    assert bee.locator("img").count() == 5
    sources = bee.locator("img").evaluate_all("images => images.map(image => image.src.split(',')[0])")
    assert sources == ["data:image/webp;base64", *["data:image/svg+xml"] * 4]


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


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_a_slider_goes_through_the_epochs(run, browse, size):
    page = browse(run / "report.html", **size)
    slider = page.get_by_role("slider", name="Epoch", exact=True)

    def ends():
        """Returns the column, -1 to 1, at which the first line of each sketch ends."""
        sources = page.locator(".sketches img:nth-child(2)").evaluate_all("all => all.map(image => image.src)")
        lines = [source.split("%3Cline ")[1] for source in sources]
        return [(float(line.split("x2='")[1].split("'")[0]) - 0.5) / 15 * 2 - 1 for line in lines]

    assert page.locator("output").inner_text() == "epoch 30, communication rate in validation 58.0\u00a0%"
    assert ends() == pytest.approx([29 / 30] * 2, abs=1e-3)  # the last epoch comes first, whole
    assert page.locator(".sketches img").last.bounding_box()["x"] < size["viewport"]["width"] - 50
    slider.focus()
    slider.press("ArrowLeft")
    assert ends() == pytest.approx([28 / 30] * 2, abs=1e-3)
    slider.press("Home")
    assert ends() == pytest.approx([0] * 2, abs=1e-3)
    assert slider.get_attribute("aria-valuetext") == "epoch 1, communication rate in validation 0.0\u00a0%"
    alts = page.locator(".sketches img").evaluate_all("all => all.map(image => image.alt)")
    assert alts == ["photo 1", "sketch of photo 1 in epoch 1", "photo 2", "sketch of photo 2 in epoch 1"]


def test_a_run_without_strokes_shows_its_grids(run, browse):
    for path in run.glob("val_strokes_*"):
        path.unlink()
    for epoch in range(30):
        Image.fromarray(flat(epoch, 20)).save(run / f"val_reconstruction_samples_{epoch:02d}.png")
    report(run, (), None, 200, 1)
    page = browse(run / "report.html", **PHONE)
    assert page.get_by_text("so its grids of sketches are shown as they are").is_visible()
    assert page.get_by_role("slider", name="Epoch", exact=True).get_attribute("max") == "11"
    assert page.locator("output").inner_text().startswith("epoch 30")
    assert page.locator(".sketches img").count() == 2
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_a_panel_says_in_how_many_drawings_its_stroke_is_drawn(run, browse):
    path = run / "gamelogs" / "strokes.npz"
    with np.load(path) as arrays:
        content = dict(arrays)
    content["intensities"] = np.ones((40, 8, 1), np.float32)
    content["intensities"][:, 0] = content["intensities"][:30, 1] = 0  # stroke 0 never, stroke 1 in ten drawings
    np.savez(path, **content)
    report(run, (), run / "gated.html", 200, 1)
    page = browse(run / "gated.html", **DESK)
    panels = page.locator("[data-chart='Roles of strokes'] svg svg")
    assert [panel.locator("path").count() for panel in panels.all()] == [10, *[40] * 6]
    texts = page.locator("[data-chart='Roles of strokes'] .plot > svg > text").all_text_contents()
    assert texts[:4] == ["stroke 1", "\u221210.0\u00a0%", "in 10 drawings", "stroke 2"]
    assert page.get_by_text("1 of 8 strokes are in none of these drawings").is_visible()


def test_roles_and_map_fill_the_width(run, browse):
    for size, columns in ((DESK, 8), (PHONE, 2)):
        page = browse(run / "report.html", **size)
        panels = page.locator("[data-chart='Roles of strokes'] svg svg")
        assert panels.count() == 8
        assert len({panel.bounding_box()["x"] for panel in panels.all()}) == columns
        assert panels.first.locator("path").count() == 40  # all drawings
        lines = panels.first.locator("path").evaluate_all("paths => paths.map(path => path.getAttribute('d'))")
        assert set(lines) == {"M500 500L750 750"}
        paints = panels.locator("g").evaluate_all("all => all.map(group => getComputedStyle(group).stroke)")
        assert len(set(paints)) == 8  # of grey to the strongest colour
        plot = page.locator("[data-chart='Roles of strokes'] .plot > svg")
        assert "\u221270.0\u00a0%" in plot.text_content()
        assert plot.bounding_box()["width"] > size["viewport"]["width"] / 2
        places = page.locator("[data-chart='Map of sketches'] .plot > svg")
        assert places.locator("image").count() + places.locator("circle").count() == 12  # as many sketches differ
        assert set(places.locator("text.name").all_text_contents()) <= set(CLASSES)
        assert page.evaluate("document.documentElement.scrollWidth") == size["viewport"]["width"]


@pytest.mark.parametrize("chart", ["Communication rate", "Roles of strokes", "Map of sketches"])
def test_a_chart_is_saved_as_svg_and_png(run, browse, chart):
    page = browse(run / "report.html", color_scheme="dark", **DESK)
    name = chart.lower().replace(" ", "-")
    with page.expect_download() as saved:
        page.get_by_role("button", name=f"Save {chart} as SVG").click()
    assert saved.value.suggested_filename == f"{name}.svg"
    text = saved.value.path().read_text()
    root = ElementTree.fromstring(text)
    assert "var(" not in text
    assert "color-mix" not in text
    texts = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[0] == chart
    if chart == "Communication rate":
        assert texts[1:4] == ["training", "validation", "chance 33.3\u00a0%"]
    with page.expect_download() as saved:
        page.get_by_role("button", name=f"Save {chart} as PNG").click()
    assert saved.value.suggested_filename == f"{name}.png"
    with Image.open(io.BytesIO(saved.value.path().read_bytes())) as picture:
        assert picture.size == tuple(round(3 * float(root.get(side))) for side in ("width", "height"))
        pixels = np.asarray(picture.convert("RGB"))
    paper = pixels[0, 0]
    assert paper.tolist() == [0x1C, 0x20, 0x24]  # the dark card
    assert (pixels != paper).any(axis=2).mean() > 0.005


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
    assert page.get_by_text("so the roles of strokes are not available").is_visible()
    assert page.get_by_text("too few different sketches for a map").is_visible()
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
