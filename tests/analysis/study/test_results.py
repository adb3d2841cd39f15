"""Rates of participants, of files of answers worked out by hand."""

import json
from copy import deepcopy

import pytest

from learning_to_draw.analysis.study import options as study_options
from learning_to_draw.analysis.study.answers import read_answers
from learning_to_draw.analysis.study.results import results, study_results
from learning_to_draw.errors import UsageError
from learning_to_draw.trials.tool import Tool

TOOL = Tool("analysis.study.results:study_results", "", "", study_options.add_study_results_options)


def answer(game, choice, seconds, *, target=0, agents=0, total=4, of_class=(0, 1), interrupted=False, **more):
    """Of `total` candidates those in `of_class` are of the sender's class."""
    return {
        "game": game,
        "choice": choice,
        "target": target,
        "candidates": total,
        "right": choice == target,
        "right_class": None if of_class is None else choice in of_class,
        "candidates_of_class": None if of_class is None else len(of_class),
        "seconds": seconds,
        "interrupted": interrupted,
        "agents_choice": agents,
        "agents_right": agents == target,
        "agents_right_class": None if of_class is None else agents in of_class,
        **more,
    }


def saved(participant, *answers, study="0123456789abcdef"):
    return {
        "format": "learning-to-draw study answers 1",
        "study": study,
        "title": "title",
        "participant": participant,
        "started": "2026-01-01T10:00:00.000Z",
        "finished": "2026-01-01T10:05:00.000Z",
        "answers": list(answers),
    }


# Anna is right in 3 games of 4, in none by class alone; Bert in 1, and in 2 more he has another of the class. The
# agents are right in games 3, 5 and 9 of 3, 5, 7, 9; in game 7 they choose another of the class. Game 9 has one
# candidate of the class in ten.
ANNA = saved(
    "Anna",
    answer(3, 0, 1.0),
    answer(7, 0, 2.0, agents=1),
    answer(5, 0, 6.0),
    answer(9, 3, 99.0, total=10, of_class=(0,), interrupted=True),
)
BERT = saved(
    "Bert",
    answer(3, 1, 3.0),
    answer(7, 1, 3.0, agents=1),
    answer(5, 0, 3.0),
    answer(9, 3, 5.0, total=10, of_class=(0,)),
)


@pytest.fixture
def files(tmp_path):
    def write(*contents):
        paths = [tmp_path / f"answers-{number}.json" for number in range(len(contents))]
        for path, content in zip(paths, contents, strict=True):
            path.write_text(content if isinstance(content, str) else json.dumps(content))
        return paths

    return write


