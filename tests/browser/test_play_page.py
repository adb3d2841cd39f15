"""`play` in a browser: drawing with the mouse and by touch, guessing, keyboard, phone, and the log after Ctrl-C."""

import http.client
import json
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from learning_to_draw import commgame
from learning_to_draw.analysis.study.answers import read_answers
from learning_to_draw.trials.records.gamelog import read_log

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
BELIEFS = "buttons => buttons.map(button => parseInt(button.querySelector('.bar span').textContent) || 0)"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("play") / "run"
    assert commgame.main(["train", "--epochs", "3", "--quiet", "--output", str(folder)]) == 0
    return folder


@pytest.fixture
def start(trained, tmp_path):
    """start(*words) -> (address, end); end() sends Ctrl-C, and returns what the program printed to standard output."""
    processes = []

    def run(*words):
        command = [sys.executable, str(ROOT / "commgame.py"), "play", str(trained), "--no-browser", *words]
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # nohup ignores it
        )
        processes.append(process)
        address = re.search(r"http://127\.0\.0\.1:\d+/", process.stderr.readline())
        assert address, process.communicate()

        def end():
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
            assert process.returncode == 0, err
            return out

        return address[0], end

    run.processes = processes
    yield run
    for process in processes:
        process.kill()
        process.communicate()


def until(page, expression):
    """Waits until a JavaScript expression is true. (The page's policy forbids Playwright's own `wait_for_function`.)"""
    for _ in range(400):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never true: {expression}")


def drag(page, *places):
    """Draws with the mouse through places on the board, (x, y) in 0..1, and waits for the receiver's guess."""
    box = page.locator("#board").bounding_box()
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
    before = page.evaluate("latencies.length")
    page.mouse.move(*at[0])
    page.mouse.down()
    for place in at[1:]:
        page.mouse.move(*place, steps=5)
    page.mouse.up()
    until(page, f"latencies.length > {before} && !asking")


def test_guesses_move_while_a_person_draws_and_the_game_is_logged(start, browse, tmp_path):
    address, end = start("--output", "played")
    page = browse(address)
    page.wait_for_selector("#candidates button")
    assert page.locator("#candidates button").count() == 12
    assert page.locator("#done").is_disabled()
    drag(page, (0.3, 0.2), (0.7, 0.2))
    first = page.eval_on_selector_all("#candidates button", BELIEFS)
    assert 95 <= sum(first) <= 105
    drag(page, (0.7, 0.2), (0.4, 0.8))
    second = page.eval_on_selector_all("#candidates button", BELIEFS)
    assert second != first
    assert "2 of 8 strokes used" in page.inner_text("#told")
    page.keyboard.press("z")
    until(page, "state.used === 1 && !asking")
    assert page.eval_on_selector_all("#candidates button", BELIEFS) == first
    page.keyboard.press("f")  # freehand: a corner becomes two lines
    drag(page, (0.3, 0.3), (0.3, 0.8), (0.8, 0.8))
    assert "3 of 8 strokes used" in page.inner_text("#told")
    page.click("#done")
    page.wait_for_selector("#theirs:not([hidden])")
    assert page.locator("#candidates .right").count() == 1
    told = page.inner_text("#told")
    page.click("#done")
    until(page, "state.number === 1 && state.paths.length === 0")
    assert page.locator("#done").is_disabled()

    out = end()
    (game,) = read_log(tmp_path / "played" / "drawn").games
    assert (game.guess == game.target) == ("understood" in told)
    assert f"you drew, and the agents guessed: {int(game.guess == game.target)} of 1 right" in out
    strokes = read_log(tmp_path / "played" / "drawn").strokes()
    assert strokes.drawn.sum() == 3
    (row, col), _ = strokes.points[0, 0]
    assert (row, col) == pytest.approx((-0.62, -0.41), abs=0.03)  # (0.3, 0.2) of 32 pixels
    assert not (tmp_path / "played" / "guessed").exists()


