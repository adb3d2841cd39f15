"""A training that was killed and goes on ends as one that was never interrupted, bit for bit."""

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from learning_to_draw import commgame, plugins
from learning_to_draw.components import Component, Config
from learning_to_draw.errors import UsageError
from learning_to_draw.models.agents import Agents
from learning_to_draw.trials.config.configure import configure
from learning_to_draw.trials.loop import precision
from learning_to_draw.trials.loop.batches import GameBatches
from learning_to_draw.trials.records import folder as folders
from learning_to_draw.trials.records.folder import _versions
from learning_to_draw.trials.records.gamelog import read_strokes
from learning_to_draw.trials.resume import FILE, PREVIOUS, load_interrupted
from learning_to_draw.trials.test import test as play
from learning_to_draw.trials.train import resume, train
from learning_to_draw.trials.trained import configure_test

ROOT = Path(__file__).parents[2]
EPOCHS = 3
SMALL = ["--batch-size", "150", "--epochs", str(EPOCHS)]  # eight batches an epoch
BACKBONE = ["--encoder", "SqueezeNetBackbone", "--feature-layer", "fire7", "--freeze-backbone"]
PERCEPTUAL = [*BACKBONE, "--sort-of-perceptual-loss", "--image-size", "32", "--batch-size", "150"]
RUNS = {
    "steps by epoch, annealing": [
        *("--learning-rate", "0.001*0.5@every2", "--sigma2", "0.01", "--sigma2-step", "1", "--final-sigma2", "0.005"),
        "--sigma2-factor=0.9",
    ],
    "milestones": ["--learning-rate", "0.001*0.5@[1,2]"],
    "plateau": ["--learning-rate", "0.03*0.5@plateau"],
    "by batch": ["--learning-rate", "0.001*inv0.1,0.75B"],
    "every third batch": ["--learning-rate", "0.001*0.9@every3B"],
    "a sender's view, several snapshots": ["--random-transform-sender", "--snapshot-interval", "1", "--keep-last", "2"],
    "object-oriented": ["--object-oriented", "different", "--num-targets", "5", "--batch-size", "150"],
    "batch statistics": ["--encoder=StrokeNetEncoder", "--batchnorm", "--latent-size=16", "--object-oriented=mixed"],
    "learnt weights": ["--learn-sop-weights", *PERCEPTUAL],
    "channel noise": ["--channel-noise", "turn=15,shift=0.1,drop=0.1"],
    "views of sketches": ["--CLIP-loss", *PERCEPTUAL],
}
ALIKE = ("milestones", "every third batch", "views of sketches")  # to others, when a whole epoch is done again
QUICK = ("plateau", "object-oriented", "channel noise")
# Runs the program, and kills it (nothing is caught, nothing is closed) before the batch with the number in argv[1].
KILLED = """
import os, signal, sys
from learning_to_draw import commgame
from learning_to_draw.trials.loop import batches
count, gather = int(sys.argv.pop(1)), batches.GameBatches.gather
def gather_or_die(self, deal):
    global count
    count -= self.split.name == "train"
    if count < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return gather(self, deal)
batches.GameBatches.gather = gather_or_die
sys.exit(commgame.main(sys.argv[1:]))
"""


def call(*arguments):
    return commgame.main([str(word) for word in arguments])


def killed_at(batch, *arguments):
    run = subprocess.run(
        [sys.executable, "-c", KILLED, str(batch), *map(str, arguments)], cwd=ROOT, capture_output=True, text=True
    )
    assert run.returncode == -signal.SIGKILL, run.stderr