def test_the_numbers(files, tmp_path):
    printed = study_results(files(ANNA, BERT), tmp_path / "numbers.json")
    numbers = json.loads((tmp_path / "numbers.json").read_text())
    anna, bert = numbers["participants"]
    assert (anna["participant"], anna["answers"], anna["right"], anna["rate"]) == ("Anna", 4, 3, 0.75)
    assert anna["interval"] == pytest.approx([0.3006, 0.9544], abs=5e-5)
    assert (anna["right_class"], anna["class_rate"]) == (3, 0.75)
    assert anna["seconds"] == 3.0  # without the interrupted one
    assert (bert["right"], bert["rate"], bert["right_class"], bert["class_rate"]) == (1, 0.25, 3, 0.75)
    assert bert["interval"] == pytest.approx([0.0456, 0.6994], abs=5e-5)
    assert bert["seconds"] == 3.5
    together = numbers["together"]
    assert (together["answers"], together["right"], together["rate"]) == (8, 4, 0.5)
    assert (together["right_class"], together["class_rate"]) == (6, 0.75)
    assert together["interval"] == pytest.approx([0.2152, 0.7848], abs=5e-5)
    assert together["seconds"] == pytest.approx(23 / 7)
    agents = numbers["agents"]  # every game once
    assert (agents["answers"], agents["right"], agents["right_class"]) == (4, 3, 4)
    assert (agents["rate"], agents["class_rate"]) == (0.75, 1.0)
    assert numbers["chance"]["rate"] == pytest.approx((3 / 4 + 1 / 10) / 4)
    assert numbers["chance"]["class_rate"] == pytest.approx((3 * 2 / 4 + 1 / 10) / 4)
    spread = numbers["over_participants"]
    # sqrt(2 * 0.25^2 / (2 - 1)). A quarter of all resamples has only Bert, and a quarter only Anna.
    assert spread["rate"].pop("interval") == [0.25, 0.75]
    assert spread["rate"] == pytest.approx({"mean": 0.5, "deviation": 0.5**0.5 / 2})
    assert spread["class_rate"] == {"mean": 0.75, "deviation": 0.0, "interval": [0.75, 0.75]}
    # All: 4 of 8 agree, as many as by chance. Anna: (1/2 - 5/8) / (3/8). Bert: (1/2 - 3/8) / (5/8).
    assert numbers["agreement"] == {"kappa": 0.0, "interval": pytest.approx([-1 / 3, 1 / 5])}
    assert numbers["logs"] is None
    assert (numbers["study"], numbers["games"]) == ("0123456789abcdef", 4)
    assert printed.splitlines() == [
        "study 0123456789abcdef: 4 games, 2 participants",
        "",
        "              answers  right   95 % interval  class   95 % interval  seconds",
        "Anna                4  0.750  0.301 to 0.954  0.750  0.301 to 0.954      3.0",
        "Bert                4  0.250  0.046 to 0.699  0.750  0.301 to 0.954      3.5",
        "all together        8  0.500  0.215 to 0.785  0.750  0.409 to 0.929      3.3",
        "the agents          4  0.750  0.301 to 0.954  1.000  0.510 to 1.000",
        "chance                 0.212                  0.400",
        "",
        "right: mean over participants 0.500 (0.250 to 0.750), standard deviation 0.354",
        "class: mean over participants 0.750 (0.750 to 0.750), standard deviation 0.000",
        "Cohen's kappa of right and wrong between people and agents in the same games: 0.000 (-0.333 to 0.200)",
        "Intervals in brackets are 95 % intervals over participants (bootstrap).",
        "Other intervals assume that games are independent, which those of one participant are not.",
    ]


def test_rates_of_each_log(files, tmp_path):
    # Both logs have a game 3. Eva is right in games 3 and 4 of "b", Finn in game 3 of "b"; "a" has ten candidates, and
    # only Finn played its game 5. The agents are right in all games except for game 4 of "b".
    def of(log, *given, **more):
        return {"log": log, **answer(*given, **more)}

    eva = saved("Eva", of("b", 3, 0, 1.0), of("a", 3, 9, 1.0, total=10), of("b", 4, 0, 1.0, agents=1))
    finn = saved(
        "Finn", of("b", 3, 0, 1.0), of("a", 3, 9, 1.0, total=10), of("a", 5, 0, 1.0), of("b", 4, 2, 1.0, agents=1)
    )
    printed = study_results(files(eva, finn), tmp_path / "numbers.json")
    numbers = json.loads((tmp_path / "numbers.json").read_text())
    assert numbers["games"] == 4
    a, b = numbers["logs"]
    assert (a["log"], a["games"], b["log"], b["games"]) == ("a", 2, "b", 2)
    people, agents = a["together"], a["agents"]
    assert (people["answers"], people["right"], agents["answers"], agents["right"]) == (3, 1, 2, 2)
    assert a["chance"]["rate"] == pytest.approx((1 / 10 + 1 / 10 + 1 / 4) / 3)
    people, agents = b["together"], b["agents"]
    assert (people["answers"], people["right"], agents["answers"], agents["right"]) == (4, 3, 2, 1)
    assert people["interval"] == pytest.approx([0.3006, 0.9544], abs=5e-5)
    assert printed.splitlines()[2:14] == [
        "              answers  right   95 % interval  class   95 % interval  seconds",
        "Eva                 3  0.667  0.208 to 0.939  0.667  0.208 to 0.939      1.0",
        "Finn                4  0.500  0.150 to 0.850  0.500  0.150 to 0.850      1.0",
        "all together        7  0.571  0.250 to 0.842  0.571  0.250 to 0.842      1.0",
        "the agents          4  0.750  0.301 to 0.954  1.000  0.510 to 1.000",
        "chance                 0.207                  0.414",
        "",
        "log       answers  people   95 % interval  games  agents   95 % interval  chance",
        "a               3   0.333  0.061 to 0.792      2   1.000  0.342 to 1.000   0.150",
        "b               4   0.750  0.301 to 0.954      2   0.500  0.095 to 0.905   0.250",
        "all logs        7   0.571  0.250 to 0.842      4   0.750  0.301 to 0.954   0.207",
        "",
    ]


