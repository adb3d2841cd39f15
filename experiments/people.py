"""`commgame.py reproduce human`: a study page for every pair of Table 1, and the rates of the people who played."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from learning_to_draw.analysis.study.answers import read_answers
from learning_to_draw.analysis.study.page import study, study_content
from learning_to_draw.analysis.study.results import results
from learning_to_draw.experiments.jobs import Job
from learning_to_draw.text_tables import markdown
from learning_to_draw.trials.records.gamelog import read_log

FOLDER = "study"  # subfolder of the table's folder, for the pages and people's answers
GAMES, PRACTICE, SEED = 30, 3, 0
TITLE = "What does the sketch show?"


def beside_people(jobs: Sequence[Job]) -> str:
    """Writes the missing study pages. Returns a Markdown table of the answers in the folder of the pages.

    jobs: finished; people play with the first job of each row. Raises UsageError if a file of answers is damaged.
    """
    folder = jobs[0].output / FOLDER
    folder.mkdir(exist_ok=True)
    answers: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*.json")):
        answers.setdefault(read_answers([path])[0].study, []).append(path)
    cells = [["row", "people", "answers", "people, %", "agents, %", "chance, %", "people, class, %"]]
    first = {job.row: job for job in reversed(jobs)}
    for job in (job for job in jobs if job is first[job.row]):
        page = folder / f"{job.row.name}-seed-{job.seed}.html"
        if not page.exists():
            study(job.tested, page, GAMES, PRACTICE, SEED, TITLE)
        content = study_content(read_log(job.tested), GAMES, PRACTICE, SEED, TITLE)
        cells.append([job.row.title, *_numbers(answers.get(content["id"], []))])
    return "\n".join(
        [
            f"People and agents, on the same {GAMES} games:",
            "",
            markdown(cells),
            "",
            f"The study pages are in {folder}. Put the answer files that the pages save into that folder,",
            "and run this command again.",
        ]
    )


def _numbers(paths: Sequence[Path]) -> list[str]:
    """The table cells of one pair. paths: the files of answers to the pair's page."""
    if not paths:
        return ["0", "0", "", "", "", ""]
    numbers = results(read_answers(paths))
    together = numbers["together"]
    rates = (together["rate"], numbers["agents"]["rate"], numbers["chance"]["rate"], together["class_rate"])
    counts = (len(numbers["participants"]), together["answers"])
    return [*map(str, counts), *("" if rate is None else f"{100 * rate:.1f}" for rate in rates)]
