"""The sender's page of a study, with the mouse and by touch; and consent, codes and sending, on both pages."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from learning_to_draw import commgame
from learning_to_draw.analysis.play.fit import fitted
from learning_to_draw.analysis.study.answers import read_answers
from learning_to_draw.analysis.study.drawings import read_drawings
from learning_to_draw.analysis.study.page import study
from learning_to_draw.analysis.study.results import results
from learning_to_draw.trials.records.gamelog import read_log

pytestmark = pytest.mark.slow

PICTURES = "#candidates[aria-busy=false] button"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with a training on Digits, `run`, and its test, `test`."""
    folder = tmp_path_factory.mktemp("sender")
    assert commgame.main(["train", "--epochs", "2", "--quiet", "--output", str(folder / "run")]) == 0
    words = ["--weights", str(folder / "run" / "model_final.pt"), "--quiet", "--output", str(folder / "test")]
    assert commgame.main(["test", *words]) == 0
    return folder


@pytest.fixture
def make_study(runs, tmp_path):
    """make_study(rounds, **options) -> the page of the sender, with `rounds` games."""

    def make(rounds, practice=0, role="sender", **options):
        study([runs / "test"], tmp_path / "study.html", rounds, practice, 0, None, role, **options)
        return tmp_path / "study.html"

    return make


def until(page, expression):
    """Waits until a JavaScript expression is true. (The page's policy forbids Playwright's own `wait_for_function`.)"""
    for _ in range(400):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never true: {expression}")


def start(page, name="Anna"):
    page.locator("#participant").fill(name)
    page.get_by_role("button", name="Start", exact=True).click()


def drag(page, *places, then=None):
    """Draws with the mouse through places on the board, (x, y) in 0..1. then: called before the button is released."""
    box = page.locator("#board").bounding_box()
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
    page.mouse.move(*at[0])
    page.mouse.down()
    for place in at[1:]:
        page.mouse.move(*place, steps=8)
    if then:
        then()
    page.mouse.up()


def save(page, tmp_path):
    with page.expect_download() as download:
        page.locator("#download").click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    assert page.locator("#answers").input_value() == path.read_text()
    return path


def strokes_on_page(page):
    return page.evaluate("turn.drawn.map(({ strokes }) => strokes.map((stroke) => [...stroke]))")


def on_canvas(share):
    return (32 * share - 0.5) / 31 * 2 - 1  # the canvas spans the centres of 32 pixels


def test_played_to_the_end_with_the_mouse_and_understood_by_the_receiver(runs, browse, make_study, tmp_path, capsys):
    page = browse(make_study(3, practice=1), accept_downloads=True, viewport={"width": 1280, "height": 800})
    assert "chooses one of 32 pictures" in page.inner_text("#welcome")
    assert "First there is one practice drawing; then 3 drawings that count." in page.inner_text("#welcome")
    start(page)
    assert page.inner_text("#where") == "Practice 1 of 1"
    assert page.locator("#done").is_disabled()
    assert page.inner_text("#hint") == "Draw here, with at most 8 straight lines."
    drag(page, (0.2, 0.2), (0.8, 0.8))
    page.click("#done")
    page.get_by_role("button", name="Continue").click()
    log = read_log(runs / "test")
    games = []
    for number in range(3):
        assert page.inner_text("#where") == f"Drawing {number + 1} of 3"
        games.append(page.evaluate("turn.step.game.game"))
        marked = page.locator("#candidates .meant img")
        assert marked.count() == 1
        assert marked.get_attribute("src") == page.locator("#photo").get_attribute("src")
        assert page.locator("#candidates > *").count() == 32
        drag(page, (0.3, 0.25), (0.7, 0.25))
        drag(page, (0.7, 0.25), (0.4, 0.8))
        if number == 0:
            page.keyboard.press("f")
            drag(page, (0.2, 0.2), (0.2, 0.7), (0.9, 0.7))
            assert page.inner_text("#used") == "4 of 8 straight lines used"
            page.keyboard.press("z")
            assert page.inner_text("#used") == "2 of 8 straight lines used"
            drag(page, (0.1, 0.9), (0.1, 0.3), (0.5, 0.3))
            page.keyboard.press("x")
            assert page.inner_text("#used") == "0 of 8 straight lines used"
            drag(page, (0.2, 0.3), (0.2, 0.8), (0.8, 0.8))
            page.keyboard.press("f")
            drag(page, (0.3, 0.3), (0.5, 0.3))
        page.keyboard.press("Enter")
    page.locator("#thanks").wait_for()
    path = save(page, tmp_path)
    assert path.name.startswith("drawings-Anna-20")
    (anna,) = read_drawings([path])
    assert [drawing["game"] for drawing in anna.answers] == games
    first, second, _ = anna.answers
    assert (first["straight"], second["straight"]) == ([False, True], [True, True])
    assert [len(path) for path in second["paths"]] == [2, 2]
    assert len(first["paths"][0]) > 10
    (row, col, _), (other_row, other_col, _) = second["paths"][0]
    expected = [on_canvas(share) for share in (0.25, 0.3, 0.25, 0.7)]
    assert [row, col, other_row, other_col] == pytest.approx(expected, abs=0.02)
    for drawing in anna.answers:
        times = [ms for path in drawing["paths"] for *_, ms in path]
        assert times == sorted(times)
        assert 0 < times[0] < times[-1] <= 1000 * drawing["seconds"] < 60_000
        assert not drawing["interrupted"]
    words = ["--weights", str(runs / "run"), "--logs", str(runs / "test"), "--json", str(tmp_path / "numbers.json")]
    assert commgame.main(["study-results", str(path), *words]) == 0
    assert "People drew, and the trained receiver guessed from their drawings." in capsys.readouterr().out
    numbers = json.loads((tmp_path / "numbers.json").read_text())
    assert [guess["game"] for guess in numbers["guesses"]] == games
    assert [guess["target"] for guess in numbers["guesses"]] == [log.games[game].target for game in games]
    assert numbers["agents"]["right"] == sum(log.games[game].correct for game in games)


