"""Which games a study takes from a log, and what its page holds."""

import base64
import io
import json
import math
import re
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from learning_to_draw.analysis.study import options as study_options
from learning_to_draw.analysis.study.page import (
    MIXED_TASK,
    SENDER,
    TASK,
    TASKS,
    draw,
    draw_from_all,
    page,
    study,
    study_content,
)
from learning_to_draw.errors import UsageError
from learning_to_draw.trials.records.gamelog import read_log
from learning_to_draw.trials.tool import Tool

TOOL = Tool("analysis.study.page:study", "", "", study_options.add_study_options)


def test_classes_take_turns_as_far_as_they_have_games():
    classes = ["a"] * 6 + ["b"] * 2 + ["c"]
    for seed in range(20):
        # Turns: a b c, a b, a, a, ...
        for count, expected in ((3, "abc"), (5, "aabbc"), (6, "aaabbc"), (9, "aaaaaabbc")):
            counted, practice = draw(classes, count, 0, seed)
            assert "".join(sorted(classes[game] for game in counted)) == expected
            assert len(set(counted)) == count
            assert practice == []
        assert Counter(classes[game] for game in draw(classes, 4, 0, seed)[0]) in (Counter("aabc"), Counter("abbc"))


def test_which_class_the_last_turn_reaches_does_not_depend_on_its_size():
    classes = ["large"] * 90 + ["small"] * 10
    single = Counter(classes[draw(classes, 1, 0, seed)[0][0]] for seed in range(400))
    assert 160 < single["small"] < 240  # a half, give or take four standard deviations


def test_the_draw_goes_by_its_seed_alone():
    classes = [None] * 50
    counted, practice = draw(classes, 10, 5, 3)
    assert (counted, practice) == draw(classes, 10, 5, 3)
    assert (counted, []) == draw(classes, 10, 0, 3)  # practice changes nothing of what counts
    assert counted != draw(classes, 10, 0, 4)[0]
    assert len({*counted, *practice}) == 15
    drawn = Counter(game for seed in range(500) for game in draw(classes, 10, 0, seed)[0])
    assert set(drawn) == set(range(50))
    assert max(drawn.values()) < 145  # each 100 times, give or take five standard deviations


def test_logs_share_the_games_equally():
    logs = [["a"] * 10 + ["b"] * 10, ["a"] * 10 + ["b"] * 10, [None] * 20]
    first, one_more = [], Counter()
    for seed in range(60):
        counted, practice = draw_from_all(logs, 12, 4, seed)
        assert Counter(log for log, _ in counted) == {0: 4, 1: 4, 2: 4}
        assert sorted(Counter(log for log, _ in practice).values()) == [1, 1, 2]
        one_more[Counter(log for log, _ in practice).most_common(1)[0][0]] += 1
        assert len({*counted, *practice}) == 16
        for log in (0, 1):
            assert Counter(logs[log][game] for of, game in counted if of == log) == {"a": 2, "b": 2}
        assert {game for log, game in counted if log == 0} != {game for log, game in counted if log == 1}
        assert (counted, []) == draw_from_all(logs, 12, 0, seed)  # practice changes nothing of what counts
        first.append(counted[0][0])
    for times in (Counter(first), one_more):
        assert min(times[log] for log in range(3)) > 6  # 20 each, give or take four standard deviations
    counted, practice = draw_from_all(logs[:1], 7, 3, 5)
    assert ([game for _, game in counted], [game for _, game in practice]) == draw(logs[0], 7, 3, 5)


def test_a_round_holds_the_game_with_its_candidates_in_another_order(tmp_path, make_full_log):
    log = read_log(make_full_log(tmp_path))
    content = study_content({"log": log}, 12, 4, 0, "title")
    rounds = content["rounds"] + content["practice"]
    assert sorted(game["game"] for game in rounds) == list(range(16))
    assert Counter(log.games[game["game"]].photo_class for game in content["rounds"]) == dict.fromkeys("abcd", 3)
    for shown in rounds:
        game = log.games[shown["game"]]
        assert (shown["target"], shown["guess"]) == (game.target, game.guess)
        assert sorted(shown["order"]) == [0, 1, 2, 3]
        assert shown["of_class"] == [game.target]  # one picture a class, the sender's own
        for number, name in zip([shown["sketch"], *shown["candidates"]], [game.sketch, *game.candidates], strict=True):
            source, width, height = content["pictures"][number]
            kind, data = source.split(",")
            assert kind == "data:image/png;base64"
            assert base64.b64decode(data) == (log.folder / name).read_bytes()
            assert (width, height) == (12, 12)
    places = Counter(shown["order"].index(shown["target"]) for shown in rounds)
    assert len(places) > 1
    again = study_content({"log": log}, 3, 0, 0, "title")["rounds"]
    orders = {shown["game"]: shown["order"] for shown in rounds}
    assert all(shown["order"] == orders[shown["game"]] for shown in again)
    other = study_content({"log": log}, 12, 4, 1, "title")["rounds"]
    assert any(shown["order"] != orders[shown["game"]] for shown in other)


