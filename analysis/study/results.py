"""`commgame.py study-results`: how often players of a `study` were right, compared with the agents and chance.

If people drew, an answer is what the trained receiver guessed from a drawing.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from learning_to_draw.analysis.study.agreement import agreement, interval_of, resamples
from learning_to_draw.analysis.study.answers import Answer, Participant, game_of, hold_drawings, read_answers
from learning_to_draw.analysis.study.drawings import as_answers, read_drawings, sources_of
from learning_to_draw.analysis.study.page import RECEIVER, SENDER
from learning_to_draw.console import import_torch
from learning_to_draw.errors import UsageError
from learning_to_draw.games.scores import rate_interval
from learning_to_draw.text_tables import aligned
from learning_to_draw.trials.records.atomic import write_json
from learning_to_draw.trials.records.output import check_new


def study_results(
    answers: Sequence[Path],
    json: Path | None,
    weights: Sequence[Path] | None = None,
    logs: Sequence[Path] | None = None,
    trust_weights: bool = False,
    plugin: Path | None = None,
) -> str:
    """Returns a table of how often people were right; also writes the numbers to `json`, if given.

    answers: files of answers or of drawings. weights, logs, trust_weights, plugin: for drawings only, see
    analysis/study/options.py. Raises UsageError if a file is damaged or given twice, files are of different studies, or
    weights and logs do not fit the study.
    """
    if json is not None:
        check_new(json)
    if hold_drawings(answers):
        numbers = _results_of_drawings(answers, weights or (), logs or (), trust_weights, plugin)
    elif weights or logs:
        raise UsageError(f"--weights and --logs are for drawings, and {answers[0]} holds answers.\nLeave them out.")
    else:
        numbers = results(read_answers(answers))
    if json is not None:
        write_json(json, numbers, new=True)
    return table(numbers)


def _results_of_drawings(
    files: Sequence[Path], weights: Sequence[Path], logs: Sequence[Path], trust: bool, plugin: Path | None
) -> dict[str, Any]:
    """Returns the dict of `results` with one more key, "guesses": what the receiver guessed from each drawing."""
    for option, given, needed in (
        ("--logs", logs, "the logs that the page was made from, with --logs"),
        ("--weights", weights, "the agents whose receiver guesses, with --weights"),
    ):
        if not given:
            raise UsageError(f"{files[0]} holds drawings, which need {option}.\nGive {needed}.")
    drawn = read_drawings(files)
    sources = sources_of(drawn, logs, weights)
    import_torch()
    from learning_to_draw.analysis.study.guesses import receiver_guesses

    participants = as_answers(drawn, sources, receiver_guesses(drawn, sources, trust, plugin))
    keys = ("log", "game", "choice", "target", "right", "agents_choice")
    guesses = [
        {"participant": one.label, **{key: answer[key] for key in keys if key in answer}}
        for one in participants
        for answer in one.answers
    ]
    return {**results(participants, SENDER), "guesses": guesses}


def results(participants: Sequence[Participant[Answer]], role: str = RECEIVER) -> dict[str, Any]:
    """Returns the results of a study, JSON-serialisable. role: the role that the people played.

    Games in which the page showed the target in place of the sketch (attention) are left out of all rates; each
    participant's row says how many of these games the participant got right. Entries of the result:

    - participants (one dict each), together, agents: the rates of each person, of all people and of the agents, see
      `_rates`. Those of the agents count each game once, however many people played it.
    - chance: expected rates of random choices, averaged over all answers.
    - logs: one dict per log, sorted by name, with "log" (the name), "games" (the number of games), and "together",
      "agents" and "chance" as above; None if the page was made from one log.
    - over_participants: mean and standard deviation of the participants' rates, and the mean's interval over
      participants; None for one participant. The intervals of `_rates` treat all games as independent. For all people
      together, they are too narrow if people differ much, which the standard deviation shows.
    - agreement: Cohen's kappa of being right or wrong, between people and agents, and its interval over participants.
    """
    scored = [[answer for answer in one.answers if not answer.get("attention")] for one in participants]
    everything = [answer for answers in scored for answer in answers]
    rows = [
        {
            **{"participant": one.label, "file": str(one.file)},
            **_rates(answers),
            **{"seconds": _seconds(answers), "attention": _attention(one.answers)},
        }
        for one, answers in zip(participants, scored, strict=True)
    ]
    logs = sorted({answer["log"] for answer in everything if "log" in answer})
    return {
        "study": participants[0].study,
        "role": role,
        "participants": rows,
        **_compared(everything),
        "over_participants": _spread(rows) if len(rows) > 1 else None,
        "agreement": agreement(*([[a[key] for a in each] for each in scored] for key in ("right", "agents_right"))),
        "logs": [{"log": log, **_compared([a for a in everything if a.get("log") == log])} for log in logs] or None,
    }


def _compared(answers: Sequence[Answer]) -> dict[str, Any]:
    """Returns the number of games in the answers, and the rates of people, of agents in these games, and of chance."""
    games = {game_of(answer): answer for answer in answers}
    with_class = [answer for answer in answers if answer["candidates_of_class"] is not None]
    return {
        "games": len(games),
        "together": {**_rates(answers), "seconds": _seconds(answers)},
        "agents": _rates(list(games.values()), "agents_"),
        "chance": {
            "rate": _mean([1 / answer["candidates"] for answer in answers]),
            "class_rate": _mean([answer["candidates_of_class"] / answer["candidates"] for answer in with_class]),
        },
    }


def table(found: Mapping[str, Any]) -> str:
    """Returns aligned text with one line for each participant, for all together, for the agents, and for chance."""
    classes = found["together"]["class_rate"] is not None
    names = ("rate", "class_rate") if classes else ("rate",)
    attention = any(row["attention"] for row in found["participants"])
    things = "drawings" if found["role"] == SENDER else "answers"
    lines = [["", things, "right", "95 % interval", *(["class", "95 % interval"] if classes else []), "seconds"]]
    people = [(row["participant"], row) for row in found["participants"]]
    for label, row in [*people, ("all together", found["together"]), ("the agents", found["agents"])]:
        rates = [cell for name in names for cell in _cells(row, name)]
        lines.append([label, str(row["answers"]), *rates, _text(row.get("seconds"), 1)])
    chance = [cell for name in names for cell in (_text(found["chance"][name], 3), "")]
    lines.append(["chance", "", *chance, ""])
    if attention:
        checks = ["attention", *(_passed(row["attention"]) for _, row in people), "", "", ""]
        lines = [[*line, check] for line, check in zip(lines, checks, strict=True)]
    head = f"study {found['study']}: {_counted(found['games'], 'game')}, {_counted(len(people), 'participant')}"
    logs = [_table_of_logs(found), ""] if found["logs"] else []
    return "\n".join([head, "", aligned(lines), "", *logs, *_notes(found, classes)])


def _table_of_logs(found: Mapping[str, Any]) -> str:
    """Returns a table with one line for each log, and one for all logs together.

    Each line has the rates of people, of the agents in the same games, and of chance.
    """
    lines = [["log", "answers", "people", "95 % interval", "games", "agents", "95 % interval", "chance"]]
    for log in (*found["logs"], {**found, "log": "all logs"}):
        name = "".join(filter(str.isprintable, log["log"]))
        people = [str(log["together"]["answers"]), *_cells(log["together"], "rate")]
        agents = [str(log["games"]), *_cells(log["agents"], "rate")]
        lines.append([name, *people, *agents, _text(log["chance"]["rate"], 3)])
    return aligned(lines)


def _rates(answers: Sequence[Mapping[str, Any]], who: str = "") -> dict[str, Any]:
    """Returns number and rate of right answers, and the rate's interval; the same for answers of the right class.

    The numbers for the class are None if the log has no classes. who: the prefix of the answers' keys: "agents_" for
    the agents, "" for the people.
    """
    right = [answer[f"{who}right"] for answer in answers]
    of_class = [answer[f"{who}right_class"] for answer in answers if answer[f"{who}right_class"] is not None]
    return {
        "answers": len(answers),
        "right": sum(right),
        "rate": _mean(right),
        "interval": rate_interval(sum(right), len(right)),
        "right_class": sum(of_class) if of_class else None,
        "class_rate": _mean(of_class),
        "class_interval": rate_interval(sum(of_class), len(of_class)) if of_class else None,
    }


def _seconds(answers: Sequence[Mapping[str, Any]]) -> float | None:
    """Returns the mean time of the answers that were not interrupted."""
    return _mean([answer["seconds"] for answer in answers if not answer["interrupted"]])


def _attention(answers: Sequence[Answer]) -> dict[str, int] | None:
    """Returns how many games showed the target in place of the sketch, and how many of these were answered correctly.

    Returns None if there were no such games.
    """
    checks = [answer["right"] for answer in answers if answer.get("attention")]
    return {"games": len(checks), "passed": sum(checks)} if checks else None


def _passed(attention: Mapping[str, int] | None) -> str:
    return f"{attention['passed']} of {attention['games']}" if attention else ""


def _mean(values: Sequence[float]) -> float | None:
    return statistics.fmean(values) if values else None


def _spread(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns mean, sample standard deviation (n - 1) and the mean's interval over participants, for each rate.

    The entry of a rate is None if a participant lacks the rate.
    """
    spread = {}
    for name in ("rate", "class_rate"):
        values = [row[name] for row in rows if row[name] is not None]
        known = len(values) == len(rows)
        spread[name] = None
        if known:
            means = np.array(values)[resamples(len(values))].mean(axis=1)
            spread[name] = {"mean": statistics.fmean(values), "deviation": statistics.stdev(values)}
            spread[name]["interval"] = interval_of(means)
    return spread