def test_played_on_a_phone_by_touch(browse, make_study, tmp_path):
    page = browse(
        make_study(2), viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, accept_downloads=True
    )
    start(page, "Bert")
    session = page.context.new_cdp_session(page)

    def touch(kind, *places):
        box = page.locator("#board").bounding_box()
        points = [
            {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"], "id": number}
            for number, (x, y) in enumerate(places)
        ]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    for number in range(2):
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        for name in ("#photo", "#board", "#done"):
            box = page.locator(name).bounding_box()
            assert 0 <= box["x"] < box["x"] + box["width"] <= 390
            assert box["y"] + box["height"] < 844
        touch("touchStart", (0.2, 0.5))
        touch("touchMove", (0.5, 0.5))
        touch("touchStart", (0.5, 0.5), (0.9, 0.9))  # a second finger changes nothing
        touch("touchMove", (0.8, 0.4), (0.1, 0.1))
        touch("touchEnd")
        until(page, "turn.drawn.length === 1")
        assert page.evaluate("scrollY") == 0
        touch("touchStart", (0.5, 0.2))
        touch("touchEnd")
        until(page, "turn.drawn.length === 2")
        page.locator("#done").tap()
        until(page, f"progress.answers.length === {number + 1}")
    (bert,) = read_drawings([save(page, tmp_path)])
    for drawing in bert.answers:
        line, dot = drawing["paths"]
        found = [*line[0][:2], *line[1][:2], *dot[0][:2]]
        expected = [on_canvas(share) for share in (0.5, 0.2, 0.4, 0.8, 0.2, 0.5)]
        assert found == pytest.approx(expected, abs=0.02)
        assert len(dot) == 1


def test_no_more_strokes_than_the_agents_have(browse, make_study):
    page = browse(make_study(1), viewport={"width": 1280, "height": 800})
    start(page)
    for number in range(9):
        drag(page, (0.1, 0.1 + number / 12), (0.9, 0.1 + number / 12))
    assert page.inner_text("#used") == "All 8 are used. Choose Done, or undo some."
    assert page.evaluate("turn.drawn.length") == 8
    page.click("#undo")
    page.keyboard.press("f")
    drag(page, (0.1, 0.1), (0.1, 0.5), (0.5, 0.5), (0.9, 0.1))  # three lines, and one is left
    assert len(strokes_on_page(page)[7]) == 1


def test_a_reload_begins_the_drawing_again(browse, make_study):
    page = browse(make_study(2), viewport={"width": 1280, "height": 800})
    start(page)
    drag(page, (0.2, 0.2), (0.8, 0.8))
    page.click("#done")
    drag(page, (0.2, 0.2), (0.8, 0.8))
    before = page.evaluate("turn.step.game.game")
    page.reload()
    assert page.inner_text("#where") == "Drawing 2 of 2"
    assert page.evaluate("turn.step.game.game") == before
    assert page.inner_text("#used") == "0 of 8 straight lines used"
    drag(page, (0.2, 0.2), (0.8, 0.8))
    page.keyboard.press("Enter")
    assert page.evaluate("progress.answers.map(({ interrupted }) => interrupted)") == [False, True]


@pytest.mark.parametrize("control_points", [1, 2, 4])
def test_strokes_on_the_page_are_those_of_the_results(control_points, browse, make_study):
    page = browse(make_study(1))
    rng = np.random.default_rng(control_points)
    for length in (1, 2, 3, 4, 5, 40, 300):
        for most in (1, 3, 20):
            path = np.round(np.clip(0.08 * rng.standard_normal((length, 2)).cumsum(0), -1.2, 1.2), 4)
            path = np.repeat(path, rng.integers(1, 3, length), axis=0)  # with places that are repeated
            found = page.evaluate(
                "([path, controls, most]) => fitted(path, controls, most).map((stroke) => [...stroke])",
                [path.tolist(), control_points, most],
            )
            np.testing.assert_allclose(found, fitted(path, control_points, most), atol=1e-6)


@pytest.fixture
def server():
    """A server on 127.0.0.1: `pages` are what it serves by path, `posts` what was sent, `status` what it answers."""
    pages, posts, status = {}, [], [200]

    class Handler(BaseHTTPRequestHandler):
        def answer(self, code, content=b"", kind="text/html"):
            self.send_response(code)
            for name, value in (
                *(("Access-Control-Allow-Origin", "*"), ("Access-Control-Allow-Headers", "content-type")),
                *(("Content-Type", kind), ("Content-Length", str(len(content)))),
            ):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self):
            content = pages.get(self.path.split("?")[0])
            self.answer(404 if content is None else 200, content or b"")

        def do_OPTIONS(self):
            self.answer(204)

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            posts.append((self.path, self.headers["Content-Type"], body.decode()))
            self.answer(status[0])

        def log_message(self, *_):
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.pages, running.posts, running.status = pages, posts, status
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