def test_a_log_without_classes(files, tmp_path):
    answers = [answer(game, game % 2, 2, total=2, of_class=None) for game in range(5)]
    (path,) = files(saved("", *answers))
    printed = TOOL.run("study-results", [str(path), "--json", str(tmp_path / "numbers.json")])
    assert printed.splitlines() == [
        "study 0123456789abcdef: 5 games, 1 participant",
        "",
        "              answers  right   95 % interval  seconds",
        "answers-0           5  0.600  0.231 to 0.882      2.0",
        "all together        5  0.600  0.231 to 0.882      2.0",
        "the agents          5  1.000  0.566 to 1.000",
        "chance                 0.500",
        "",
        "Cohen's kappa of right and wrong between people and agents in the same games: 0.000",
        "Intervals assume that games are independent, which those of one participant are not.",
        "The log of the study has no classes, so there is no class rate.",
    ]
    numbers = json.loads((tmp_path / "numbers.json").read_text())
    assert numbers["together"]["class_rate"] is numbers["chance"]["class_rate"] is None
    assert numbers["over_participants"] is None


def test_games_that_showed_the_target_count_in_no_rate(files, tmp_path):
    more = [answer(20, 0, 1.0, attention=True, agents=1), answer(21, 3, 1.0, attention=True, agents=1)]
    anna, bert = deepcopy(ANNA), deepcopy(BERT)
    anna["answers"] += more
    bert["answers"].insert(0, more[1])
    printed = study_results(files(anna, bert, saved("Cleo", answer(3, 0, 2.0))), tmp_path / "numbers.json")
    numbers = json.loads((tmp_path / "numbers.json").read_text())
    without = json.loads(json.dumps(results(read_answers(files(ANNA, BERT, saved("Cleo", answer(3, 0, 2.0)))))))
    checks = [{"games": 2, "passed": 1}, {"games": 1, "passed": 0}, None]
    assert [row.pop("attention") for row in numbers["participants"]] == checks
    for row in without["participants"]:
        del row["attention"]
    assert numbers == without
    lines = printed.splitlines()
    assert lines[2].endswith("seconds  attention")
    assert lines[3].endswith("3.0     1 of 2")
    assert lines[4].endswith("3.5     0 of 1")
    assert lines[5].endswith("2.0")


def test_times_that_say_nothing_are_left_out(files):
    printed = study_results(files(saved("Cleo", answer(0, 0, 5.0, interrupted=True))), None)
    assert printed.splitlines()[3] == "Cleo                1  1.000  0.207 to 1.000  1.000  0.207 to 1.000"


def test_participants_of_one_name_are_told_apart_by_file(files):
    paths = files(ANNA, saved("Anna\n", answer(3, 2, 1.0)))
    lines = study_results(paths, None).splitlines()
    assert [line.split("  ")[0] for line in lines[3:5]] == [f"Anna ({path})" for path in paths]
    told = "Anna has 2 files, which count as 2 participants. If they are of one person, leave out all but one."
    assert told in lines
    assert "files, which count" not in study_results(files(ANNA, BERT), None)


def test_answers_that_do_not_belong_together(files, tmp_path):
    other = saved("Bert", answer(3, 1, 3.0), study="another")
    with pytest.raises(
        UsageError, match=r"answers-1.json belongs to the study another, and .*answers-0.json to the study 0123"
    ):
        study_results(files(ANNA, other), tmp_path / "numbers.json")
    with pytest.raises(UsageError, match=r"answers-0.json and .*answers-2.json have the same content"):
        study_results(files(ANNA, BERT, json.dumps(ANNA, indent=4)), tmp_path / "numbers.json")
    path = files(ANNA)[0]
    with pytest.raises(UsageError, match="the same content"):
        study_results([path, path], tmp_path / "numbers.json")
    assert not (tmp_path / "numbers.json").exists()
    (tmp_path / "mine.json").write_text("mine")
    with pytest.raises(UsageError, match="already exists"):
        study_results([path], tmp_path / "mine.json")
    assert (tmp_path / "mine.json").read_text() == "mine"