def test_a_person_guesses_early_with_mouse_and_keyboard(start, browse, tmp_path):
    address, end = start("--output", "played")
    page = browse(address)
    page.wait_for_selector("#candidates button")
    page.keyboard.press("g")
    until(page, "state.role === 'guess' && state.frame === 2")
    page.locator("#candidates button").nth(4).click()
    page.wait_for_selector("#candidates .right")
    assert "after 2 of 8 strokes" in page.inner_text("#told")
    page.keyboard.press("Enter")
    until(page, "state.number === 1")
    page.keyboard.press("2")
    page.wait_for_selector("#candidates .right")
    page.reload()
    other = page.context.new_page()
    other.goto(address)
    for tab, number, key in ((page, 2, "3"), (other, 3, "4")):  # each tab begins a new game
        tab.wait_for_selector("#candidates button")
        tab.click("#tab-guess")
        until(tab, f"state.role === 'guess' && state.number === {number}")
        tab.keyboard.press(key)
        tab.wait_for_selector("#candidates .right")
        assert tab.inner_text("#score").endswith(" of 1 right")
    page.keyboard.press("d")
    until(page, "state.role === 'draw'")
    page.keyboard.press("g")  # the game has ended, so another one begins
    until(page, "state.role === 'guess' && state.number === 4")
    out = end()
    (player,) = read_answers([tmp_path / "played" / "guessed" / "answers.json"])
    answers = json.loads((tmp_path / "played" / "guessed" / "answers.json").read_text())["answers"]
    assert [answer["choice"] for answer in answers] == [4, 1, 2, 3]
    assert answers[0]["strokes_seen"] == 2
    assert len(player.answers) == 4
    assert "the agents drew, and you guessed" in out
    assert len(read_log(tmp_path / "played" / "guessed").games) == 4


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_draws_by_touch_and_nothing_is_wider_than_the_screen(start, browse, scheme):
    address, end = start()
    page = browse(address, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, color_scheme=scheme)
    page.wait_for_selector("#candidates button")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    box = page.locator("#board").bounding_box()
    session = page.context.new_cdp_session(page)

    def touch(kind, x, y):
        points = [] if kind == "touchEnd" else [{"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", 0.2, 0.5)
    touch("touchMove", 0.5, 0.5)
    touch("touchMove", 0.8, 0.5)
    touch("touchEnd", 0, 0)
    until(page, "state.used === 1 && !asking")
    assert page.evaluate("scrollY") == 0
    assert "No game was finished, so nothing was written." in end()


def test_the_server_answers_only_its_own_page(start):
    address, end = start()
    host, port = re.match(r"http://(.*):(\d+)/", address).groups()

    def ask(method, path, body=None, **headers):
        connection = http.client.HTTPConnection(host, int(port), timeout=30)
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        content = answer.read().decode()
        connection.close()
        return answer.status, content

    as_json = {"Content_Type": "application/json"}
    status, page = ask("GET", "/")
    assert status == 200
    assert "connect-src 'self'" in page
    assert ask("GET", "/", Host="elsewhere.example")[0] == 400
    turn = '{"role": "draw", "number": 0}'
    assert ask("POST", "/api/turn", turn, **as_json)[0] == 200
    assert ask("POST", "/api/turn", turn, Content_Type="text/plain")[0] == 415
    for wrong in ("", "[]", '{"role": "draw"}', '{"role": "draw", "number": -1}', '{"role": "other", "number": 0}'):
        assert ask("POST", "/api/turn", wrong, **as_json)[0] in (400, 413)
    assert ask("POST", "/api/sketch", '{"number": 0, "paths": [[]]}', **as_json)[0] == 400
    assert ask("POST", "/api/sketch", '{"number": 0, "paths": [[[0, 1e9]]]}', **as_json)[0] == 400
    chosen = '{"number": 0, "choice": 12, "strokes_seen": 1, "seconds": 1, "interrupted": false}'
    assert ask("POST", "/api/choose", chosen, **as_json) == (400, '{"error":"there is no such candidate"}')
    assert ask("GET", "/api/turn")[0] == 405
    assert "nothing was written" in end()


@pytest.mark.parametrize(
    ("signals", "code"), [(2 * [signal.SIGINT], 0), ([signal.SIGTERM], 143), ([signal.SIGHUP], 143)]
)
def test_games_are_saved_however_the_program_is_ended(signals, code, start, tmp_path):
    address, _ = start("--output", "played")
    body = json.dumps({"number": 0, "paths": [[[0, 0], [0.5, 0.5]]]}).encode()
    request = urllib.request.Request(f"{address}api/show", body, {"Content-Type": "application/json"})
    assert urllib.request.urlopen(request).status == 200
    process = start.processes[0]
    for number in signals:
        process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in err
    assert len(read_log(tmp_path / "played" / "drawn").games) == 1