def test_pictures_are_stored_once(tmp_path, make_full_log):
    log = read_log(make_full_log(tmp_path))
    text = page(study_content({"log": log}, 16, 0, 0, "title"))
    sketches = len({game.sketch for game in log.games})
    assert len(re.findall("data:image/", text)) == sketches + 8


def test_a_page_of_two_logs(tmp_path, make_full_log, make_log, random_games):
    logs = {
        "ours": read_log(make_full_log(tmp_path)),
        "official": read_log(make_log(tmp_path / "official", random_games(20))),
    }
    content = study_content(logs, 12, 2, 0, "title")
    assert Counter(game["log"] for game in content["rounds"]) == {"ours": 6, "official": 6}
    assert Counter(game["log"] for game in content["practice"]) == {"ours": 1, "official": 1}
    for shown in content["rounds"] + content["practice"]:
        log = logs[shown["log"]]
        game = log.games[shown["game"]]
        assert (shown["target"], shown["guess"]) == (game.target, game.guess)
        for number, name in zip([shown["sketch"], *shown["candidates"]], [game.sketch, *game.candidates], strict=True):
            data = content["pictures"][number][0].split(",")[1]
            assert base64.b64decode(data) == (log.folder / name).read_bytes()
    assert len(set(content["pictures"])) == len(content["pictures"])
    assert all("log" not in game for game in study_content({"ours": logs["ours"]}, 12, 2, 0, "title")["rounds"])


def test_the_task_of_logs_of_different_games_is_right_in_all(tmp_path, make_full_log):
    logs = {}
    for game in ("original", "same", "different"):
        folder = make_full_log(tmp_path / game)
        card = json.loads((folder / "card.json").read_text())
        (folder / "card.json").write_text(json.dumps(card | {"game": game}))
        logs[game] = read_log(folder)
    assert study_content(logs, 3, 0, 0, "title")["task"] == MIXED_TASK
    del logs["different"]
    assert study_content(logs, 2, 0, 0, "title")["task"] == TASKS["original"]


def test_the_class_is_the_senders_where_several_candidates_have_it(tmp_path, make_full_log):
    folder = make_full_log(tmp_path)
    lines = [json.loads(line) for line in (folder / "games.jsonl").read_text().splitlines()]
    for line in lines:
        line["sender_class"], line["candidate_classes"] = "b", ["b", "a", "b", "c"]
    (folder / "games.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    content = study_content({"log": read_log(folder)}, 5, 0, 0, "title")
    assert [game["of_class"] for game in content["rounds"]] == [[0, 2]] * 5


def test_the_id_tells_studies_apart(tmp_path, make_full_log):
    log = read_log(make_full_log(tmp_path))
    arguments = [(8, 0, 0, "a"), (8, 0, 1, "a"), (7, 0, 0, "a"), (8, 1, 0, "a"), (8, 0, 0, "b")]
    assert len({study_content({"log": log}, *given)["id"] for given in arguments}) == 5
    assert study_content({"log": log}, 8, 0, 0, "a") == study_content({"log": log}, 8, 0, 0, "a")


def test_the_task_is_that_of_the_game_played(tmp_path, make_full_log):
    folder = make_full_log(tmp_path)
    card = json.loads((folder / "card.json").read_text())
    for game, task in (*TASKS.items(), (None, TASK)):
        (folder / "card.json").write_text(json.dumps(card | {"game": game}))
        assert study_content({"log": read_log(folder)}, 1, 0, 0, "title")["task"] == task


def study_of(text):
    return json.loads(re.search(r'<script type="application/json" id="study">(.*?)</script>', text, re.DOTALL)[1])


def test_the_page_of_an_official_log(tmp_path, make_log, random_games):
    folder = make_log(tmp_path / "log", random_games(20))
    said = TOOL.run("study", [str(folder), "-n", "6", "--practice", "2", "--output", str(tmp_path / "page.html")])
    text = (tmp_path / "page.html").read_text()
    content = study_of(text)
    expected = study_content({"log": read_log(folder)}, 6, 2, 0, "What does the sketch show?")
    assert content == json.loads(json.dumps(expected))
    assert f"study {content['id']}: 6 of 20 games and 2 for practice" in said
    assert content["task"] == TASK
    assert [game["of_class"] for game in content["rounds"]] == [None] * 6
    assert not re.search("https?:|src=|<link|@import|url[(]", text.replace('src="data:', ""))
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(content["pictures"][0][0].split(",")[1]))))
    assert pixels.shape == (4, 4, 3)


