"""Which runs are found, which test belongs to which training, what is left out, and what makes a setting."""

import json
import shutil
from pathlib import Path

import pytest

from learning_to_draw.analysis.compare.runs import LeftOut, find_runs
from learning_to_draw.analysis.compare.settings import group, numeric_options, read_settings
from learning_to_draw.errors import UsageError


def left_out(*paths):
    return {entry.folder.name: entry.why for entry in group(*find_runs(paths))[1]}


@pytest.mark.parametrize(
    ("folder", "why", "printed"),
    [
        ("runs/a", "runs/a/result.json cannot be read", "runs/a/result.json cannot be read"),
        ("runs/a", "repeats runs/a2: same options", "runs/a: repeats runs/a2: same options"),
        ("runs/a", "runs/a2 is newer", "runs/a: runs/a2 is newer"),
        ("a", "has no config.json", "a: has no config.json"),
    ],
)
def test_a_folder_that_is_left_out_is_always_named(folder, why, printed):
    assert str(LeftOut(Path(folder), why)) == printed


def test_runs_of_one_setting_are_its_seeds(make_run, tmp_path):
    for lines in (10, 2):
        for seed in (1, 0):
            make_run(tmp_path / f"lines-{lines}" / f"seed-{seed}", seed=seed, nlines=lines, device=f"cuda:{seed}")
    first, second = read_settings([tmp_path])
    assert (first.label, second.label) == ("nlines 2", "nlines 10")  # by value, not by name
    assert [run.seed for run in first.runs] == [(0, 1234), (1, 1234)]
    assert (first.differing, numeric_options([first, second])) == ({"nlines": 2}, ["nlines"])
    assert first.runs[0].minutes == 2  # 90 s and 30 s
    assert first.runs[0].curve == ((1, 0.5), (2, 0.75))
    assert first.rates == (0.7, 0.7)
    assert first.chance == 0.25


def test_hand_made_folders_and_single_runs(make_run, tmp_path):
    runs = [make_run(tmp_path / name, seed=seed, nlines=lines) for name, seed, lines in
            (("a1", 0, 3), ("a2", 1, 3), ("b1", 0, 5), ("other", 0, 7))]  # fmt: skip
    settings, left = group(*find_runs(runs[:3]))
    assert [(setting.label, len(setting.runs)) for setting in settings] == [("nlines 3", 2), ("nlines 5", 1)]
    assert left == []  # nobody asked for `other`
    [setting] = read_settings([runs[0]])
    assert (setting.label, setting.deviation) == ("all runs", None)


def test_the_title_of_the_sweep_is_the_label_and_its_order_counts(make_run, tmp_path):
    for name, lines in (("few", 2), ("many", 8)):
        make_run(tmp_path / name / "seed-0", nlines=lines)
    rows = {"many": {"title": "Many lines", "options": {"nlines": 8}}, "few": {"options": {}}}
    (tmp_path / "sweep.json").write_text(json.dumps({"rows": rows, "seeds": [0]}))
    assert [setting.label for setting in read_settings([tmp_path])] == ["Many lines", "few"]
    (tmp_path / "sweep.json").write_text("{")
    with pytest.raises(UsageError, match=r"sweep\.json cannot be read"):
        read_settings([tmp_path])


def test_labels_name_what_differs(make_run, tmp_path):
    make_run(tmp_path / "a", nlines=2, invert=True, weight_decay=None)
    make_run(tmp_path / "b", nlines=2, invert=False, weight_decay=0.1, of_a_plugin=1)
    labels = [setting.label for setting in read_settings([tmp_path])]
    assert labels == ["invert off, weight-decay 0.1", "invert on, weight-decay none"]
    make_run(tmp_path / "c", nlines=2, invert=False, weight_decay=0.1, of_a_plugin=2)
    labels = [setting.label for setting in read_settings([tmp_path])]
    assert sorted(labels) == ["invert off, weight-decay 0.1", "invert off, weight-decay 0.1 (3)",
                              "invert on, weight-decay none"]  # fmt: skip


def test_a_moved_folder_is_read_as_before(make_run, tmp_path):
    make_run(tmp_path / "old" / "a", nlines=2)
    make_run(tmp_path / "old" / "b", nlines=3)
    shutil.move(tmp_path / "old", tmp_path / "new")
    (tmp_path / "new" / "b").rename(tmp_path / "new" / "renamed")
    (tmp_path / "new" / "b-test").rename(tmp_path / "new" / "renamed-test")
    assert [len(setting.runs) for setting in read_settings([tmp_path / "new"])] == [1, 1]


def test_a_copy_is_no_second_seed(make_run, tmp_path):
    run = make_run(tmp_path / "a")
    for name in ("a", "a-test"):
        shutil.copytree(tmp_path / name, tmp_path / "copy" / name)
    again = make_run(tmp_path / "again")
    settings, left = group(*find_runs([tmp_path]))
    assert [len(setting.runs) for setting in settings] == [1]
    assert any(entry.why == f"repeats {run}: same options and seed" for entry in left if entry.folder == again)
    assert [len(setting.runs) for setting in read_settings([tmp_path / "copy"])] == [1]


