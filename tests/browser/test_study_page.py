"""A study played by a browser: with the mouse, with the keyboard, interrupted, and on a phone."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from learning_to_draw.analysis.study.answers import read_answers
from learning_to_draw.analysis.study.page import study
from learning_to_draw.analysis.study.results import results

pytestmark = pytest.mark.slow

PICTURES = "#candidates[aria-busy=false] button"
CLASSES = "abc"


def write_log(folder, games, side=8, first=0):
    """Writes a log. games: of every game the shades of its candidates.

    In game g the sketch has shade first + g, the target is candidate g % candidates, the agents choose candidate 0;
    classes go a, b, c, a, ... along the candidates.
    """
    photos, sketches = {shade for shades in games for shade in shades}, range(first, first + len(games))
    for name, colours in (("target-images", photos), ("sketch-images", sketches)):
        (folder / name).mkdir(parents=True)
        for shade in colours:
            Image.fromarray(np.full((side, side), shade, dtype=np.uint8)).save(folder / name / f"{shade}.png")
    rows, lines = [], []
    for game, shades in enumerate(games):
        images, target = [f"target-images/{shade}.png" for shade in shades], game % len(shades)
        classes = [CLASSES[candidate % 3] for candidate in range(len(shades))]
        row = {
            "reciever_guess": 0,
            "reciever_guess_correct": target == 0,
            "sketch": f"sketch-images/{first + game}.png",
            "correct_image": target,
            "images": images,
        }
        line = {
            "format": 1,
            "sender_image": images[target],
            "sender_class": classes[target],
            "sketch": row["sketch"],
            "candidates": images,
            "candidate_classes": classes,
            "scores": [0.0] * len(shades),
            "guess": 0,
            "target": target,
        }
        rows.append(row)
        lines.append(json.dumps(line) + "\n")
    (folder / "games.json").write_text(json.dumps(rows))
    (folder / "games.jsonl").write_text("".join(lines))


@pytest.fixture
def make_study(tmp_path):
    """make_study(rounds, practice=0, candidates=4) -> (page, games): a page with games of a log of twelve.

    games: of every game of the log the shades of its candidates; see `write_log`.
    """

    def make(rounds, practice=0, candidates=4, side=8):
        games = [[100 + (game * 7 + candidate) % 150 for candidate in range(candidates)] for game in range(12)]
        write_log(tmp_path / "log", games, side)
        study([tmp_path / "log"], tmp_path / "study.html", rounds, practice, 0, "What is it?")
        return tmp_path / "study.html", games

    return make


SHADES = """images => images.map(image => {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d");
    canvas.drawImage(image, 0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data[0];
})"""


def seen(page):
    """What a person sees once the round is open: which game it is, and the shades of the candidates as shown."""
    page.locator(PICTURES).first.wait_for()
    (game,) = page.locator("#sketch").evaluate_all(SHADES)
    return game, page.locator("#candidates img").evaluate_all(SHADES)


def where(page):
    return page.locator("#where").inner_text()


def start(page, name=""):
    page.get_by_label("Your name or code").fill(name)
    page.get_by_role("button", name="Start", exact=True).click()


def play(page, games, choice):
    """Clicks on candidate `choice(game)`, in the log's order; the game."""
    game, shades = seen(page)
    page.locator(PICTURES).nth(shades.index(games[game][choice(game)])).click()
    return game


def save(page, tmp_path):
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the answers").click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    assert page.locator("#answers").input_value() == path.read_text()
    return path


def test_played_to_the_end_with_the_mouse(browse, make_study, tmp_path):
    file, games = make_study(6)
    page = browse(file, accept_downloads=True)
    assert "What is it?" in page.inner_text("#welcome")
    assert "together with 4 pictures" in page.inner_text("#welcome")
    assert "There are 6 sketches." in page.inner_text("#welcome")
    start(page, " Anna B/2 ")
    played = []
    for number in range(6):
        assert where(page) == f"Sketch {number + 1} of 6"
        # right in the first three rounds, then the candidate after the target
        played.append(play(page, games, lambda game, number=number: (game + (number >= 3)) % 4))
        assert page.locator(".right, .wrong").count() == 0  # nobody is told
    assert "Thank you" in page.inner_text("#thanks")
    path = save(page, tmp_path)
    assert re.fullmatch(r"answers-Anna-B-2-20[\d-]+T[\d-]+\.json", path.name)
    (participant,) = read_answers([path])
    assert participant.label == "Anna B/2"
    assert [answer["game"] for answer in participant.answers] == played
    for number, (answer, game) in enumerate(zip(participant.answers, played, strict=True)):
        target, choice = game % 4, (game + (number >= 3)) % 4
        assert (answer["target"], answer["choice"], answer["right"]) == (target, choice, number < 3)
        assert answer["right_class"] == (choice % 3 == target % 3)
        assert answer["candidates_of_class"] == (1 if target in (1, 2) else 2)
        assert (answer["agents_choice"], answer["agents_right"]) == (0, target == 0)
        assert answer["agents_right_class"] == (target in (0, 3))
        assert not answer["interrupted"]
        assert 0.3 <= answer["seconds"] < 60
    numbers = results([participant])
    assert (numbers["together"]["right"], numbers["together"]["answers"]) == (3, 6)
    assert numbers["agents"]["right"] == sum(game % 4 == 0 for game in played)
    assert numbers["chance"]["rate"] == 0.25
    assert participant.saved["started"] < participant.saved["finished"]


def test_games_of_two_logs_on_one_page(browse, tmp_path):
    logs = [tmp_path / "first", tmp_path / "second"]
    games = [[100 + game * 4 + candidate for candidate in range(4)] for game in range(24)]
    for number, log in enumerate(logs):  # sketches and candidates tell which log a game is of, here only
        write_log(log, games[12 * number :][:12], first=12 * number)
    study(logs, tmp_path / "study.html", 12, 2, 0, "What is it?")
    page = browse(tmp_path / "study.html", accept_downloads=True)
    start(page, "Dora")
    for _ in range(2):
        play(page, games, lambda game: 0)
        page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Continue").click()
    played = []
    for _ in range(12):
        assert not re.search("first|second", page.locator("body").inner_text())
        played.append(play(page, games, lambda game: (game + (game >= 12)) % 4))  # right in the first log only
    (participant,) = read_answers([save(page, tmp_path)])
    answered = [(answer["log"], answer["game"]) for answer in participant.answers]
    assert answered == [(str(logs[game // 12]), game % 12) for game in played]
    first, second = results([participant])["logs"]
    assert (first["log"], first["games"], first["together"]["right"]) == (str(logs[0]), 6, 6)
    assert (second["log"], second["games"], second["together"]["right"]) == (str(logs[1]), 6, 0)
    for number, log in enumerate((first, second)):
        assert log["agents"]["right"] == sum(game % 4 == 0 for game in played if game // 12 == number)


def test_played_with_the_keyboard_alone(browse, make_study, tmp_path):
    file, games = make_study(3, practice=1)
    page = browse(file, accept_downloads=True)
    page.keyboard.press("Tab")
    page.keyboard.type("Bert")
    page.keyboard.press("Enter")
    seen(page)
    page.keyboard.press("4")  # the practice round
    page.locator("#feedback").wait_for()
    page.keyboard.press("Enter")
    page.locator("#ready").wait_for()
    page.keyboard.press("Enter")
    chosen = []
    for keys, place in ((["3"], 2), (["ArrowLeft", "ArrowRight", "ArrowRight", "ArrowLeft", "Enter"], 1)):
        game, shades = seen(page)
        for key in keys:
            page.keyboard.press(key)
        chosen.append((game, games[game].index(shades[place])))
    game, shades = seen(page)
    page.keyboard.press("7")  # of four
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.ariaLabel") == "Picture 1"
    page.keyboard.press("End")
    focused = page.locator("#candidates button").nth(3)
    assert focused.evaluate("element => element.matches(':focus-visible')")
    assert focused.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"
    page.keyboard.press(" ")
    chosen.append((game, games[game].index(shades[3])))
    page.locator("#thanks").wait_for()
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    download.value.save_as(tmp_path / "answers.json")
    (participant,) = read_answers([tmp_path / "answers.json"])
    assert participant.label == "Bert"
    assert [(answer["game"], answer["choice"]) for answer in participant.answers] == chosen


def test_arrows_move_by_rows_in_a_large_pool(browse, make_study):
    file, _ = make_study(1, candidates=100, side=32)
    page = browse(file, viewport={"width": 1280, "height": 800})
    start(page)
    seen(page)
    tops = page.locator("#candidates button").evaluate_all("all => all.map(button => button.offsetTop)")
    columns = tops.count(tops[0])
    assert 5 < columns < 20
    for key, place in (("ArrowDown", 0), ("ArrowDown", columns), ("ArrowRight", columns + 1), ("ArrowUp", 1)):
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement.ariaLabel") == f"Picture {place + 1}"
    page.keyboard.press("5")  # no digits in a pool of more than nine
    assert where(page) == "Sketch 1 of 1"
    assert page.locator(".digit").count() == 0


def test_a_reload_goes_on_where_the_person_was(browse, make_study, tmp_path):
    file, games = make_study(4)
    page = browse(file, accept_downloads=True)
    start(page, "Cleo")
    played = [play(page, games, lambda game: 2) for _ in range(2)]
    before = seen(page)
    page.reload()
    assert where(page) == "Sketch 3 of 4"
    assert seen(page) == before
    played.append(play(page, games, lambda game: 1))
    page = browse(file, context=page.context)  # closed and opened again
    assert where(page) == "Sketch 4 of 4"
    played.append(play(page, games, lambda game: 3))
    page.locator("#thanks").wait_for()
    page.reload()
    page.locator("#thanks").wait_for()
    path = save(page, tmp_path)
    (participant,) = read_answers([path])
    assert participant.label == "Cleo"
    assert [answer["game"] for answer in participant.answers] == played
    assert [answer["choice"] for answer in participant.answers] == [2, 2, 1, 3]
    assert [answer["interrupted"] for answer in participant.answers] == [False, False, True, True]


def test_practice_rounds_tell_what_was_right_and_do_not_count(browse, make_study, tmp_path):
    file, games = make_study(2, practice=2)
    page = browse(file, accept_downloads=True)
    assert "First there are 2 practice sketches" in page.inner_text("#welcome")
    start(page)
    assert where(page) == "Practice 1 of 2"
    assert "target" not in page.locator("#round").inner_html()
    practised = [play(page, games, lambda game: game % 4)]
    assert page.inner_text("#feedback p") == "Right!"
    assert (page.locator(".right").count(), page.locator(".wrong").count()) == (1, 0)
    page.get_by_role("button", name="Next").click()
    game, shades = seen(page)
    practised.append(play(page, games, lambda game: (game + 1) % 4))
    meant = shades.index(games[game][game % 4])
    assert page.inner_text("#feedback p") == f"Wrong: the right one is picture {meant + 1}, in green."
    assert "right" in page.locator("#candidates button").nth(meant).get_attribute("class").split()
    assert page.locator(".wrong").count() == 1
    page.locator("#candidates button").first.click()  # changes nothing
    page.keyboard.press("1")
    page.get_by_role("button", name="Next").click()
    assert "Now it counts: 2 sketches" in page.inner_text("#ready")
    page.get_by_role("button", name="Continue").click()
    assert where(page) == "Sketch 1 of 2"
    played = [play(page, games, lambda game: (game + 2) % 4) for _ in range(2)]
    (participant,) = read_answers([save(page, tmp_path)])
    assert [answer["game"] for answer in participant.answers] == played
    assert not {*played} & {*practised}
    assert results([participant])["together"]["right"] == 0


def test_a_double_click_answers_one_round(browse, make_study):
    file, _ = make_study(4)
    page = browse(file)
    start(page)
    page.locator(PICTURES).first.wait_for()
    page.evaluate("""async () => {
        for (let click = 0; click < 2; click++) {
            document.querySelectorAll("#candidates button")[1].click();
            await new Promise(resolve => setTimeout(resolve, 100));
        }
    }""")
    assert where(page) == "Sketch 2 of 4"
    page.locator(PICTURES).nth(1).click()
    assert where(page) == "Sketch 3 of 4"


def test_a_key_held_down_does_not_skip_what_practice_tells(browse, make_study):
    file, _ = make_study(1, practice=1)
    page = browse(file)
    start(page)
    page.locator(PICTURES).nth(1).focus()
    for _ in range(4):
        page.keyboard.down("Enter")  # from the second on it counts as a repetition
    assert page.locator("#feedback").is_visible()
    page.keyboard.up("Enter")
    page.keyboard.press("Enter")
    page.locator("#ready").wait_for()


def test_handed_to_the_next_person(browse, make_study, tmp_path):
    file, games = make_study(2)
    page = browse(file, accept_downloads=True)
    start(page, "Anna")
    play(page, games, lambda game: 0)
    page.get_by_role("button", name="Start again from the beginning").click()
    page.get_by_role("button", name="Keep them").click()
    assert where(page) == "Sketch 2 of 2"
    page.get_by_role("button", name="Start again from the beginning").click()
    page.keyboard.press("Escape")
    play(page, games, lambda game: 0)
    first = save(page, tmp_path)
    page.get_by_role("button", name="Start again", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Start again").click()
    page.locator("#welcome").wait_for()
    assert page.get_by_label("Your name or code").input_value() == ""
    page.wait_for_timeout(1100)  # file names tell participants apart by the second
    start(page)
    for _ in range(2):
        play(page, games, lambda game: 1)
    participants = read_answers([first, save(page, tmp_path)])
    assert [one.label for one in participants] == ["Anna", participants[1].file.stem]
    assert [[answer["choice"] for answer in one.answers] for one in participants] == [[0, 0], [1, 1]]


DENIED = """Object.defineProperty(window, 'localStorage', {
    get() { throw new DOMException('denied', 'SecurityError'); }
})"""
FULL = "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }"


@pytest.mark.parametrize("patch", [DENIED, FULL], ids=["denied", "full"])
def test_a_browser_that_keeps_nothing(patch, browse, make_study, tmp_path):
    file, games = make_study(1)
    page = browse(file, accept_downloads=True)
    page.context.add_init_script(patch)
    page.reload()
    assert "does not let the page keep anything" in page.inner_text("#kept")
    start(page)
    play(page, games, lambda game: game % 4)
    assert results(read_answers([save(page, tmp_path)]))["together"]["right"] == 1


KEPT = ("[", "null", '{"step": 99, "answers": []}', '{"step": 2, "answers": []}', '{"step": 1}')


@pytest.mark.parametrize("kept", KEPT)
def test_what_another_page_has_kept_is_no_harm(kept, browse, make_study):
    file, _ = make_study(2)
    page = browse(file)
    page.evaluate("kept => localStorage.setItem('learning-to-draw study ' + study.id, kept)", kept)
    page.reload()
    page.locator("#welcome").wait_for()


@pytest.mark.parametrize("width", [390, 1280])
def test_the_sketch_stays_in_sight(width, browse, make_study):
    file, games = make_study(2, candidates=100, side=32)
    page = browse(file, viewport={"width": width, "height": 800})
    start(page)
    seen(page)
    for place in (99, 0, 60):
        button = page.locator("#candidates button").nth(place)
        button.focus()
        sketch, candidate = page.locator("#sketch").bounding_box(), button.bounding_box()
        for box in (sketch, candidate):
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
            assert box["y"] >= 0
            assert box["y"] + box["height"] <= 800
        below = candidate["y"] >= sketch["y"] + sketch["height"]
        assert below if width == 390 else candidate["x"] >= sketch["x"] + sketch["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    play(page, games, lambda game: 70)
    assert page.evaluate("scrollY") == 0  # the next round starts at its top


@pytest.mark.parametrize("density", [1, 3])
def test_small_pictures_are_enlarged_by_whole_pixels(density, browse, make_study):
    file, _ = make_study(1, side=28)
    page = browse(file, viewport={"width": 390, "height": 844}, device_scale_factor=density)
    start(page)
    seen(page)
    for image in (page.locator("#sketch"), page.locator("#candidates img").first):
        box = image.bounding_box()
        times = box["width"] * density / 28
        assert times == pytest.approx(round(times), abs=0.01)  # layout counts in 1/64 px
        assert box["width"] == pytest.approx(box["height"])
        assert box["width"] > 90
        assert image.evaluate("element => getComputedStyle(element).imageRendering") == "pixelated"