def test_a_title_is_text_whatever_it_holds(tmp_path, make_log, random_games):
    title = '</script><b>&amp; {{study}} "\\1" \u2028 ü'
    study([make_log(tmp_path / "log", random_games(2))], tmp_path / "page.html", 1, 0, 0, title)
    text = (tmp_path / "page.html").read_text()
    assert study_of(text)["title"] == title
    assert text.count("</script>") == 2
    assert "<title>&lt;/script&gt;&lt;b&gt;&amp;amp; {{study}} &quot;\\1&quot; \u2028 ü</title>" in text


def test_nothing_is_written_where_something_is_wrong(tmp_path, make_log, random_games):
    folder = make_log(tmp_path / "log", random_games(4))
    with pytest.raises(UsageError, match=r"--games 3 --practice 2 need 5 different games, but .* has 4"):
        study([folder], tmp_path / "page.html", 3, 2, 0, "title")
    other = make_log(tmp_path / "other", random_games(3))
    for games, practice, told in (
        (4, 3, r"--games 4 --practice 3 need 4 different games of each log, but .*other has 3"),
        (3, 0, r"--games 3 cannot be shared equally by 2 logs.\nGive a multiple of 2, such as 4"),
    ):
        with pytest.raises(UsageError, match=told):
            study([folder, other], tmp_path / "page.html", games, practice, 0, "title")
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(UsageError, match=r"log and .*link are the same log"):
        study([folder, other, tmp_path / "link"], tmp_path / "page.html", 3, 0, 0, "title")
    (tmp_path / "mine.html").write_text("mine")
    with pytest.raises(UsageError, match="already exists"):
        study([folder], tmp_path / "mine.html", 3, 0, 0, "title")
    assert (tmp_path / "mine.html").read_text() == "mine"
    damaged = folder / read_log(folder).games[2].sketch
    damaged.write_bytes(damaged.read_bytes()[:40])
    with pytest.raises(UsageError, match=damaged.name):
        study([folder], tmp_path / "page.html", 4, 0, 0, "title")
    assert not (tmp_path / "page.html").exists()


def test_the_senders_page_holds_photos_and_no_answers(tmp_path, make_full_log):
    folder = make_full_log(tmp_path)
    lines = [json.loads(line) for line in (folder / "games.jsonl").read_text().splitlines()]
    photos = [line["candidates"][line["target"]] for line in lines]
    lines[0]["sender_image"] = photos[1]  # in this game, the sender saw another picture than the target
    (folder / "games.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    log = read_log(folder)
    content = study_content({"log": log}, 12, 4, 0, "title", SENDER)
    receivers = study_content({"log": log}, 12, 4, 0, "title")
    assert content["logs"] == [{"log": "log", "digest": log.digest()}]
    for key in ("rounds", "practice"):
        for shown, other in zip(content[key], receivers[key], strict=True):
            assert {name: shown[name] for name in ("game", "order", "target")} == {
                name: other[name] for name in ("game", "order", "target")
            }
            assert not {"guess", "sketch", "of_class"} & {*shown}
            number = shown["game"]
            photo = base64.b64decode(content["pictures"][shown["photo"]][0].split(",")[1])
            assert photo == (folder / (photos[1] if number == 0 else photos[number])).read_bytes()
            assert shown["other"] == (number == 0)
            assert (shown["photo"] == shown["candidates"][shown["target"]]) == (number != 0)
            pen = dict(shown["pen"])
            half = math.exp(-((pen.pop("width") / 2) ** 2) / 0.01)  # ink at the edge of the stroke
            assert half == pytest.approx(0.5, abs=2e-3)
            assert pen == {"most": 3, "points": 2, "size": 12, "dark": True}
    assert len(content["pictures"]) == 8  # no sketches
    text = page(content)
    assert "function fitted" in text
    assert "attention" not in text
    assert "function fitted" not in page(receivers)


def test_the_senders_pen_is_as_wide_as_the_agents_strokes_with_more_contrast(tmp_path, make_full_log):
    folder = make_full_log(tmp_path)
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | {"contrast": 2.5}))
    content = study_content({"log": read_log(folder)}, 4, 0, 0, "title", SENDER)
    for shown in content["rounds"]:
        half = 2.5 * math.exp(-((shown["pen"]["width"] / 2) ** 2) / 0.01)  # ink at the edge of the stroke
        assert half == pytest.approx(0.5, abs=2e-3)


