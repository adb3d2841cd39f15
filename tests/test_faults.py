"""What becomes of a run when the machine fails it: folders that cannot be written to, threads and programs that fail,
files that are cut short. What is promised stands in docs/reliability.md."""

import io
import os
import shutil
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from learning_to_draw import commgame
from learning_to_draw.analysis.report import sketch_map
from learning_to_draw.datasets import decoding
from learning_to_draw.datasets.decoding import each
from learning_to_draw.trials.loop.callbacks import EpochClock
from learning_to_draw.trials.loop.gamelog import GameLogWriter
from learning_to_draw.trials.records.folder import _versions, versions
from learning_to_draw.trials.resume import load_interrupted

SMALL = ["--batch-size", "150", "--device", "cpu"]
THREE_EPOCHS = ["train", *SMALL, "--epochs", "3", "--snapshot-interval", "1"]
NOBODY = 65534


def call(capsys, *arguments):
    """(exit code, stdout, stderr) of one call, in this process."""
    code = commgame.main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def content(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a finished training, run, and a test of it, tested."""
    folder = tmp_path_factory.mktemp("trained")
    assert commgame.main([*THREE_EPOCHS, "--output", str(folder / "run")]) == 0
    weights = str(folder / "run" / "model_final.pt")
    assert commgame.main(["test", *SMALL, "--weights", weights, "--output", str(folder / "tested")]) == 0
    return folder


@pytest.fixture
def place(trained):
    """A folder of the user who runs the test, with agents.pt in it. Root, whom no permission stops, becomes nobody."""
    place = Path(tempfile.mkdtemp())
    shutil.copy(trained / "run" / "model_final.pt", place / "agents.pt")
    is_root = os.geteuid() == 0
    if is_root:
        for path in (place, place / "agents.pt"):
            os.chown(path, NOBODY, NOBODY)
        os.setresgid(NOBODY, NOBODY, 0)
        os.setresuid(NOBODY, NOBODY, 0)  # the third, which is kept, brings root back
    try:
        if not all(os.access(file, os.R_OK) for file in (np.__file__, __file__)):
            pytest.skip("the packages, or these tests, are in a folder that is root's alone")
        assert not os.access("/", os.W_OK)  # else nothing here would be tested
        yield place
    finally:
        if is_root:
            os.setresuid(0, 0, 0)
            os.setresgid(0, 0, 0)
        for path in (place, *place.rglob("*")):
            path.chmod(0o755)
        shutil.rmtree(place)


def at_the_start_of_epoch(number, monkeypatch, fault):
    """Lets `fault()` happen in the next training at the start of an epoch, counted from 0."""
    start = EpochClock.on_start_epoch
    epochs = iter(range(10**6))

    def start_or_fault(self, state):
        if next(epochs) == number:
            fault()
        return start(self, state)

    monkeypatch.setattr(EpochClock, "on_start_epoch", start_or_fault)


@pytest.mark.parametrize("folder", ["locked", "locked/run", "locked/some/deeper/run"])
@pytest.mark.parametrize("command", ["train", "test", "crossplay"])
def test_a_folder_that_cannot_be_written_to_is_told_before_anything_is_computed(command, folder, place, capsys):
    weights = {"train": [], "test": ["--weights", place / "agents.pt"], "crossplay": [place / "agents.pt"] * 2}
    (place / "locked").mkdir(mode=0o555)
    code, out, err = call(capsys, command, *weights[command], "--output", place / folder)
    assert code == 2
    assert err.startswith(f"error: --output {place / folder} cannot be written to: no permission in {place / 'locked'}")
    assert out.count("\n") == 1  # what begins, and not what would be played
    assert list((place / "locked").iterdir()) == []


@pytest.fixture(scope="module")
def undisturbed(trained):
    """What is in the files of the training, for one who may not read them."""
    return content(trained / "run")


def test_a_folder_that_is_locked_while_training_ends_the_run_and_can_be_gone_on_with(
    undisturbed, place, capsys, monkeypatch
):
    run = place / "run"
    at_the_start_of_epoch(1, monkeypatch, lambda: run.chmod(0o555))
    code, _, err = call(capsys, *THREE_EPOCHS, "--output", run)
    assert code == 1
    assert err.startswith("failed: [Errno 13] Permission denied: ")
    assert [line.strip() for line in err.splitlines()[1:]] == ["Everything saved before is complete."]
    assert {path.name for path in run.iterdir() if path.suffix == ".pt"} == {
        *("model_00.pt", "model_best.pt", "resume.pt", "resume_previous.pt")
    }
    assert not list(run.glob(".*"))
    saved = torch.load(run / "model_00.pt", weights_only=True)["model"]
    same = torch.load(io.BytesIO(undisturbed[Path("model_00.pt")]), weights_only=True)["model"]
    assert all(torch.equal(value, same[key]) for key, value in saved.items())
    run.chmod(0o755)
    monkeypatch.undo()
    assert call(capsys, "train", "--resume", run)[0] == 0
    assert (run / "log.csv").read_bytes() == undisturbed[Path("log.csv")]


@pytest.mark.parametrize("gone", ["moved", "removed"])
def test_a_folder_that_goes_away_while_training_ends_the_run(gone, tmp_path, capsys, monkeypatch):
    run, moved = tmp_path / "run", tmp_path / "moved"
    fault = (lambda: run.rename(moved)) if gone == "moved" else (lambda: shutil.rmtree(run))
    at_the_start_of_epoch(1, monkeypatch, fault)
    code, _, err = call(capsys, *THREE_EPOCHS, "--output", run)
    assert code == 1
    assert err.startswith("failed: [Errno 2] No such file or directory: ")
    assert not run.exists()
    if gone == "moved":
        assert torch.load(moved / "model_00.pt", weights_only=True)["epoch"] == 0
        assert load_interrupted(moved).epochs == 1


def test_a_log_that_is_locked_while_testing_ends_the_test_without_half_lists(place, capsys, monkeypatch):
    log, step = place / "tested" / "gamelogs", GameLogWriter.on_step_validation

    def lock_and_step(self, state):
        if self._games:
            (log / "sketch-images").chmod(0o555)
        return step(self, state)

    monkeypatch.setattr(GameLogWriter, "on_step_validation", lock_and_step)
    code, _, err = call(capsys, "test", "--weights", place / "agents.pt", "--output", place / "tested")
    assert code == 1
    assert err.startswith("failed: [Errno 13] Permission denied: ")
    assert sorted(path.name for path in log.iterdir()) == ["sketch-images", "target-images"]
    assert not (place / "tested" / "result.json").exists()


def test_what_a_decoding_thread_stumbles_over_is_raised_and_the_others_end():
    begun = []

    def load(number):
        begun.append(number)
        time.sleep(0.01)
        if number == 100:
            raise KeyError("of no kind that is expected")
        return torch.zeros(1)

    with pytest.raises(KeyError, match="of no kind that is expected"):
        list(each(load, range(100_000), 4, "decoding"))
    assert max(begun) < 250  # of 356 that were waiting by then
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("decoding")]


def picture_folder(root):
    rng = np.random.default_rng(0)
    for part, pictures in (("train", 6), ("val", 2), ("test", 3)):
        for name in ("cat", "dog", "owl"):
            (root / part / name).mkdir(parents=True)
            for number in range(pictures):
                pixels = rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / part / name / f"{number}.png")
    return ["--dataset", "ImageFolder", "--dataset-root", root, "--encoder", "SmallCNNEncoder", "--image-size", "16"]


@pytest.mark.parametrize("workers", [0, 3])
def test_a_thread_without_memory_ends_the_run_with_advice(workers, tmp_path, capsys, monkeypatch):
    pictures = picture_folder(tmp_path / "mine")
    room = iter(range(20))

    def to_tensor(picture):
        if next(room, None) is None:
            raise MemoryError
        return torch.zeros(3, 16, 16, dtype=torch.uint8)

    monkeypatch.setattr(decoding, "to_tensor", to_tensor)
    arguments = [*pictures, "--batch-size", "3", "--num-workers", workers, "--cache-dir", tmp_path / "cache"]
    code, _, err = call(capsys, "train", *arguments, "--output", tmp_path / "run")
    assert code == 1
    assert err.startswith("failed: there is not enough memory for this.")
    assert [path.name.split("-")[1] for path in (tmp_path / "cache").iterdir()] == ["train"]  # it was whole
    assert not (tmp_path / "run").exists()


def test_a_picture_cut_short_among_those_for_testing_is_named_before_training(tmp_path, capsys):
    pictures = picture_folder(tmp_path / "mine")
    picture = tmp_path / "mine" / "test" / "dog" / "1.png"
    intact = picture.read_bytes()
    picture.write_bytes(intact[: len(intact) // 2])
    arguments = ["train", *pictures, "--batch-size", "3", "--epochs", "1", "--output", tmp_path / "run"]
    code, out, err = call(capsys, *arguments)
    assert code == 2
    assert err.startswith(f"error: picture {picture}: it cannot be read (")
    assert "train  " not in out  # what would be played
    assert not (tmp_path / "run").exists()
    picture.write_bytes(intact)
    assert call(capsys, *arguments)[0] == 0


def test_without_git_or_with_one_that_is_killed_the_revision_is_unknown(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    for script in (None, "#!/bin/sh\nkill -9 $$\n", "#!/bin/sh\necho 0123\n"):
        if script:
            (tmp_path / "git").write_text(script)
            (tmp_path / "git").chmod(0o755)
        _versions.cache_clear()
        try:
            assert versions()["git"] == ("0123" if script and "echo" in script else "unknown")
        finally:
            _versions.cache_clear()


@pytest.mark.parametrize("command", ["test", "crossplay", "draw", "measure", "resume"])
def test_a_checkpoint_cut_short_anywhere_is_refused(command, trained, tmp_path, capsys):
    run, cut = trained / "run", tmp_path / "cut"
    Image.new("L", (9, 9)).save(tmp_path / "photo.png")
    arguments = {
        "test": ["test", "--weights", cut / "model_final.pt", "--output", tmp_path / "new"],
        "crossplay": ["crossplay", run / "model_final.pt", cut / "model_final.pt", "--output", tmp_path / "new"],
        "draw": ["draw", tmp_path / "photo.png", "--weights", cut / "model_final.pt", "--output", tmp_path / "new"],
        "measure": ["measure", trained / "tested", "--weights", cut / "model_final.pt", "--json", tmp_path / "new"],
        "resume": ["train", "--resume", cut, "--epochs", "4"],
    }[command]
    cut.mkdir()
    for size in (0, 1, 100, 0.3, 0.9, -1):
        for name in ("resume.pt", "resume_previous.pt") if command == "resume" else ("model_final.pt",):
            whole = (run / name).read_bytes()
            (cut / name).write_bytes(whole[: size if isinstance(size, int) else int(size * len(whole))])
        before = content(tmp_path)
        code, out, err = call(capsys, *arguments)
        assert code == 2, size
        assert out.count("\n") <= 1  # what begins, and nothing else
        assert err.startswith("error: ")
        assert str(cut) in err
        assert content(tmp_path) == before


@pytest.mark.parametrize(
    ("folder", "refused"),
    [
        ("run", {"config.json", "result.json"}),
        ("tested", {"config.json", "result.json", "games.json", "games.jsonl", "card.json", "strokes.npz"}),
    ],
)
def test_of_a_run_with_a_file_cut_short_a_report_is_made_or_refused(
    folder, refused, trained, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(sketch_map, "MOST", 20)  # t-SNE of 200 sketches takes more than a second
    shutil.copytree(trained / folder, tmp_path / folder)
    run, page = tmp_path / folder, tmp_path / "page.html"
    pictures = [path for path in content(run) if path.parent.name in ("sketch-images", "target-images")]
    refused = refused | {path.name for path in pictures}
    for path in [*pictures[::200], *(content(run).keys() - set(pictures))]:
        intact = (run / path).read_bytes()
        (run / path).write_bytes(intact[: len(intact) // 2])
        before = content(run)
        shown = 300 if path in pictures else 5
        code, _, err = call(capsys, "report", run, "--max-games", shown, "--output", page)
        assert (code == 2) == (path.name in refused), (path, err)
        assert code == 0 or (err.startswith("error: ") and path.name in err)
        assert content(run) == before
        (run / path).write_bytes(intact)
        page.unlink(missing_ok=True)