def changed(**fields):
    content = deepcopy(ANNA)
    content["answers"][1] |= fields
    return content


DAMAGED = {
    "cut short": (json.dumps(ANNA)[:300], "cannot be read"),
    "of no file": (None, "No such file"),
    "a log": ([{"reciever_guess": 0}], "Expected `object`, got `array`"),
    "of a later version": (
        ANNA | {"format": "learning-to-draw study answers 2"},
        r"study answers 2' - at `\$\.format`",
    ),
    "no name": (ANNA | {"participant": None}, r"Expected `str`, got `null` - at `\$\.participant`"),
    "a study of numbers": (ANNA | {"study": 7}, r"Expected `str`, got `int` - at `\$\.study`"),
    "no answers": (ANNA | {"answers": []}, "Expected `array` of length >= 1"),
    "answers of text": (ANNA | {"answers": "all"}, "Expected `array`, got `str`"),
    "an answer of text": (ANNA | {"answers": ["a"]}, r"Expected `object`, got `str` - at `\$\.answers\[0\]`"),
    "the same game twice": (ANNA | {"answers": ANNA["answers"][:1] * 2}, "two answers for one game"),
    "the same game of a log twice": (
        ANNA | {"answers": [{"log": "a", **ANNA["answers"][0]}] * 2},
        "two answers for one game",
    ),
    "no answer that counts": (
        ANNA | {"answers": [answer(3, 0, 1.0, attention=True)]},
        "no answer to a game that counts",
    ),
    "attention of text": (changed(attention="yes"), r"Expected `bool`, got `str` - at `\$\.answers\[1\]\.attention`"),
    "a log of numbers": (changed(log=7), r"Expected `str`, got `int` - at `\$\.answers\[1\]\.log`"),
    "no candidates": (changed(candidates=0), r"Expected `int` >= 1 - at `\$\.answers\[1\]\.candidates`"),
    "a choice too far": (changed(choice=4), "choice is 4"),
    "a choice below 0": (changed(choice=-1), r"Expected `int` >= 0 - at `\$\.answers\[1\]\.choice`"),
    "a choice of True": (changed(choice=True), "Expected `int`, got `bool`"),
    "a target of text": (changed(target="0"), r"Expected `int`, got `str` - at `\$\.answers\[1\]\.target`"),
    "agents too far": (changed(agents_choice=9), "agents_choice is 9"),
    "a game of text": (changed(game="7"), r"Expected `int`, got `str` - at `\$\.answers\[1\]\.game`"),
    "right, which it is not": (changed(choice=2), "right is True, but choice is 2 and target is 0"),
    "agents right, which they are not": (changed(agents_right=True), "agents_right is True, but agents_choice is 1"),
    "half a class": (changed(right_class=None), "right_class is None, but candidates_of_class is 2"),
    "more of a class than all": (changed(candidates_of_class=5), "candidates_of_class is 5"),
    "time that runs back": (changed(seconds=-1), "Expected `float` >= 0"),
    "no number of seconds": (changed(seconds=float("nan")), "Expected `float` >= 0"),
    "seconds of True": (changed(seconds=True), "Expected `float`, got `bool`"),
    "interrupted by what": (changed(interrupted=None), "Expected `bool`, got `null`"),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_damaged_answers_are_named(what, files, tmp_path):
    content, told = DAMAGED[what]
    paths = files(BERT, "" if content is None else content)
    if content is None:
        paths[1].unlink()
    with pytest.raises(UsageError, match=told) as error:
        study_results(paths, tmp_path / "numbers.json")
    assert str(paths[1]) in str(error.value)
    assert not (tmp_path / "numbers.json").exists()
