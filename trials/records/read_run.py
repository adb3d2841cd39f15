"""Reads the folder of a run of this program or of the official code. The run may be unfinished."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from learning_to_draw.errors import UsageError
from learning_to_draw.reading import MOST_BYTES, Options, cannot_read, inside, parse_json, read_bytes, read_json
from learning_to_draw.trials.config.config_file import SavedConfig
from learning_to_draw.trials.records.folder import TIMES
from learning_to_draw.trials.records.result import SavedResult
from learning_to_draw.trials.records.run_files import COMMAND_FILES

OFFICIAL_BATCH_SIZE = 48  # the official code's default
# A folder with any of these files holds a run, of this program or the official code.
RUN_FILES = ("config.json", "log.csv", *COMMAND_FILES.values(), "result.json", "model_final.pt", "gamelogs")

Row = Mapping[str, float | None]


class _Epoch(TypedDict):
    """The key that every line of metrics.jsonl has."""

    epoch: int


@dataclass(frozen=True)
class Run:
    """The content of a run's folder. The fields of missing files are empty.

    columns, rows: of log.csv, with the times from metrics.jsonl. A value in a row is None if it is missing or not a
    finite number. command: the command line. model: the text of model-info.txt.
    """

    folder: Path
    kind: str  # "train", "test", or "log" for a folder that is itself a game log
    config: SavedConfig
    result: SavedResult
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    command: str
    model: str

    @property
    def options(self) -> Options:
        return self.config.get("options", {})

    @property
    def dataset(self) -> str | None:
        return self._option("dataset") or self._word("--dataset")

    @property
    def game(self) -> str | None:
        """The game's name, such as original or mixed; None if the folder has neither options nor a command."""
        if self.options or self.command:
            name = self._option("object_oriented") or self._word("--object-oriented") or "none"
            return "original" if name == "none" else name
        return None

    @property
    def chance(self) -> float | None:
        """The result's chance level or, without a result, 1 / `candidates`; None if both are unknown."""
        if "chance" in self.result:
            return self.result["chance"]
        return 1 / self.candidates if self.candidates else None

    @property
    def candidates(self) -> int | None:
        if "candidates" in self.result:
            return self.result["candidates"]
        if self.game is None:
            return None
        name, default = ("batch_size", OFFICIAL_BATCH_SIZE) if self.game == "original" else ("num_targets", None)
        count = self.options[name] if name in self.options else self._word("--" + name.replace("_", "-")) or default
        text = str(count)
        return int(text) if len(text) < 10 and text.isdecimal() and int(text) > 0 else None

    @property
    def seconds(self) -> float:
        """The run's time: the time in result.json or the sum of the epochs' times, whichever is larger.

        For a resumed training, result.json has only the time since it was resumed.
        """
        return max(self.result.get("seconds", 0.0), sum(row.get("seconds") or 0 for row in self.rows))

    def _option(self, name: str) -> str | None:
        value = self.options.get(name)
        return None if value is None else str(value)

    def _word(self, name: str) -> str | None:
        """The value of the option `name`, such as --dataset, in the command; None if the option is not given."""
        words = self.command.replace(f"{name}=", f"{name} ").split()
        return words[words.index(name) + 1] if name in words[:-1] else None


def read_run(folder: Path) -> Run:
    """The run in a folder. Raises UsageError if a file is damaged, or the folder has no game log, training or test."""
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}.\nGive the folder of a run, as printed by train or test.")
    if not any((folder / name).exists() for name in (*RUN_FILES, "games.json")):
        raise UsageError(
            f"{folder} holds no run: it has none of {', '.join(RUN_FILES)}.\n"
            "Give the folder of a run, as printed by train or test."
        )
    config, result = _read_object(folder, "config.json", SavedConfig), _read_object(folder, "result.json", SavedResult)
    columns, rows = _with_times(*_read_rows(folder), _read_text(folder, "metrics.jsonl"))
    kind = _kind(folder, config, columns)
    command = _read_text(folder, COMMAND_FILES["train" if kind == "train" else "test"])
    return Run(folder, kind, config, result, columns, rows, command, _read_text(folder, "model-info.txt"))