def assert_same_run(one, other):
    assert (one / "log.csv").read_bytes() == (other / "log.csv").read_bytes()
    names = sorted(path.name for path in one.glob("*.p[nt]*"))
    assert names == sorted(path.name for path in other.glob("*.p[nt]*"))
    for name in names:
        if name.endswith(".png"):
            assert (one / name).read_bytes() == (other / name).read_bytes(), name
    kept = sorted(path.name for path in one.glob("val_strokes_*"))
    assert len(kept) == json.loads((one / "result.json").read_text())["epochs"]
    assert kept == sorted(path.name for path in other.glob("val_strokes_*"))
    for name in kept:
        strokes, again = read_strokes(one / name), read_strokes(other / name)
        assert (strokes.points == again.points).all()
        assert strokes.sigma2 == again.sigma2
    for name in ("model_final.pt", "model_best.pt"):
        first, second = (torch.load(folder / name, weights_only=True) for folder in (one, other))
        for part in ("model", "loss"):
            assert first[part].keys() == second[part].keys()
            assert all(torch.equal(value, second[part][key]) for key, value in first[part].items()), name
        assert first["sigma2"] == second["sigma2"]
        assert first["epoch"] == second["epoch"]
        states = [saved["optimizer"]["state"] for saved in (first, second)]
        for index, moments in states[0].items():
            assert all(torch.equal(value, states[1][index][key]) for key, value in moments.items())
    results = [json.loads((folder / "result.json").read_text()) for folder in (one, other)]
    assert all(results[0][key] == results[1][key] for key in ("communication_rate", "loss", "epochs"))
    assert results[0]["best"] == results[1]["best"]


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory):
    """Folder and batches an epoch of a run that is never interrupted; trained when it is first asked for."""
    folders = {}

    def run(what):
        if what not in folders:
            folders[what] = tmp_path_factory.mktemp("whole") / "run"
            assert call("train", *SMALL, *RUNS[what], "--output", folders[what]) == 0
        return folders[what], torch.load(folders[what] / FILE, weights_only=True)["history"][0]["train_steps"]

    return run


@pytest.mark.slow
@pytest.mark.parametrize("what", [what for what in RUNS if what not in ALIKE])
def test_a_killed_run_that_goes_on_ends_as_one_never_interrupted(what, whole_run, tmp_path):
    arguments = ["train", *SMALL, *RUNS[what]]
    whole, batches = whole_run(what)
    # Anywhere in the epochs after the first, the same place in every test run of this case.
    place = torch.Generator().manual_seed(len(what))
    at = int(torch.randint(batches, batches * EPOCHS, (), generator=place))
    killed_at(at, *arguments, "--output", tmp_path / "killed")
    assert not (tmp_path / "killed" / "model_final.pt").exists()
    assert call("train", "--resume", tmp_path / "killed") == 0
    assert_same_run(whole, tmp_path / "killed")
    (noted,) = json.loads((tmp_path / "killed" / "resumed.json").read_text())
    assert noted["after_epochs"] < EPOCHS
    if "--batchnorm" not in arguments:  # whose statistics are settled over further batches
        assert noted["after_epochs"] == at // batches


