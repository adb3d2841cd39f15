"""`commgame.py reproduce human`: a study page with games of Table 1's agents, and people's rates in these games."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from learning_to_draw.analysis.study.answers import read_answers
from learning_to_draw.analysis.study.page import page, study_content
from learning_to_draw.analysis.study.results import results
from learning_to_draw.experiments.jobs import Job
from learning_to_draw.text_tables import markdown
from learning_to_draw.trials.records.atomic import write_text
from learning_to_draw.trials.records.gamelog import read_log

FOLDER = "study"  # subfolder of the table's folder, for the page and people's answers
GAMES_OF_A_PAIR, PRACTICE, SEED = 10, 3, 0
TITLE = "What does the sketch show?"


def beside_people(jobs: Sequence[Job]) -> str:
    """Writes one study page for all rows, unless it exists. Returns a Markdown table of people's and agents' rates.

    The page's file name contains the page's id, because a call with other rows writes another page. The rates are from
    the answer files in the page's folder. Files of answers to other pages are not used, but a line below the table
    counts them. jobs: must be finished; people play games of the first job of each row. Raises UsageError if a file of
    answers is damaged.
    """
    pairs: dict[str, Job] = {}
    for job in jobs:
        pairs.setdefault(job.row.name, job)
    logs = {name: read_log(job.tested) for name, job in pairs.items()}
    games = GAMES_OF_A_PAIR * len(logs)
    content = study_content(logs, games, PRACTICE, SEED, TITLE)
    folder = jobs[0].output / FOLDER
    folder.mkdir(exist_ok=True)
    file = folder / f"study-{content['id']}.html"
    if not file.exists():
        write_text(file, page(content), new=True)
    files = sorted(folder.glob("*.json"))
    answers = [path for path in files if read_answers([path])[0].study == content["id"]]
    others = len(files) - len(answers)
    numbers = results(read_answers(answers)) if answers else {"participants": [], "logs": None}
    by_pair = {log["log"]: log for log in numbers["logs"] or ()} if len(pairs) > 1 else dict.fromkeys(pairs, numbers)
    cells = [["row", "answers", "people, %", "95 %", "agents, %", "95 %", "chance, %", "people, class, %"]]
    cells += [[job.row.title, *_numbers(by_pair.get(name, {}))] for name, job in pairs.items()]
    if len(pairs) > 1:
        cells.append(["all pairs", *_numbers(numbers)])
    return "\n".join(
        [
            f"People and agents in the same {games} games, {GAMES_OF_A_PAIR} of each pair; "
            f"participants: {len(numbers['participants'])}",
            "",
            markdown(cells),
            "",
            f"The study page is {file}.",
            "Put the answer files that the page saves into the same folder, and run this command again.",
            *([f"Answer files of other pages in that folder: {others}; study-results reads them."] if others else []),
        ]
    )


def _numbers(rates: Mapping[str, Any]) -> list[str]:
    """The cells of a table row, without its title. rates: from `results`; they lack "together" if nobody has played."""
    if "together" not in rates:
        return ["0", *[""] * 6]
    people, agents, chance = rates["together"], rates["agents"], rates["chance"]
    shares = [people["rate"], people["interval"], agents["rate"], agents["interval"], chance["rate"]]
    return [str(people["answers"]), *map(_per_cent, [*shares, people["class_rate"]])]


def _per_cent(share: float | Sequence[float] | None) -> str:
    """A share, or the two bounds of an interval, in per cent; "" for None."""
    if share is None:
        return ""
    return f"{100 * share:.1f}" if isinstance(share, float) else " to ".join(f"{100 * bound:.1f}" for bound in share)
