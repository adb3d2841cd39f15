"""`commgame.py reproduce human`: a study page for every pair of Table 1, and the rates of the people who played."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from learning_to_draw.analysis.study.answers import read_answers
from learning_to_draw.analysis.study.page import study, study_content
from learning_to_draw.analysis.study.results import results
from learning_to_draw.experiments.jobs import Job
from learning_to_draw.trials.records.gamelog import read_log

FOLDER = "study"  # in the folder of the table: pages, and the answers that people have saved
GAMES, PRACTICE, SEED = 30, 3, 0
TITLE = "What does the sketch show?"


def beside_people(jobs: Sequence[Job]) -> str:
    """Writes the missing pages. Returns a table of the answers in their folder, as Markdown.

    jobs: finished ones of all rows, of which the first of each row is played. Raises UsageError if a file of answers is
    damaged.
    """
    folder = jobs[0].output / FOLDER
    folder.mkdir(exist_ok=True)
    answers: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*.json")):
        answers.setdefault(read_answers([path])[0].study, []).append(path)
    cells = [
        ["row", "people", "answers", "people, %", "agents, %", "chance, %", "people, class, %"],
        ["---", *["---:"] * 6],
    ]
    first = {job.row: job for job in reversed(jobs)}
    for job in (job for job in jobs if job is first[job.row]):
        page = folder / f"{job.row.name}-seed-{job.seed}.html"
        if not page.exists():
            study(job.tested, page, GAMES, PRACTICE, SEED, TITLE)
        content = study_content(read_log(job.tested), GAMES, PRACTICE, SEED, TITLE)
        cells.append([job.row.title, *_numbers(answers.get(content["id"], []))])
    return "\n".join(
        [
            f"People beside the agents, on the same {GAMES} games:",
            "",
            *(f"| {' | '.join(row)} |" for row in cells),
            "",
            f"The pages to play are in {folder}. Put the files of answers that they save into that folder,",
            "and run this command again.",
        ]
    )


def _numbers(paths: Sequence[Path]) -> list[str]:
    """The cells of one pair, for the files of answers to its page."""
    if not paths:
        return ["0", "0", "", "", "", ""]
    numbers = results(read_answers(paths))
    together = numbers["together"]
    rates = (together["rate"], numbers["agents"]["rate"], numbers["chance"]["rate"], together["class_rate"])
    counts = (len(numbers["participants"]), together["answers"])
    return [*map(str, counts), *("" if rate is None else f"{100 * rate:.1f}" for rate in rates)]