@pytest.fixture(autouse=True)
def _hears_ctrl_c():
    """Also where the tests run in a shell's background, which lets programs ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def stop_at(monkeypatch):
    """Sends this process a signal while it gathers a batch, the one of that number (from 0) of a split from now on."""
    gather = GameBatches.gather

    def stop(split, number, signal_number):
        left = {split: number}

        def gather_and_stop(self, deal):
            left[self.split.name] = left.get(self.split.name, 0) - 1
            if self.split.name == split and left[split] == -1:
                os.kill(os.getpid(), signal_number)
            return gather(self, deal)

        monkeypatch.setattr(GameBatches, "gather", gather_and_stop)

    return stop


@pytest.mark.parametrize(
    "what", [what if what in QUICK else pytest.param(what, marks=pytest.mark.slow) for what in RUNS]
)
def test_a_run_told_to_stop_is_saved_within_its_epoch(what, whole_run, stop_at, tmp_path):
    whole, batches = whole_run(what)
    folder = tmp_path / "stopped"
    place = torch.Generator().manual_seed(1 + len(what))
    at = int(torch.randint(batches, 2 * batches - 1, (), generator=place))  # in the second epoch
    settling = "--batchnorm" in RUNS[what]  # statistics are settled over another epoch's batches
    stop_at("train", at + batches * settling, signal.SIGTERM)
    assert call("train", *SMALL, *RUNS[what], "--output", folder) == 143
    interrupted = load_interrupted(folder)
    assert (interrupted.epochs, interrupted.batches) == (1, at - batches + 1)

    stop_at("valid", 0, signal.SIGINT)  # of the epoch that is gone on with
    assert call("train", "--resume", folder) == 130
    assert (load_interrupted(folder).epochs, load_interrupted(folder).batches) == (1, batches)
    stop_at("valid", 0, signal.SIGTERM)  # and before anything else was done
    assert call("train", "--resume", folder) == 143
    stop_at("train", 0, signal.SIGTERM)  # in the third epoch; with statistics, while they are settled in the second
    assert call("train", "--resume", folder) == 143
    assert (load_interrupted(folder).epochs, load_interrupted(folder).batches) == ((1, batches) if settling else (2, 1))
    assert call("train", "--resume", folder) == 0
    assert_same_run(whole, folder)


@pytest.mark.parametrize(("handler", "code"), [(signal.SIG_DFL, 143), (signal.SIG_IGN, 0)])
def test_sighup_is_like_sigterm_unless_it_is_ignored(handler, code, stop_at, tmp_path):
    before = signal.signal(signal.SIGHUP, handler)  # nohup ignores it
    try:
        stop_at("train", 5, signal.SIGHUP)
        assert call("train", *SMALL, "--output", tmp_path / "run") == code
        assert signal.getsignal(signal.SIGHUP) is handler
    finally:
        signal.signal(signal.SIGHUP, before)
    if code:
        assert load_interrupted(tmp_path / "run").batches == 6


@pytest.mark.slow
def test_a_training_in_a_terminal_that_is_closed_is_saved(tmp_path):
    words = [sys.executable, str(ROOT / "commgame.py"), "train", "--epochs", "100", "--output", str(tmp_path / "run")]
    process, terminal = pty.fork()
    if process == 0:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup ignores it
        os.execv(words[0], words)
    shown = b""
    while b" (val " not in shown:  # the line of the first epoch
        shown += os.read(terminal, 1000)
    os.close(terminal)
    _, status = os.waitpid(process, 0)
    assert os.waitstatus_to_exitcode(status) == 143
    interrupted = load_interrupted(tmp_path / "run")
    assert interrupted.epochs + interrupted.batches >= 1


class OwnPartners:
    """As a plugin may write them: the generator has another name than in the built-in `Partners`."""

    def __init__(self, senders, receivers, generator):
        self.agents, self.source = (senders, receivers), generator

    def draw(self):
        return tuple(int(torch.randint(number, (), generator=self.source)) for number in self.agents)


def test_partners_of_a_plugin_continue_where_they_stopped(stop_at, tmp_path, monkeypatch):
    monkeypatch.setitem(plugins.PARTNERS, "own", Component(Config, OwnPartners))
    words = ["train", *SMALL, "--population", "3", "--partners", "own", "--output"]
    assert call(*words, tmp_path / "whole") == 0
    stop_at("train", 5, signal.SIGTERM)
    assert call(*words, tmp_path / "stopped") == 143
    assert call("train", "--resume", tmp_path / "stopped") == 0
    assert_same_run(tmp_path / "whole", tmp_path / "stopped")


@pytest.mark.parametrize(("apart", "saved"), [(0.0, 0), (60.0, 5)])
def test_a_second_signal_is_obeyed_at_once_unless_it_is_the_first_one_passed_on(
    apart, saved, stop_at, tmp_path, monkeypatch
):
    monkeypatch.setattr("learning_to_draw.trials.loop.interrupts.SAME_SIGNAL", apart)
    stop_at("train", 12, signal.SIGINT)
    again = Agents.forward
    played = []

    def interrupted_again(self, *arguments, **more):
        played.append(1)
        if len(played) == 14:  # eight batches, a held-out one, and those up to the first signal
            os.kill(os.getpid(), signal.SIGINT)
        return again(self, *arguments, **more)

    monkeypatch.setattr(Agents, "forward", interrupted_again)
    assert call("train", *SMALL, "--output", tmp_path) == 130
    assert load_interrupted(tmp_path).batches == saved
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_weights_that_a_step_has_broken_are_not_saved_within_an_epoch(stop_at, tmp_path, monkeypatch, capsys):
    stop_at("train", 12, signal.SIGTERM)
    step, steps = torch.optim.Adam.step, []

    def broken_step(self, closure):
        result = step(self, closure)
        steps.append(1)
        if len(steps) == 13:
            self.param_groups[0]["params"][0].data.fill_(torch.nan)
        return result

    monkeypatch.setattr(torch.optim.Adam, "step", broken_step)
    assert call("train", *SMALL, "--output", tmp_path) == 1
    assert "the weights are NaN or infinite" in capsys.readouterr().err
    assert (load_interrupted(tmp_path).epochs, load_interrupted(tmp_path).batches) == (1, 0)


@pytest.mark.slow
def test_killed_in_the_first_epoch_and_again_and_again(tmp_path):
    arguments = ["train", *SMALL]
    assert call(*arguments, "--output", tmp_path / "whole") == 0
    automatic = [*arguments, "--output", tmp_path / "killed", "--resume", "auto"]  # begins it, too
    for at in (1, 12, 9):
        killed_at(at, *automatic)
    assert call(*automatic) == 0
    assert_same_run(tmp_path / "whole", tmp_path / "killed")


def test_more_epochs_are_as_if_asked_for_at_once(tmp_path):
    options = ("--batch-size", "150", "--learning-rate", "0.0005")
    assert call("train", *options, "--epochs", "3", "--output", tmp_path / "whole") == 0
    assert call("train", *options, "--epochs", "1", "--output", tmp_path / "more") == 0
    assert call("train", "--resume", tmp_path / "more", "--epochs", "3") == 0
    assert (tmp_path / "whole" / "log.csv").read_bytes() == (tmp_path / "more" / "log.csv").read_bytes()


def test_a_run_resumes_from_python_as_from_the_command_line(tmp_path, stop_at):
    options = {"batch_size": 150, "learning_rate": 0.0005}
    whole = train(configure("train", **options, epochs=3, output=str(tmp_path / "whole")))
    stop_at("train", 10, signal.SIGINT)  # in the second epoch
    with pytest.raises(KeyboardInterrupt):
        train(configure("train", **options, epochs=2, output=str(tmp_path / "more")))
    with pytest.raises(UsageError, match="was started with --batch-size 150, but this command has --batch-size 9"):
        resume(tmp_path / "more", batch_size=9)
    resumed = resume(tmp_path / "more", epochs=3)
    assert resumed.communication_rate == whole.communication_rate
    assert (tmp_path / "whole" / "log.csv").read_bytes() == (tmp_path / "more" / "log.csv").read_bytes()
    with pytest.raises(UsageError, match="has already finished epoch 3"):
        resume(tmp_path / "more")


def test_the_configuration_of_another_command_is_refused(finished):
    with pytest.raises(UsageError, match="not the configuration of a training"):
        train(configure_test(finished / "model_final.pt"))
    with pytest.raises(UsageError, match="not the configuration of a test"):
        play(configure("train"))
    for command in ("test", "crossplay", "trian"):
        with pytest.raises(UsageError, match=f"is for trainings, not for {command}"):
            configure(command)


def test_more_epochs_follow_the_longer_cosine(tmp_path):
    options = ("--batch-size", "150", "--learning-rate", "0.1*cosine", "--output", tmp_path / "more")
    assert call("train", *options, "--epochs", "2") == 0
    assert call("train", "--resume", tmp_path / "more", "--epochs", "4") == 0
    rows = [json.loads(line) for line in (tmp_path / "more" / "metrics.jsonl").read_text().splitlines()]
    # Half of a cosine over 2 epochs, then the second half of one over 4.
    assert [row["lr"] for row in rows] == pytest.approx([0.1, 0.05, 0.05, 0.05 * (1 - 0.5**0.5)])


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished") / "run"
    assert call("train", "--batch-size", "150", "--epochs", "2", "--output", folder) == 0
    return folder


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "--epochs is 2, but the run has already finished epoch 2 of 2"),
        (["--epochs", "1"], "--epochs is 1, but the run has already finished epoch 2 of 2"),
        (["--epochs", "3", "--nlines", "3"], "was started with --nlines 8, but this command has --nlines 3"),
        (["--epochs", "3", "--encoder", "SimpleMLPEncoder"], "was started with --encoder TinyCNNEncoder"),
        (["--epochs", "3", "--invert"], "was started with --no-invert, but this command has --invert"),
        (["--epochs", "3", "--output", "elsewhere"], "--output elsewhere: a resumed run continues in its own folder"),
    ],
)
def test_what_cannot_go_on_is_said_and_nothing_changes(finished, arguments, told, capsys):
    before = {path: path.stat().st_mtime_ns for path in finished.iterdir()}
    assert call("train", "--resume", finished, *arguments) == 2
    assert told in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in finished.iterdir()} == before


def test_changed_code_and_versions_are_said(finished, tmp_path, caplog, monkeypatch):
    folder = shutil.copytree(finished, tmp_path / "run")
    resume(folder, epochs=3)
    assert "changed since the run was saved" not in caplog.text
    known = _versions()
    monkeypatch.setattr(folders, "_versions", lambda: {**known, "torch": "9.0", "code": "0", "git": "1", "new": "2"})
    resume(folder, epochs=4)
    said = f"changed since the run was saved: torch {known['torch']} (now 9.0), the code of this program; the run"
    assert said in caplog.text


def test_features_are_cached_after_a_resumption_if_they_were_before(stop_at, tmp_path, monkeypatch):
    """Cached features differ by rounding, which training amplifies, and free memory differs from night to night."""
    options = [*BACKBONE, "--image-size", "32", "--batch-size", "150", "--epochs", "1"]
    cached, compute = [], precision.compute
    monkeypatch.setattr(
        precision, "compute", lambda encoder, split, *rest: cached.append(split.name) or compute(encoder, split, *rest)
    )
    for name, before, after, expected in (("cached", 2**40, 0, ["valid"]), ("not cached", 0, 2**40, [])):
        monkeypatch.setattr(precision, "memory_budget", lambda device, budget=before: budget)
        stop_at("train", 2, signal.SIGTERM)
        assert call("train", *options, "--output", tmp_path / name) == 143
        assert cached == expected
        cached.clear()
        monkeypatch.setattr(precision, "memory_budget", lambda device, budget=after: budget)
        assert call("train", "--resume", tmp_path / name) == 0
        assert cached == expected
        cached.clear()


def test_a_run_killed_after_its_last_epoch_gets_its_result(finished, tmp_path, caplog):
    folder = shutil.copytree(finished, tmp_path / "run")
    (folder / "result.json").unlink()
    assert call("train", "--resume", folder) == 0
    results = [json.loads((run / "result.json").read_text()) for run in (finished, folder)]
    for result in results:
        del result["seconds"]
    assert results[0] == results[1]
    names = ("log.csv", "metrics.jsonl", "val_games.png", "model_final.pt")
    assert all((finished / name).read_bytes() == (folder / name).read_bytes() for name in names)
    (folder / "result.json").write_text(json.dumps(results[0] | {"epochs": 1}))  # of when it had fewer
    assert call("train", "--resume", folder) == 0
    assert json.loads((folder / "result.json").read_text())["epochs"] == 2
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert call("train", "--output", folder, "--batch-size", "150", "--epochs", "2", "--resume", "auto") == 0
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before  # nothing was left to do


def test_a_run_cannot_be_ended_early_by_asking_for_fewer_epochs(stop_at, tmp_path, capsys):
    stop_at("train", 12, signal.SIGTERM)
    assert call("train", *SMALL, "--output", tmp_path) == 143
    assert call("train", "--resume", tmp_path, "--epochs", "1") == 2  # there would be no model_final.pt
    assert "--epochs is 1, but the run has already finished epoch 1 of" in capsys.readouterr().err
    assert not (tmp_path / "result.json").exists()


def test_a_result_stays_until_that_of_more_epochs_is_whole(finished, stop_at, tmp_path, capsys):
    folder = shutil.copytree(finished, tmp_path / "run")
    before = (folder / "result.json").read_bytes()
    stop_at("train", 2, signal.SIGTERM)
    assert call("train", "--resume", folder, "--epochs", "4") == 143
    assert (folder / "result.json").read_bytes() == before
    stop_at("train", 8, signal.SIGTERM)
    assert call("train", "--resume", folder) == 143
    assert call("report", folder) == 0
    assert "extended after 2 epochs, 3 done" in (folder / "report.html").read_text()
    assert call("train", "--resume", folder) == 0
    assert json.loads((folder / "result.json").read_text())["epochs"] == 4


def test_the_same_command_goes_on_whatever_the_run_has_made_of_its_options(stop_at, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (40, 40), "red").save("dog.png")
    dog = ["--like-a-dog-loss", "--like-a-dog-image", "dog.png", *PERCEPTUAL[:-1], "70"]
    arguments = ["train", "--epochs", "2", "--object-oriented", "same", "--num-targets", "0", *dog, "--output", "run"]
    arguments = [word for word in arguments if word != "--sort-of-perceptual-loss"]
    stop_at("train", 1, signal.SIGTERM)
    assert call(*arguments, "--resume", "auto") == 143
    stop_at("train", 1, signal.SIGTERM)
    assert call(*arguments, "--resume", "auto") == 143
    assert load_interrupted(Path("run")).batches == 4


def test_a_config_that_is_not_the_runs_is_no_way_to_go_on(finished, tmp_path, capsys):
    config = json.loads((finished / "config.json").read_text())
    (tmp_path / "same.json").write_text(json.dumps(config))
    config["options"]["learning_rate"] = "0.5"
    (tmp_path / "other.json").write_text(json.dumps(config))
    for name, told in (
        ("other", "but this command has --learning-rate 0.5"),
        ("same", "the run has already finished epoch 2"),
    ):
        assert call("train", "--resume", finished, "--config", tmp_path / f"{name}.json") == 2
        assert told in capsys.readouterr().err


def test_where_there_is_nothing_to_go_on_with(tmp_path, capsys):
    assert call("train", "--resume", tmp_path) == 2
    assert "no resume.pt in this folder" in capsys.readouterr().err
    assert call("train", "--resume", "auto") == 2
    assert "--resume auto resumes the run in --output" in capsys.readouterr().err


def test_a_file_cut_short_leaves_the_one_before_it(finished, tmp_path, caplog):
    for name in (FILE, PREVIOUS):
        (tmp_path / name).write_bytes((finished / name).read_bytes())
    (tmp_path / FILE).write_bytes((finished / FILE).read_bytes()[:5000])
    assert load_interrupted(finished).epochs == 2
    assert load_interrupted(tmp_path).epochs == 1
    (tmp_path / FILE).unlink()  # as if killed while the next one takes its place
    assert load_interrupted(tmp_path).epochs == 1
    os.mkfifo(tmp_path / FILE)  # a pipe without a writer: opening it would never return
    assert load_interrupted(tmp_path).epochs == 1
    (tmp_path / FILE).unlink()
    (tmp_path / FILE).write_bytes(b"")
    (tmp_path / PREVIOUS).write_bytes(b"")
    with pytest.raises(UsageError, match=r"resume.pt cannot be read .*resume_previous.pt cannot be read"):
        load_interrupted(tmp_path)


def test_keep_last_removes_only_older_snapshots_of_the_run(tmp_path):
    folder = tmp_path / "run"
    arguments = ["--epochs", "5", "--snapshot-interval", "2", "--keep-last", "1", "--batch-size", "150"]
    assert call("train", *arguments, "--output", folder) == 0
    assert sorted(path.name for path in folder.glob("model_[0-9]*.pt")) == ["model_03.pt"]


@pytest.mark.slow
def test_sigterm_is_143_and_what_was_saved_goes_on(tmp_path):
    folder = tmp_path / "run"
    command = [sys.executable, "commgame.py", "train", "--batch-size", "150", "--epochs", "50", "--output", folder]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if re.match(r"epoch +2/", line):
                process.terminate()
                break
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "terminated; everything saved so far is complete" in errors
    assert load_interrupted(folder).epochs >= 1  # the second one's line is printed before it is saved


def replaced(content, *place, value):
    holder = content
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    return content


HOSTILE = {
    "no list of epochs": (("history",), {"a": 1}),
    "a snapshot elsewhere": (("last_saved",), "../../model_00.pt"),
    "a random state that is none": (("random", 0, "torch"), torch.zeros(3, dtype=torch.uint8)),
    "Python's random state of text": (("random", 0, "python"), ["a", "b", "c"]),
    "no generator": (("random", 0, "generators"), {}),
    "a rate of text": (("optimizer", "param_groups", 0, "lr"), "fast"),
    "moments of another shape": (("optimizer", "state", 0, "exp_avg"), torch.zeros(3)),
    "a schedule without steps": (("scheduler", "last_epoch"), "x"),
    "a metric of text": (("metrics", 8), {"_sum": "x"}),
    "an attribute of a metric": (("metrics", 0), {"process": 3}),
    "a best epoch without a loss": (("best",), {"epoch": 1}),
    "options of dictionaries": (("options", "epochs"), {}),
    "versions of nothing": (("versions",), None),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_resume_file_of_other_types_is_one_message(what, finished, tmp_path, capsys):
    place, value = HOSTILE[what]
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    (run / PREVIOUS).unlink()
    content = torch.load(finished / FILE, weights_only=True)
    torch.save(replaced(content, *place, value=value), run / FILE)
    assert call("train", "--resume", run, "--epochs", "3") == 2
    err = capsys.readouterr().err
    assert re.search(r"error: --resume .*resume\.pt (cannot be read|does not fit this run) \(", err), err


def test_a_run_resumes_from_the_state_before_its_first_epoch(tmp_path):
    arguments = ["train", "--batch-size", "150", "--encoder", "SimpleMLPEncoder", "--epochs", "1"]
    for name in ("whole", "begun"):
        assert call(*arguments, "--output", tmp_path / name) == 0
    (tmp_path / "begun" / "result.json").unlink()
    (tmp_path / "begun" / PREVIOUS).rename(tmp_path / "begun" / FILE)
    assert load_interrupted(tmp_path / "begun").epochs == 0
    assert call("train", "--resume", tmp_path / "begun") == 0
    assert_same_run(tmp_path / "whole", tmp_path / "begun")
