"""What a sweep refuses, records and prints, without a training."""

import json
import os
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from learning_to_draw import commgame, plugins
from learning_to_draw.errors import UsageError
from learning_to_draw.experiments import run_jobs
from learning_to_draw.experiments.jobs import Job
from learning_to_draw.experiments.sweep_file import read_sweep
from learning_to_draw.trials.config.parse import parse
from learning_to_draw.trials.records.folder import open_folder
from learning_to_draw.trials.records.own_files import claimed_folder

ROOT = Path(__file__).parents[2]
ROWS = """
seeds = [0, 1]
[common]
dataset = "Digits"
batch-size = 150
epochs = 2
[rows.few]
nlines = 1
[rows.many]
title = "many lines"
nlines = 3
"""


def call(capsys, *arguments):
    code = commgame.main(["sweep", *map(str, arguments)])
    return code, *capsys.readouterr()


LOSS = """from learning_to_draw.components import Config
from learning_to_draw.plugins import loss

@loss("Mine")
class Mine:
    pass
"""


def put_finished(output, row, seed, rate, *, minutes=1.0, **options):
    """The files of a finished training and test that a sweep reads."""
    for folder in (output / row / f"seed-{seed}", output / row / f"seed-{seed}-test"):
        folder.mkdir(parents=True)
        result = {"communication_rate": rate, "candidates": 150, "seconds": 30 * minutes}
        (folder / "result.json").write_text(json.dumps(result))
        command = "test" if folder.name.endswith("-test") else "train"
        options = {"seed": seed, **options} if command == "train" else options
        (folder / "config.json").write_text(json.dumps({"command": command, "options": options, "device": "cpu"}))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[rows.a", "cannot be read"),
        ("seeds = [0]", "has neither [rows.NAME] nor [grid]"),
        ("[rows.a]\n[grid]\nnlines = [1]", "has both [rows.NAME] and [grid]"),
        ("[row.a]\nnlines = 1", "has row, which is not part of a sweep"),
        ("nlines = 1\n[rows.a]", "has nlines, which is not part of a sweep"),
        ("[rows.a]\nnlins = 3", "row a: there is no option --nlins.\n       Did you mean --nlines?"),
        ("[rows.a]\nno-invert = true", "row a: there is no option --no-invert.\n       Did you mean --invert?"),
        ("[rows.a]\nnl = 3", "row a: there is no option --nl"),
        ("[common]\nnpoints = 3\n[rows.a]", "row a: --npoints belongs to the decoder"),
        ("[rows.a]\nnlines = 0", "row a: argument --nlines: "),
        (
            "[rows.a]\nnlines = [1, 5]",
            "row a: nlines = [1, 5]: this option takes one value.\n       For one run per value,",
        ),
        ("[rows.a]\ninvert = 1", "invert = 1: this option is a switch"),
        ("[rows.a]\nseed = 3", "row a: seed is set by sweep for every run"),
        ("[common]\noutput = 'x'\n[rows.a]", "[common]: output is set by sweep"),
        ("[rows.a]\ndry-run = true", "with dry-run, nothing would be trained"),
        ("[rows.a]\nplugin = 'my.py'", "plugin cannot be set in a file, because a plugin is code"),
        ("[rows.a]\ngame = 'same'\nobject-oriented = 'same'", "object-oriented is given twice, under two names"),
        ("[rows.a]\ntitle = 3", "the title is 3"),
        ("[rows.'../a']", "'../a' cannot be the name of a row"),
        ("[rows.'table.md']", "'table.md' cannot be the name of a row"),
        ("[rows.a]\n[rows.A]", "the rows a and A would share a folder"),
        (f"[grid]\ndataset-root = ['{'x' * 200}']", "To choose the names, write [rows.NAME] instead of [grid]."),
        ("[grid]\nnlines = [1, 1]", "[grid] makes two rows with the name nlines-1"),
        ("[grid]\nnlines = []", "cannot be read: Expected `array` of length >= 1"),
        ("[grid]\nnlines = 3", "cannot be read: Expected `array`, got `int`"),
        ("[grid]\n" + "\n".join(f"{name} = [{'1, ' * 99}]" for name in ("nlines", "epochs", "seed")), "at most 10000"),
        ("[rows.a]\nnum_targets = 5", "row a: --num-targets 5 sets the number of candidates in object-oriented games"),
        ("[rows.a]\nlike-a-dog-loss = true", "row a: --like-a-dog-loss compares sketches with an image"),
        ("[rows.a]\n[tests.Test]\ngame = 'same'", "[tests.Test]: a test cannot have this name"),
        ("[rows.a]\n[tests.x]\ngame = 'same'\n[tests.X]\ngame = 'mixed'", "[tests.X] and [tests.x] would share"),
        ("[rows.a]\n[tests.'../a']\ngame = 'same'", "[tests.../a]: a test cannot have this name"),
        ("[rows.a]\n[tests.x]\nnlins = 3", "[tests.x]: there is no option --nlins"),
        ("[rows.a]\n[tests.x]\nweights = 'a.pt'", "[tests.x]: weights is set by sweep"),
        ("[rows.a]\n[tests.x]\nepochs = 3", "row a: [tests.x]: --epochs belongs to the command 'train', not to 'test'"),
        ("[rows.a]\n[tests.x]\nnum-targets = 5", "row a: [tests.x]: --num-targets 5 sets the number of candidates"),
        ("seeds = []\n[rows.a]", "cannot be read"),
        ("seeds = [-1]\n[rows.a]", "cannot be read"),
    ],
)
def test_mistakes_in_the_file(text, told, written, tmp_path, capsys):
    file = written(text)
    code, out, err = call(capsys, file, "--output", tmp_path / "out")
    assert (code, out) == (2, "")
    assert str(file) in err
    assert told in err
    assert not (tmp_path / "out").exists()