def _cells(row: Mapping[str, Any], name: str) -> list[str]:
    """Returns a rate and its interval as text."""
    interval = row[name.replace("rate", "interval")]
    return [_text(row[name], 3), "" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"]


def _text(number: float | None, digits: int) -> str:
    return "" if number is None else f"{number:.{digits}f}"


def _interval(numbers: Mapping[str, Any]) -> str:
    low, high = numbers["interval"]
    return f"{low:.3f} to {high:.3f}"


def _notes(found: Mapping[str, Any], classes: bool) -> list[str]:
    # Without the file that `together` adds to a label if several files have it.
    times = Counter(row["participant"].removesuffix(f" ({row['file']})") for row in found["participants"])
    notes = [
        f"{label} has {count} files, which count as {count} participants. If they are of one person, leave out all "
        "but one."
        for label, count in times.items()
        if count > 1
    ]
    if found["over_participants"] is not None:
        for name, words in (("rate", "right"), ("class_rate", "class")):
            if spread := found["over_participants"][name]:
                mean, deviation = spread["mean"], spread["deviation"]
                notes.append(
                    f"{words}: mean over participants {mean:.3f} ({_interval(spread)}), "
                    f"standard deviation {deviation:.3f}"
                )
    if (kappa := found["agreement"]["kappa"]) is not None:
        over = f" ({_interval(found['agreement'])})" if found["agreement"]["interval"] else ""
        notes.append(f"Cohen's kappa of right and wrong between people and agents in the same games: {kappa:.3f}{over}")
    if found["over_participants"] is not None:
        notes.append("Intervals in brackets are 95 % intervals over participants (bootstrap).")
    if found["role"] == SENDER:
        notes.append("People drew, and the trained receiver guessed from their drawings.")
    which = "Other intervals" if found["over_participants"] is not None else "Intervals"
    notes.append(f"{which} assume that games are independent, which those of one participant are not.")
    if not classes:
        notes.append("The log of the study has no classes, so there is no class rate.")
    return notes


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