def tests_beside(run: Run) -> list[Path]:
    """Folders beside `run.folder` that hold finished tests of the run's checkpoints, ordered by the tests' start."""
    here, tests = run.folder.resolve(), []
    for config_file in sorted(here.parent.glob("*/config.json")):
        with suppress(UsageError, ValueError, OSError, RuntimeError):  # another program's folder, or a loop of links
            config = _read_object(config_file.parent, "config.json", SavedConfig)
            weights = Path(str(config.get("options", {}).get("weights") or "."))
            # A relative path may start from another folder, and both folders may have been moved or copied since.
            moved = weights.parent.name == here.name and (here / weights.name).is_file()
            if (moved or here in weights.resolve().parents) and _holds_log(config_file.parent):
                tests.append((str(config.get("started")), config_file.parent))
    return [folder for _, folder in sorted(tests)]


def run_of(log: Path) -> Path:
    """The folder of the run that wrote a game log; the log's own folder if it is not in a run."""
    return log.parent if log.name == "gamelogs" else log


def tested_epochs(log: Path) -> int | None:
    """The number of epochs that the agents had trained when they played a test's game log; None if it is not known."""
    with suppress(UsageError):
        epoch = read_run(run_of(log)).result.get("epoch")
        return epoch + 1 if isinstance(epoch, int) else None
    return None


def own_log(run: Run) -> list[Path]:
    """[the run's folder] if there is a game log in it, otherwise []."""
    return [run.folder] if _holds_log(run.folder) else []


def _holds_log(folder: Path) -> bool:
    return any((folder / name / "games.json").is_file() for name in ("", "gamelogs"))


def _kind(folder: Path, config: Mapping[str, Any], columns: Sequence[str]) -> str:
    command = config.get("command")
    if command is not None and command not in ("train", "test"):
        raise UsageError(
            f"{folder} is neither a training nor a test, but a run of {command}.\n"
            "Give the folder of a training or a test."
        )
    if command:
        return command
    if (folder / "train_cmd.txt").exists() or "val_loss" in columns:
        return "train"
    return "log" if (folder / "games.json").is_file() else "test"


def _read_object(folder: Path, name: str, schema: Any) -> Any:
    """The content of a JSON file with the type `schema`; an empty `schema` if the file is missing."""
    path = inside(folder, name)
    return read_json(path, schema) if path.is_file() else schema()


def _read_text(folder: Path, name: str) -> str:
    path = inside(folder, name)
    if not path.is_file():
        return ""
    return read_bytes(path, MOST_BYTES).decode(encoding="utf-8", errors="replace").strip()


def _read_rows(folder: Path) -> tuple[tuple[str, ...], tuple[Row, ...]]:
    """The columns and rows of log.csv. An incomplete last row is kept, with None for its missing values."""
    table = csv.DictReader(io.StringIO(_read_text(folder, "log.csv"), newline=""))
    try:
        columns = tuple(table.fieldnames or ())
        return columns, tuple(_numbers(table, columns))
    except csv.Error as error:
        raise cannot_read(folder / "log.csv", str(error)) from error


def _with_times(columns: tuple[str, ...], rows: tuple[Row, ...], text: str) -> tuple[tuple[str, ...], tuple[Row, ...]]:
    """Columns and rows with the columns TIMES added from `text`, the content of metrics.jsonl.

    Older logs have these columns in log.csv; official logs do not have them.
    """
    wanted = [name for name in TIMES if name not in columns]
    times: dict[Any, Mapping[str, Any]] = {}
    for line in text.splitlines():
        with suppress(ValueError, KeyError):  # an incomplete or edited line
            row = parse_json(line, _Epoch)
            times[row["epoch"]] = {name: _number(row[name]) for name in wanted}
    if not times or not rows:
        return columns, rows
    missing = dict.fromkeys(wanted)
    return (*columns, *wanted), tuple({**row, **times.get(row["epoch"], missing)} for row in rows)


def _numbers(table: csv.DictReader, columns: Sequence[str]) -> Iterator[Row]:
    for entry in table:
        row = {column: _number(entry.get(column)) for column in columns}
        if row.get("epoch") is not None:
            yield row


def _number(text: Any) -> float | None:
    try:
        value = float(text)
    except (TypeError, ValueError, OverflowError):
        return None
    return value if math.isfinite(value) else None