def test_consent_codes_and_sending_from_a_file_to_a_server(chromium, server, make_study, tmp_path):
    consent = tmp_path / "consent.txt"
    consent.write_text("I take part\nof my own will.")
    address = f"http://127.0.0.1:{server.server_port}"
    file = make_study(2, role="receiver", consent=consent, post_url=f"{address}/answers?study=1")
    context = chromium.new_context(accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.goto(f"{file.as_uri()}?participant=P%2017&code=%3Cb%3EC0DE")
    assert page.inner_text("#consent p") == "I take part\nof my own will."
    assert page.locator("#participant").input_value() == "P 17"
    assert not page.locator("#participant").is_editable()
    assert f"your answers are sent to 127.0.0.1:{server.server_port}" in page.inner_text("#kept")
    begin = page.get_by_role("button", name="Start", exact=True)
    begin.click()
    assert page.locator("#welcome").is_visible()
    page.get_by_label("I have read this").check()
    begin.click()
    assert not page.locator("#leave").is_visible()
    server.status[0] = 500
    for _ in range(2):
        page.locator(PICTURES).nth(5).click()
    page.locator("#resend").wait_for()
    assert "could not be sent" in page.inner_text("#ending")
    assert page.inner_text("#completion") == "Your completion code: <b>C0DE"
    assert not page.locator("#restart").is_visible()
    server.status[0] = 200
    page.click("#resend")
    until(page, "progress.sent")
    until(page, "document.querySelector('#ending').textContent.includes('have been sent')")
    page.reload()  # nothing is sent twice
    page.locator("#thanks").wait_for()
    assert "have been sent" in page.inner_text("#ending")
    path = save(page, tmp_path)
    first, second = server.posts
    assert first == second == ("/answers?study=1", "application/json", path.read_text())
    (participant,) = read_answers([path])
    assert participant.label == "P 17"
    # The policy allows this server by this name only.
    ask = "address => fetch(address).then(() => 'answered', () => 'refused')"
    assert page.evaluate(ask, f"{address}/other") == "answered"
    assert page.evaluate(ask, f"http://localhost:{server.server_port}/other") == "refused"
    page.goto(f"{file.as_uri()}?participant=P18")  # another participant on the same machine
    page.locator("#welcome").wait_for()
    assert page.locator("#completion").is_hidden()
    context.close()


def test_drawings_are_sent_from_a_page_on_a_server(browse, server, make_study):
    address = f"http://127.0.0.1:{server.server_port}/"
    server.pages["/"] = make_study(1, post_url=f"{address}api/drawings").read_bytes()
    page = browse(address, viewport={"width": 1280, "height": 800})
    start(page)
    drag(page, (0.2, 0.2), (0.8, 0.8))
    page.click("#done")
    until(page, "progress.sent")
    ((path, kind, text),) = server.posts
    assert (path, kind) == ("/api/drawings", "application/json")
    assert len(json.loads(text)["drawings"]) == 1


def test_without_an_address_nothing_can_be_sent(chromium, make_study, server):
    context = chromium.new_context()
    page = context.new_page()
    page.goto(make_study(1).as_uri())
    assert "Nothing is sent anywhere." in page.inner_text("#kept")
    address = f"http://127.0.0.1:{server.server_port}/"
    assert page.evaluate("address => fetch(address).then(() => 'sent', () => 'refused')", address) == "refused"
    context.close()


def test_games_that_show_the_target_are_left_out_of_the_rates(browse, make_study, tmp_path):
    page = browse(make_study(4, role="receiver", attention=2), accept_downloads=True)
    start(page)
    checks = []  # for each game, whether it showed the target
    for _ in range(4):
        page.locator(PICTURES).first.wait_for()
        sketch = page.locator("#sketch").get_attribute("src")
        candidates = page.locator("#candidates img").evaluate_all("all => all.map(image => image.src)")
        checks.append(sketch in candidates)
        right = candidates.index(sketch) if checks[-1] else 0
        page.locator(PICTURES).nth((right + (sum(checks) > 1)) % 32).click()  # right in the first check only
    (participant,) = read_answers([save(page, tmp_path)])
    assert [bool(answer.get("attention")) for answer in participant.answers] == checks
    numbers = results([participant])
    assert numbers["participants"][0]["attention"] == {"games": 2, "passed": 1}
    assert numbers["together"]["answers"] == numbers["games"] == 2