def test_what_is_not_finished_or_damaged_is_left_out(make_run, change, tmp_path):
    names = ("good", "training", "testing", "untested", "broken", "best", "stale", "extended", "swapped")
    for seed, name in enumerate(names):
        make_run(tmp_path / name, seed=seed)
    (tmp_path / "training" / "result.json").unlink()
    (tmp_path / "testing-test" / "result.json").unlink()
    shutil.rmtree(tmp_path / "untested-test")
    (tmp_path / "broken" / "config.json").write_text("{")
    change(tmp_path / "best-test" / "result.json", weights=str(tmp_path / "best" / "model_best.pt"))
    change(tmp_path / "stale-test" / "result.json", epoch=0)
    change(tmp_path / "extended" / "result.json", epochs=1)
    change(tmp_path / "swapped-test" / "config.json", options={"swap_agents": True})
    (tmp_path / "official").mkdir()
    (tmp_path / "official" / "log.csv").write_text("epoch\n")
    (tmp_path / "crossplay").mkdir()
    (tmp_path / "crossplay" / "config.json").write_text('{"command": "crossplay"}')
    (tmp_path / "link").symlink_to(tmp_path / "good")
    why = left_out(tmp_path)
    assert [setting.rates for setting in read_settings([tmp_path])] == [(0.7,)]
    for name, told in (
        ("training", "unfinished: 2 of 2 epochs"),
        ("testing", "testing-test is unfinished"),
        ("untested", f"no test; run python commgame.py test --weights {tmp_path}/untested/model_final.pt --output"),
        ("broken", "config.json cannot be read"),
        ("broken-test", "which is not in the given folders"),
        ("best-test", "tests model_best.pt, not model_final.pt"),
        ("stale", "was made after 1 of 2 epochs: test again"),
        ("extended", "resumed after epoch 1 and has not finished since"),
        ("swapped-test", "--swap-agents"),
        ("official", "has no config.json"),
        ("crossplay", "is neither a training nor a test, but a run of crossplay"),
        ("link", "is a link, and links are not followed"),
    ):
        assert told in why[name], name


def test_of_several_tests_the_one_next_to_the_training_counts(make_run, tmp_path, change):
    make_run(tmp_path / "a")
    shutil.copytree(tmp_path / "a-test", tmp_path / "z")
    change(tmp_path / "z" / "result.json", communication_rate=0.1)
    change(tmp_path / "z" / "config.json", started="2031-01-01T00:00:00+0000")
    settings, [left] = group(*find_runs([tmp_path]))
    assert settings[0].rates == (0.7,)
    assert str(left) == f"{tmp_path}/z: is another test of {tmp_path}/a; {tmp_path}/a-test is used"


def test_folders_without_runs_are_refused(make_run, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="there is no folder"):
        find_runs([tmp_path / "missing"])
    make_run(tmp_path / "a")
    with pytest.raises(UsageError, match="empty holds no run"):
        find_runs([tmp_path / "a", tmp_path / "empty"])
    shutil.rmtree(tmp_path / "a-test")
    with pytest.raises(UsageError, match=r"no finished training with a finished test.*\n.*no test"):
        read_settings([tmp_path])
    assert len(find_runs([tmp_path / "a", tmp_path / "a"])[1]) == 1


def test_links_out_of_a_run_are_not_followed(make_run, tmp_path):
    secret = tmp_path / "secret.json"
    secret.write_text(json.dumps({"communication_rate": 1.0, "epochs": 2}))
    make_run(tmp_path / "runs" / "b", nlines=3)
    run = make_run(tmp_path / "runs" / "a")
    (run / "result.json").unlink()
    (run / "result.json").symlink_to(secret)
    assert "leads out" in left_out(tmp_path / "runs")["a"]


def test_a_test_of_another_game_is_left_out(make_run, tmp_path, change):
    games = {"a": {}, "b": {"batch_size": 8}, "c": {"data_seed": 5}, "d": {"image_size": 28}}
    games |= {"e": {"object_oriented": "same"}, "f": {"num_workers": 0, "augment": True, "precision": "bf16"}}
    for seed, (name, options) in enumerate(games.items()):
        make_run(tmp_path / name, seed=seed, batch_size=32, image_size=32, num_workers=4)
        change(tmp_path / f"{name}-test" / "config.json", options=options)
    settings, left = group(*find_runs([tmp_path]))
    assert [[run.folder.name for run in setting.runs] for setting in settings] == [["a", "f"]]
    why = {entry.folder.name: entry.why for entry in left}
    assert why["b"] == f"its test {tmp_path}/b-test played with options that differ from the training's: --batch-size 8"
    assert [why[name].rsplit(": ")[1] for name in "cde"] == [
        "--data-seed 5",
        "--image-size 28",
        "--object-oriented same",
    ]