def test_the_senders_page_needs_strokes(tmp_path, make_log, random_games):
    folder = make_log(tmp_path / "log", random_games(4))
    with pytest.raises(UsageError, match=r"log has no strokes.npz.*\nGive a log that test has written"):
        study([folder], tmp_path / "page.html", 3, 0, 0, None, SENDER)
    assert not (tmp_path / "page.html").exists()


def test_some_games_show_the_target_in_place_of_the_sketch(tmp_path, make_full_log):
    log = read_log(make_full_log(tmp_path))
    content = study_content({"log": log}, 12, 4, 0, "title", attention=3)
    plain = study_content({"log": log}, 12, 4, 0, "title")
    checks = [shown["game"] for shown in content["rounds"] if shown.get("attention")]
    assert len(checks) == 3
    assert not any("attention" in shown for shown in content["practice"])
    for shown, other in zip(content["rounds"], plain["rounds"], strict=True):
        same = {name: value for name, value in shown.items() if name not in ("attention", "sketch")}
        assert same == {name: value for name, value in other.items() if name != "sketch"}
        sketch = shown["candidates"][shown["target"]] if shown["game"] in checks else other["sketch"]
        assert shown["sketch"] == sketch
    for role, count, told in (
        ("receiver", 12, r"--attention 12 leaves no game that counts \(--games 12\)"),
        (SENDER, 1, "--attention 1 is for --role receiver"),
    ):
        with pytest.raises(UsageError, match=told):
            study_content({"log": log}, 12, 4, 0, "title", role, count)


def test_the_policy_allows_exactly_the_origin_of_the_address(tmp_path, make_full_log):
    folder = make_full_log(tmp_path)

    def policy(name, address):
        study([folder], tmp_path / name, 3, 0, 0, "title", post_url=address)
        text = (tmp_path / name).read_text()
        assert study_of(text).get("post_url") == address
        return re.search(r'Content-Security-Policy"\s+content="(.*?)"', text)[1].split("; ")

    closed = policy("closed.html", None)
    assert "default-src 'none'" in closed
    assert not [part for part in closed if part.startswith("connect-src")]
    assert policy("post.html", "https://example.org/a/b?c=d&e") == [*closed, "connect-src https://example.org"]
    assert policy("port.html", "http://127.0.0.1:8000") == [*closed, "connect-src http://127.0.0.1:8000"]
    for wrong in (
        *("example.org", "ftp://example.org/", "https://", "https://a b/", "https://example.org;script-src *"),
        *("https://example.org *", "https://u:p@example.org/", "https://example.org:x/", "javascript:alert(1)"),
        *('https://example.org"', "https://example.org/\n*", "https://*.org/\u00fc"),
    ):
        with pytest.raises(UsageError, match=r"is not an address that a page can send to.\nGive an address such as"):
            study([folder], tmp_path / "wrong.html", 3, 0, 0, "title", post_url=wrong)
    assert not (tmp_path / "wrong.html").exists()


def test_the_text_of_the_consent(tmp_path, make_full_log):
    folder, consent = make_full_log(tmp_path), tmp_path / "consent.txt"
    consent.write_text("\ufeffI agree.\n\n</script><b> & more\n", encoding="utf-8")
    words = [str(folder), "-n", "3", "--consent", str(consent), "--output", str(tmp_path / "page.html")]
    TOOL.run("study", words)
    text = (tmp_path / "page.html").read_text()
    assert study_of(text)["consent"] == "I agree.\n\n</script><b> & more"
    assert text.count("</script>") == 2
    consent.write_text(" \n")
    with pytest.raises(UsageError, match=r"--consent .*consent.txt is empty"):
        TOOL.run("study", [*words, "--overwrite"])
    consent.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match=r"consent.txt cannot be read: it is not text in UTF-8"):
        TOOL.run("study", [*words, "--overwrite"])
    assert (tmp_path / "page.html").read_text() == text


def test_a_page_is_replaced_only_on_request(tmp_path, make_full_log):
    words = [str(make_full_log(tmp_path)), "--output", str(tmp_path / "page.html"), "-n"]
    TOOL.run("study", [*words, "3"])
    with pytest.raises(UsageError, match="already exists"):
        TOOL.run("study", [*words, "4"])
    TOOL.run("study", [*words, "4", "--overwrite"])
    assert len(study_of((tmp_path / "page.html").read_text())["rounds"]) == 4
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(UsageError, match="already exists"):
        TOOL.run("study", [words[0], "--output", str(tmp_path / "folder.html"), "--overwrite"])
