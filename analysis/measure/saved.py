"""Writes and reads the file of `measure --json`. Does not import torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from learning_to_draw.analysis.measure.table import Measured, as_json
from learning_to_draw.errors import UsageError
from learning_to_draw.reading import inside, read_json
from learning_to_draw.trials.records.read_run import run_of
from learning_to_draw.trials.records.run_files import NAMES

if TYPE_CHECKING:
    from learning_to_draw.analysis.measure.material import LogData

OWN_FILES = {name.split("/")[-1] for names in NAMES.values() for name in names}


class SavedLog(TypedDict):
    """The measures of one log. digest: that of the log (`GameLog.digest`). measures: name -> {"rows": [...], ...}."""

    digest: str
    measures: dict[str, dict[str, Any]]


class _MadeWith(TypedDict, total=False):
    """Options of `measure`."""

    sample: int
    seed: int


class Measures(_MadeWith):
    """The file of `measure --json`, which has further keys."""

    logs: list[SavedLog]


def content(
    materials: Sequence[LogData], found: Sequence[Mapping[str, Measured]], together: Mapping[str, Measured]
) -> dict[str, Any]:
    """Returns the content of the file. found: the results of each log. together: the results of all logs."""
    settings = materials[0].settings
    return {
        "features": settings.features,
        "sample": settings.sample,
        "seed": settings.seed,
        "logs": [
            {
                "log": material.log.title,
                "test": str(run_of(material.log.folder)),  # as in compare's runs.csv
                "digest": material.log.digest(),
                "games": len(material.log.games),
                "measures": as_json(measured),
            }
            for material, measured in zip(materials, found, strict=True)
        ],
        "all_logs": as_json(together),
    }


def read_measures(path: Path) -> Measures:
    """Returns the content of a file of `measure --json`. Raises UsageError for any other file."""
    return read_json(path, Measures, "Give a file that `measure --json` of this version has written.")


def measures_within(folders: Iterable[Path]) -> Iterator[Measures]:
    """Yields the contents of all files *.json in these folders that `measure --json` wrote."""
    for folder in folders:
        for path in sorted(folder.glob("*.json")):
            if path.name not in OWN_FILES:
                with suppress(UsageError):
                    yield read_measures(inside(folder, path.name))