def further_tests(folder, change, runs, **options):
    """Copies RUN-test to RUN-same, with other options."""
    for name in runs:
        shutil.copytree(folder / f"{name}-test", folder / f"{name}-same")
        change(folder / f"{name}-same" / "config.json", options={"object_oriented": "same", **options})
        change(folder / f"{name}-same" / "result.json", communication_rate=0.7)


def test_tests_in_another_game_than_the_trainings_are_compared_by_their_name(make_run, tmp_path, change):
    make_run(tmp_path / "a", right=[True] * 7 + [False] * 3)
    make_run(tmp_path / "b", right=[False] * 3 + [True] * 7, object_oriented="different")
    make_run(tmp_path / "c", seed=1)
    further_tests(tmp_path, change, "ab")
    settings, left = group(*find_runs([tmp_path], "same"))
    assert [[run.test.name for run in setting.runs] for setting in settings] == [["b-same"], ["a-same"]]
    assert [str(entry) for entry in left] == [f"{tmp_path}/c: no test in {tmp_path}/c-same"]
    settings, left = group(*find_runs([tmp_path]))
    assert [[run.test.name for run in setting.runs] for setting in settings] == [["b-test"], ["a-test", "c-test"]]
    assert [entry.why for entry in left] == [
        f"is another test of {tmp_path}/a; compare all tests of this name with --test same"
    ]


def test_a_moved_test_in_another_game_is_found_by_its_name(make_run, tmp_path, change):
    make_run(tmp_path / "old" / "a")
    further_tests(tmp_path / "old", change, "a")
    (tmp_path / "old").rename(tmp_path / "new")
    settings, left = group(*find_runs([tmp_path / "new"], "same"))
    assert [[run.test.name for run in setting.runs] for setting in settings] == [["a-same"]]
    assert not left
    settings, [left] = group(*find_runs([tmp_path / "new"]))
    assert [[run.test.name for run in setting.runs] for setting in settings] == [["a-test"]]
    assert left.why.endswith("compare all tests of this name with --test same")


def test_of_several_tests_the_one_of_the_trainings_game_counts(make_run, tmp_path, change):
    make_run(tmp_path / "a", object_oriented="same", num_targets=4)
    shutil.copytree(tmp_path / "a-test", tmp_path / "z")
    change(tmp_path / "a-test" / "config.json", options={"num_targets": 3})
    change(tmp_path / "z" / "config.json", options={"num_targets": 0})  # all classes: there are four
    [setting] = read_settings([tmp_path])
    assert [run.test.name for run in setting.runs] == ["z"]


def test_runs_of_a_setting_have_the_same_number_of_candidates(make_run, tmp_path, change):
    make_run(tmp_path / "a")
    make_run(tmp_path / "b", seed=1)
    change(tmp_path / "b-test" / "result.json", candidates=5, chance=0.2)
    settings, [left] = group(*find_runs([tmp_path]))
    assert [setting.rates for setting in settings] == [(0.7,)]
    assert left.why == f"was tested with 5 candidates, not with 4 like {tmp_path}/a, which has the same options"


def test_an_option_that_an_older_run_lacks_has_its_default(make_run, tmp_path):
    make_run(tmp_path / "older")
    make_run(tmp_path / "newer", seed=1, preset=None, weight_decay=0.0, decoder="SinglePassSimpleLineDecoder", nlines=5)
    make_run(tmp_path / "other", seed=2, weight_decay=0.1)
    assert [len(setting.runs) for setting in read_settings([tmp_path])] == [2, 1]


def test_a_test_of_a_training_elsewhere_is_not_taken_for_another_trainings(make_run, tmp_path, change):
    """v1/b and v2/b have the same name, and v1/b's test lies in v2."""
    first, _ = (make_run(tmp_path / name / "b", seed=4, nlines=3) for name in ("v1", "v2"))
    shutil.rmtree(tmp_path / "v2" / "b-test")
    test = (tmp_path / "v1" / "b-test").rename(tmp_path / "v2" / "z")
    change(test / "result.json", seed=4)
    told = {"b": "no test", "z": f"tests {first}/model_final.pt, which is not in the given folders"}
    why = left_out(tmp_path / "v2")
    assert all(told[name] in why[name] for name in told)
    shutil.rmtree(first)  # as after a move of both
    assert [setting.rates for setting in read_settings([tmp_path / "v2"])] == [(0.7,)]
    for name, values in (("result.json", {"seed": 5}), ("config.json", {"options": {"nlines": 8}})):
        before = (test / name).read_text()
        change(test / name, **values)
        why = left_out(tmp_path / "v2")
        assert all(told[name] in why[name] for name in told)
        (test / name).write_text(before)