def test_a_dry_run_lists_the_commands_that_remain(written, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = written(ROWS)
    put_finished(tmp_path / "sweeps/lines", "few", 0, 0.5, nlines=1, batch_size=150)
    code, out, err = call(capsys, file, "--dry-run")
    assert code == 0, err
    words = [shlex.split(line)[2:] for line in out.splitlines()]
    assert [(line[0], line[line.index("--output") + 1]) for line in words] == [
        (command, f"sweeps/lines/{run}{'-test' if command == 'test' else ''}")
        for run in ("many/seed-0", "few/seed-1", "many/seed-1")
        for command in ("train", "test")
    ]
    assert words[0][:9] == ["train", "--dataset", "Digits", "--batch-size", "150", "--epochs", "2", "--nlines", "3"]
    assert not list(tmp_path.glob("sweeps/lines/*.json"))
    code, out, _ = call(capsys, file, "--dry-run", "--rows", "few", "--seeds", "0", "7")
    assert [line.split()[2] for line in out.splitlines()] == ["train", "test"]
    assert "few/seed-7" in out
    code, _, err = call(capsys, file, "--dry-run", "--rows", "fewer")
    assert (code, "--rows fewer: there is no such row" in err) == (2, True)


def test_further_tests_of_every_run(written, tmp_path, capsys):
    output = tmp_path / "out"
    file = written(f"{ROWS}\n[tests.ten]\ngame = 'same'\nnum-targets = 10\ncontrast = 2\ndevice = 'cpu'\n")
    for seed, rate in ((0, 0.5), (1, 0.7)):
        put_finished(output, "few", seed, rate, nlines=1)
    code, out, err = call(capsys, file, "--output", output, "--rows", "few", "--dry-run")
    assert code == 0, err
    folder = output / "few"
    assert [shlex.split(line)[2:] for line in out.splitlines()] == [
        ["test", "--weights", f"{folder}/seed-{seed}/model_final.pt", "--object-oriented", "same"]
        + ["--num-targets", "10", "--contrast", "2", "--device", "cpu", "--output", f"{folder}/seed-{seed}-ten"]
        for seed in (0, 1)
    ]
    for seed, rate in ((0, 0.25), (1, 0.75)):
        ten = folder / f"seed-{seed}-ten"
        shutil.copytree(folder / f"seed-{seed}-test", ten)
        (ten / "result.json").write_text(json.dumps({"communication_rate": rate, "candidates": 10, "seconds": 1.0}))
        options = {"nlines": 1, "object_oriented": "same", "num_targets": 10, "contrast": 2.0}
        (ten / "config.json").write_text(json.dumps({"command": "test", "options": options}))
    code, out, err = call(capsys, file, "--output", output, "--rows", "few")
    assert code == 0, err
    assert [line.split() for line in out.splitlines()] == [
        ["row", "rate,", "%", "ten,", "%", "seeds", "time", "per", "run"],
        ["few", "60.0", "±", "14.1", "50.0", "±", "35.4", "0", "1", "1", "min"],
    ]
    assert json.loads((output / "sweep.json").read_text())["tests"] == {
        "ten": {"object_oriented": "same", "num_targets": 10, "contrast": 2, "device": "cpu"}
    }
    nine = written(f"{ROWS}\n[tests.ten]\ngame = 'same'\nnum-targets = 9\n")
    code, _, err = call(capsys, nine, "--output", output, "--rows", "few")
    assert code == 2
    assert "seed-0-ten holds a run with --num-targets 10, but [tests.ten] has --num-targets 9" in err
    original = written(f"{ROWS}\n[tests.ten]\nbatch-size = 150\n")
    code, _, err = call(capsys, original, "--output", output, "--rows", "few")
    assert code == 2
    assert "seed-0-ten holds a run with --object-oriented same, but the row few has --object-oriented none" in err


def test_the_table_of_finished_runs_and_what_was_asked_for(written, tmp_path, capsys):
    for row, nlines, rates in (("few", 1, (0.5, 0.7)), ("many", 3, (0.8,))):
        for seed, rate in enumerate(rates):
            put_finished(tmp_path / "out", row, seed, rate, minutes=2.0, nlines=nlines)
    file = written(ROWS)
    arguments = (file, "--output", tmp_path / "out", "--seeds", "0")
    code, out, err = call(capsys, *arguments)
    assert (code, err) == (0, "")
    assert [line.split() for line in out.splitlines()[1:]] == [
        ["few", "60.0", "±", "14.1", "0", "1", "2", "min"],
        ["many", "lines", "80.0", "0", "2", "min"],
    ]
    asked = json.loads((tmp_path / "out" / "sweep.json").read_text())
    common = {"dataset": "Digits", "batch_size": 150, "epochs": 2}
    assert asked == {
        "rows": {
            "few": {"title": "few", "options": {**common, "nlines": 1}},
            "many": {"title": "many lines", "options": {**common, "nlines": 3}},
        },
        "seeds": [0],
    }
    assert call(capsys, *arguments)[1] == out
    (tmp_path / "out" / "sweep.json").write_text("mine")
    code, _, err = call(capsys, *arguments)
    assert (code, "later: sweep.json.\n" in err) == (2, True)
    assert (tmp_path / "out" / "sweep.json").read_text() == "mine"


def test_runs_of_other_options_are_refused_before_anything_is_written(written, tmp_path, capsys):
    put_finished(tmp_path / "out", "many", 5, 0.5, nlines=4)
    code, _, err = call(capsys, written(ROWS), "--output", tmp_path / "out")
    assert (code, "seed-5 holds a run with --nlines 4, but the row many has --nlines 3" in err) == (2, True)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["many"]


@pytest.mark.parametrize("option", ["senders-from", "receivers-from", "teacher"])
@pytest.mark.parametrize("given", ["run/model_final.pt", "run"])
def test_runs_from_a_checkpoint_that_has_changed_are_refused(option, given, written, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    checkpoint = tmp_path / "run" / "model_final.pt"
    checkpoint.parent.mkdir()
    checkpoint.write_bytes(b"some agents")
    words = (written(f"[rows.a]\n{option} = '{given}'\n"), "--output", "out", "--dry-run")
    folder = tmp_path / "out" / "a" / "seed-0"
    # A training makes its paths absolute.
    config = parse("train", [f"--{option}", str(tmp_path / given), "--seed", "0", "--output", str(folder)])
    with open_folder(folder, config, [], "cpu"):
        pass
    (folder / "result.json").write_text("{}")
    code, _, err = call(capsys, *words)
    assert code == 0, err
    checkpoint.write_bytes(b"other agents")
    code, _, err = call(capsys, *words)
    assert code == 2
    assert f"seed-0 holds a run with --{option} {given}, but this checkpoint has changed since.\n" in err
    content = json.loads((folder / "config.json").read_text())
    del content["versions"][option.replace("-", "_")]  # a run of an earlier version
    (folder / "config.json").write_text(json.dumps(content))
    assert call(capsys, *words)[0] == 0


def test_values_that_a_training_settled_itself_are_not_other_options(written, tmp_path, capsys):
    file = written("[rows.a]\ngame = 'same'\nnum-targets = 0\n[rows.b]\nbatch-size = 32\n")
    for row, options in (("a", {"num_targets": 10, "batch_size": 9}), ("b", {"batch_size": 9})):
        put_finished(tmp_path / "out", row, 0, 0.5, **options)
        config = tmp_path / "out" / row / "seed-0" / "config.json"
        sources = {"num_targets": "settled by the run", "batch_size": "shrunk to the valid split"}
        config.write_text(json.dumps(json.loads(config.read_text()) | {"sources": sources}))
    code, _, err = call(capsys, file, "--output", tmp_path / "out", "--rows", "a")
    assert (code, "--batch-size 9, but the row b has --batch-size 32" in err) == (2, True)  # it was asked for
    file = written("[rows.a]\ngame = 'same'\nnum-targets = 0\n[rows.b]\n")
    assert call(capsys, file, "--output", tmp_path / "out")[0] == 0


@pytest.mark.parametrize("how", ["row", "preset"])
def test_a_pair_is_tested_with_the_speed_options_of_its_training(how, written, tmp_path, capsys):
    options = "precision = 'bf16'\ndeterministic = true\ndata_device = 'cpu'\n"
    preset = written(f"[options]\n{options}", "speed.toml")
    file = written(f"[rows.a]\n{options if how == 'row' else f'preset = {str(preset)!r}'}\n")
    [row], _ = read_sweep(file)
    words = Job(row, 0, tmp_path).steps[1].words
    assert words[words.index("--precision") + 1] == "bf16"
    assert words[words.index("--data-device") + 1] == "cpu"
    assert "--deterministic" in words
    # A test that an earlier version made without them.
    put_finished(tmp_path / "out", "a", 0, 0.5)
    config = tmp_path / "out" / "a" / "seed-0-test" / "config.json"
    saved = {"precision": "fp32", "deterministic": False, "batch_size": 9}
    sources = {"precision": "default", "deterministic": "default", "batch_size": "model_final.pt"}
    config.write_text(json.dumps({"command": "test", "options": saved, "sources": sources}))
    code, _, err = call(capsys, file, "--output", tmp_path / "out")
    assert (code, "seed-0-test holds a run with --batch-size 9" in err) == (2, True)
    config.write_text(json.dumps({"command": "test", "options": saved, "sources": sources | {"batch_size": "default"}}))
    code, _, err = call(capsys, file, "--output", tmp_path / "out")
    assert code == 0, err


def test_the_time_of_a_resumed_training_is_that_of_all_epochs(written, tmp_path):
    [few, _], _ = read_sweep(written(ROWS))
    put_finished(tmp_path, "few", 0, 0.5, minutes=2.0)
    training = tmp_path / "few" / "seed-0"
    (training / "log.csv").write_text("epoch,val_loss\n0,1\n1,1\n")
    lines = [json.dumps({"epoch": epoch, "games_per_second": 1, "seconds": 120}) for epoch in (0, 1)]
    (training / "metrics.jsonl").write_text("\n".join(lines))
    assert Job(few, 0, tmp_path).run().minutes == pytest.approx(4 + 1)


def test_two_files_in_one_folder_keep_the_titles_of_both(written, tmp_path, capsys):
    output = tmp_path / "out"
    for row in ("few", "many", "zz"):
        put_finished(output, row, 0, 0.5)
    assert call(capsys, written(ROWS), "--output", output, "--seeds", "0")[0] == 0
    for folder in ("few/seed-0", "few/seed-0-test"):
        shutil.rmtree(output / folder)
    (output / "few").rmdir()
    code, _, err = call(capsys, written("[rows.zz]\ntitle = 'last'\n"), "--output", output)
    assert code == 0, err
    rows = json.loads((output / "sweep.json").read_text())["rows"]
    assert {name: row["title"] for name, row in rows.items()} == {"zz": "last", "many": "many lines"}


@pytest.mark.parametrize(
    ("output", "told"),
    [("", "needs a folder name"), ("afile/x", "--output afile/x cannot be created: Not a directory")],
)
def test_a_folder_that_cannot_be_created(output, told, written, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "afile").touch()
    code, _, err = call(capsys, written(ROWS), "--output", output)
    assert (code, told in err) == (2, True), err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["afile", "lines.toml"]


def test_a_dry_run_does_not_import_torch(written, tmp_path):
    code = (
        "import sys\nfrom learning_to_draw import commgame\n"
        f"code = commgame.main(['sweep', {str(written(ROWS))!r}, '--output', {str(tmp_path / 'out')!r}, '--dry-run'])\n"
        "sys.exit(code or 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_of_two_calls_at_once_the_second_is_refused(written, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    with claimed_folder(tmp_path / "out"):
        code, _, err = call(capsys, written(ROWS), "--output", tmp_path / "out")
    assert (code, f"another process is using {tmp_path / 'out'}" in err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--slurm", "time=5"], "--slurm has an effect only with --cluster slurm"),
        (["--cluster", "local", "--jobs", "2"], "--jobs cannot be used with --cluster"),
        (["--cluster", "--slurm", "partition=gpu"], "--cluster slurm needs a time limit"),
        (["--cluster", "--slurm", "time=0"], "--cluster slurm needs a time limit"),
        (["--cluster", "--slurm", "time=5", 'srun_args="a'], '--slurm srun_args="a: No closing quotation'),
        (["--cluster", "--slurm", "partition"], "--slurm partition: this is not NAME=VALUE"),
        (["--cluster", "--slurm", "time=5"], "sbatch or srun is not available on this machine"),
        (["--jobs", "0"], "argument --jobs"),
    ],
)
def test_ways_that_do_not_fit_together(arguments, told, written, tmp_path, capsys, monkeypatch):
    pytest.importorskip("submitit")
    monkeypatch.setenv("PATH", str(tmp_path))
    code, _, err = call(capsys, written(ROWS), "--output", tmp_path / "out", *arguments)
    assert (code, told in err) == (2, True), err
    assert not (tmp_path / "out").exists()


def test_slurm_gets_an_array_with_the_parameters_given(written, tmp_path, capsys, monkeypatch):
    pytest.importorskip("submitit")
    for name, script in (("srun", ""), ("sbatch", f'cp "$1" {tmp_path}/batch.sh; echo Submitted batch job 4711')):
        (tmp_path / name).write_text(f"#!/bin/bash\n{script}\n")
        (tmp_path / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    put_finished(tmp_path / "out", "few", 0, 0.5, nlines=1)
    parameters = ("partition=gpu", "time=90", "gpus_per_node=1", "reservation=today", "setup=module load cuda")
    parameters += ("use_srun=false",)
    code, out, err = call(capsys, written(ROWS), "--output", tmp_path / "out", "--cluster", "--slurm", *parameters)
    assert code == 0, err
    assert "submitted 3 runs as job 4711" in out
    lines = (tmp_path / "batch.sh").read_text().splitlines()
    for line in ("--array=0-2%3", "--partition=gpu", "--time=90", "--gpus-per-node=1", "--reservation=today"):
        assert f"#SBATCH {line}" in lines
    assert "module load cuda" in lines
    assert not any(line.startswith("srun") for line in lines)
    assert len(list((tmp_path / "out" / "submitit").glob("4711_*_submitted.pkl"))) == 3


def test_the_time_left_is_that_of_the_same_row_or_of_all(written, tmp_path):
    rows, _ = read_sweep(written(ROWS))
    for row, seed, minutes in (("few", 0, 2.0), ("few", 1, 4.0)):
        put_finished(tmp_path, row, seed, 0.5, minutes=minutes)
    few, many = rows
    runner = run_jobs._Runner([], [Job(few, 0, tmp_path), Job(few, 1, tmp_path)], 1)
    assert runner._prediction([Job(few, 2, tmp_path), Job(many, 2, tmp_path)]) == pytest.approx(3.0 + 3.0)
    put_finished(tmp_path, "many", 0, 0.5, minutes=9.0)
    runner._note_minutes(Job(many, 0, tmp_path))
    assert runner._prediction([Job(few, 2, tmp_path), Job(many, 2, tmp_path)]) == pytest.approx(3.0 + 9.0)
    assert [run_jobs.duration(minutes) for minutes in (0.5, 12.4, 150)] == ["30 s", "12 min", "2.5 h"]


def test_cores_are_divided_among_jobs_unless_the_environment_says_how(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("NUMBA_NUM_THREADS", "7")
    assert run_jobs._environment(1) == dict(os.environ)
    environment = run_jobs._environment(2)
    assert environment["OMP_NUM_THREADS"] == str(max(1, len(os.sched_getaffinity(0)) // 2))
    assert environment["NUMBA_NUM_THREADS"] == "7"


def test_a_plugin_is_given_with_the_command(written, tmp_path, capsys):
    (tmp_path / "not a plugin.py").write_text("")
    code, _, err = call(capsys, written(ROWS), "--plugin", tmp_path / "not a plugin.py", "--dry-run")
    assert (code, "it registers no component" in err) == (2, True)
    rows, _ = read_sweep(written(ROWS), Path("my.py"))
    assert rows[0].words[-2:] == ["--nlines", "1"]
    assert rows[0].words[rows[0].words.index("--plugin") + 1] == "my.py"
    with pytest.raises(UsageError, match="plugin is code"):
        read_sweep(written("[common]\nplugin = 'my.py'\n[rows.a]"))


def test_a_test_of_fewer_epochs_than_the_training_has_is_refused(written, tmp_path, capsys):
    output = tmp_path / "out"
    put_finished(output, "few", 0, 0.5, nlines=1)
    for folder, entry in (("seed-0", {"epochs": 20}), ("seed-0-test", {"epoch": 14})):
        path = output / "few" / folder / "result.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | entry))
    code, _, err = call(capsys, written(ROWS), "--output", output, "--dry-run")
    assert code == 2
    assert "seed-0-test holds a test after 15 epochs, but" in err
    assert "has trained for 20." in err


def test_runs_with_another_version_of_the_plugin(written, tmp_path, capsys):
    plugin, output = tmp_path / "mine.py", tmp_path / "out"
    plugin.write_text(LOSS)
    put_finished(output, "few", 0, 0.5, nlines=1)
    config = output / "few" / "seed-0" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"versions": {"plugin": "0" * 64}}))
    words = (written(ROWS), "--output", output, "--plugin", plugin, "--dry-run")
    try:
        code, _, err = call(capsys, *words)
        assert (code, "the plugin has changed since these runs: few/seed-0" in err) == (0, True), err
        (output / "few" / "seed-0" / "result.json").unlink()
        code, _, err = call(capsys, *words)
        assert (code, "holds an unfinished training with another version of the plugin" in err) == (2, True), err
    finally:
        plugins._unregister(list(plugins._registered))
        plugins._loaded.clear()


def test_a_path_that_a_training_saves_as_it_is_given_is_not_another_option(written, tmp_path, capsys):
    output = tmp_path / "out"
    put_finished(output, "a", 0, 0.5, dataset="StratifiedImageNet", split_files="splits")
    file = written("[rows.a]\ndataset = 'StratifiedImageNet'\n")
    code, out, err = call(capsys, file, "--output", output, "--dry-run")
    assert (code, out.strip()) == (0, "Nothing is left to do."), err
