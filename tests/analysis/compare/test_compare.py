"""The whole command: on real runs, and on files with names that a page, a table or a figure must not interpret."""

import csv
import io
import json
import re
import shlex
import shutil
from pathlib import Path

import matplotlib.figure
import numpy as np
import pytest
from PIL import Image

from learning_to_draw import commgame
from learning_to_draw.analysis.compare import figures
from learning_to_draw.analysis.compare.compare import PICTURES, RECORD, TABLES, compare
from learning_to_draw.analysis.compare.settings import read_settings
from learning_to_draw.analysis.compare.sketches import same_photos
from learning_to_draw.errors import UsageError
from learning_to_draw.experiments.sweep_file import read_sweep
from learning_to_draw.trials.records.gamelog import read_log

DOCUMENT = Path(__file__).parents[3] / "docs" / "figure.md"
NASTY = "<script>alert(1)</script> $x_1$ & 100 % \\ | {a}\x1b[31m\nend"


@pytest.fixture
def call(capsys):
    """call(*words) -> (exit code, stdout, stderr) of the command."""

    def run(*words):
        code = commgame.main(["compare", *map(str, words)])
        return code, *capsys.readouterr()

    return run


def read_rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_real_runs(real_runs, tmp_path, call):
    output = tmp_path / "out"
    code, out, err = call(real_runs, "--output", output)
    assert (code, err) == (0, "")
    assert {path.name for path in output.iterdir()} == {*TABLES, *PICTURES, RECORD}
    assert max(map(len, out.splitlines()[:-1])) <= 100
    runs = read_rows(output / "runs.csv")
    assert [(row["nlines"], row["seed"]) for row in runs] == [("2", "0"), ("2", "1"), ("8", "0"), ("8", "1")]
    for row in runs:
        result = json.loads((real_runs / f"lines-{row['nlines']}" / f"seed-{row['seed']}-test/result.json").read_text())
        assert float(row["rate"]) == pytest.approx(result["communication_rate"], abs=1e-6)
        assert (float(row["low"]), float(row["high"])) == pytest.approx(tuple(result["interval"]))
    for row in read_rows(output / "table.csv"):
        rates = [float(run["rate"]) for run in runs if run["nlines"] == row["nlines"]]
        assert float(row["rate"]) == pytest.approx(np.mean(rates))
        assert float(row["standard_deviation"]) == pytest.approx(np.std(rates, ddof=1))
        said = f"{100 * np.mean(rates):.1f} ± {100 * np.std(rates, ddof=1):.1f}"
        assert f"| nlines {row['nlines']} | {said} |" in (output / "table.md").read_text()
        in_latex = said.replace("±", r"$\pm$")
        assert f"nlines {row['nlines']} & {in_latex} &" in (output / "table.tex").read_text()
        assert re.search(rf"^nlines {row['nlines']} +{re.escape(said)}  ", out, re.MULTILINE)
    [test] = read_rows(output / "tests.csv")
    assert float(test["difference"]) == pytest.approx(
        np.mean([float(run["rate"]) for run in runs[:2]]) - np.mean([float(run["rate"]) for run in runs[2:]])
    )
    page = (output / "compare.html").read_text()
    assert not re.search(r"(?:src|href)=.(?!data:)|url\(|@import", page)
    assert page.count("<td class='right'>") + page.count("<td class='wrong'>") == 16
    for name in PICTURES:
        content = (output / name).read_bytes()
        assert content.startswith(b"%PDF" if name.endswith("pdf") else b"\x89PNG")
        assert b"/Subtype /Type3" not in content  # fonts as TrueType
    assert call(real_runs, "--output", output)[0] == 0  # its own files are replaced


def test_trainings_of_different_games_are_compared_in_one(make_run, tmp_path, call, change, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, game, right in (("a", "different", [1, 1, 1, 1, 1, 0]), ("b", "mixed", [0, 0, 0, 0, 1, 1])):
        folder = make_run(tmp_path / "runs" / name, right=np.array(right, bool), object_oriented=game)
        test = folder.with_name(f"{name}-test")
        shutil.copytree(test, test.with_name(f"{name}-one"))
        change(test.with_name(f"{name}-one") / "config.json", options={"object_oriented": "same"})
    code, out, err = call("runs", "--test", "one", "--no-figures")
    assert (code, err) == (0, "")
    assert "Rates of the test one, which has --object-oriented same in every run." in out
    [test] = read_rows(tmp_path / "compared" / "runs-one" / "tests.csv")
    assert float(test["difference"]) == pytest.approx(3 / 6)
    assert float(test["p"]) == pytest.approx(2 * (1 + 5) / 2**5)  # 4 of 5 games that only one of them won
    assert "--test one" in (tmp_path / "compared" / "runs-one" / "compare.html").read_text()
    change(tmp_path / "runs" / "b-one" / "config.json", options={"object_oriented": "none"})
    code, _, err = call("runs", "--test", "one", "--no-figures")
    assert code == 0
    told = "the tests one have different options: runs/a-one has --object-oriented same, but runs/b-one has "
    assert f"{told}--object-oriented none" in err
    code, _, err = call("runs", "--test", "three")
    assert (code, "runs/a: no test in runs/a-three" in err) == (2, True), err


def test_folders_are_named_as_the_user_named_them(make_run, tmp_path, call, monkeypatch):
    for seed, name in enumerate("ab"):
        make_run(tmp_path / "runs" / name, seed=seed)
    (tmp_path / "link").symlink_to(tmp_path / "runs" / "b")
    monkeypatch.chdir(tmp_path)

    def named(*runs):
        assert call(*runs, "--output", tmp_path / "out", "--no-figures")[0] == 0
        return [(row["folder"], row["test"]) for row in read_rows(tmp_path / "out" / "runs.csv")]

    relative = [("runs/a", "runs/a-test"), ("runs/b", "runs/b-test")]
    assert named("runs/a", "runs/b") == named("runs") == relative
    assert named(tmp_path / "runs" / "a") == [(f"{tmp_path}/runs/a", f"{tmp_path}/runs/a-test")]
    assert named("link") == [("link", "runs/b-test")]
    assert commgame.main(["measure", "runs/a-test", "--only", "rate", "--json", "a.json", "--device", "cpu"]) == 0
    assert json.loads((tmp_path / "a.json").read_text())["logs"][0]["test"] == "runs/a-test"
    monkeypatch.chdir(tmp_path / "runs" / "a")
    assert named(".") == [(".", "../a-test")]


def test_measures_are_compared_over_seeds(make_run, tmp_path, call):
    values = {"a": (0.1, 0.3), "b": (0.5, 0.6)}
    for name, numbers in values.items():
        for seed, number in enumerate(numbers):
            folder = make_run(tmp_path / "runs" / f"{name}{seed}", seed=seed, nlines=1 + (name == "b"))
            test = folder.with_name(f"{folder.name}-test")
            rows = [{"label": "similarity", "value": number, "interval": [0, 1], "chance": 0, "note": ""}]
            rows.append({"label": "none", "value": None, "interval": None, "chance": None, "note": "not measured"})
            rows += [{**rows[0], "label": "ink"}] * (name == "a")
            log = {"digest": read_log(test).digest(), "measures": {"topographic": {"rows": rows}}}
            other = {"digest": "0", "measures": {"topographic": {"rows": [{**rows[0], "value": 9.0}]}}}
            (test / "mine.json").write_text(json.dumps({"logs": [other, log], "sample": 500, "seed": 0}))
    output = tmp_path / "out"
    code, out, err = call(tmp_path / "runs", "--output", output, "--no-figures")
    assert (code, err) == (0, "")
    means = {name: (np.mean(numbers), np.std(numbers, ddof=1)) for name, numbers in values.items()}
    said = [
        "similarity",
        *(word for mean, deviation in means.values() for word in (f"{mean:.3f}", "±", f"{deviation:.3f}")),
    ]
    assert said in [line.split() for line in out.splitlines()]
    assert "ink" not in out  # only setting a has it
    assert f"similarity & {means['a'][0]:.3f} $\\pm$ {means['a'][1]:.3f}" in (output / "measures.tex").read_text()
    assert "similarity" in (output / "compare.html").read_text()
    lines = read_rows(output / "measures.csv")
    assert [(line["setting"], line["seed"], line["number"], float(line["value"])) for line in lines] == [
        *(
            (f"nlines {n}", str(s), "similarity", v)
            for n, vs in ((1, (0.1, 0.3)), (2, (0.5, 0.6)))
            for s, v in enumerate(vs)
        ),
        *(("nlines 1", str(seed), "ink", value) for seed, value in enumerate(values["a"])),
    ]
    broken = tmp_path / "runs" / "b1-test" / "mine.json"
    content = json.loads(broken.read_text())
    broken.write_text(json.dumps(content | {"sample": 400}))
    code, _, err = call(tmp_path / "runs", "--output", output, "--no-figures")
    told = f"topographic was measured with different options: --sample 500 --seed 0 in {tmp_path}/runs/a0-test, "
    assert (code, f"{told}--sample 400 --seed 0 in {tmp_path}/runs/b1-test" in err) == (0, True), err
    content["logs"][1]["measures"]["topographic"]["rows"] = [{"label": 3}]
    broken.write_text(json.dumps(content))
    code, _, err = call(tmp_path / "runs", "--output", output, "--no-figures")
    assert (code, "b1-test: no measures: the rows of the measure topographic are damaged" in err) == (0, True), err
    assert not (output / "measures.tex").exists()  # it was about other runs


def test_only_its_own_files_are_replaced(make_run, tmp_path, call):
    make_run(tmp_path / "runs" / "a")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "table.md").write_text("mine")
    code, _, err = call(tmp_path / "runs", "--output", tmp_path / "out")
    assert (code, "table.md" in err) == (2, True)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["table.md"]
    output = tmp_path / "new"
    assert call(tmp_path / "runs", "--output", output)[0] == 0
    assert call(tmp_path / "runs", "--output", output, "--no-figures")[0] == 0
    assert not (output / "rate.png").exists()  # it would be of an earlier call
    (output / "table.tex").write_text("edited")
    code, _, err = call(tmp_path / "runs", "--output", output)
    assert (code, "table.tex" in err) == (2, True)
    assert (output / "table.tex").read_text() == "edited"
    code, _, err = call(tmp_path / "runs", "--output", output / "table.md")
    assert (code, "is a file" in err) == (2, True)


def test_the_command_on_the_page_makes_it_again(make_run, tmp_path, call):
    for lines in (1, 5):
        make_run(tmp_path / "runs" / str(lines), nlines=lines)
    words = [str(tmp_path / "runs"), "--output", str(tmp_path / "out")]
    for options in ([], ["--against", "nlines", "--no-figures", "--photos", "2", "--seed", "3"]):
        assert call(*words, *options)[0] == 0
        page = (tmp_path / "out" / "compare.html").read_text()
        [command] = re.findall("by <code>(.*?)</code>", page)
        assert command.endswith(shlex.join(["compare", *words, *options]))


def test_without_matplotlib_there_are_tables_and_a_page(make_run, tmp_path, call, monkeypatch):
    make_run(tmp_path / "runs" / "a")
    real = figures.import_optional

    def missing(module, needed_by, package):
        return real(f"{module}_that_is_missing".replace(".", "_"), needed_by, package)

    monkeypatch.setattr(figures, "import_optional", missing)
    code, out, err = call(tmp_path / "runs", "--output", tmp_path / "out")
    assert (code, "all runs" in out) == (0, True)
    assert "no figures" in err
    assert "pip install matplotlib" in err
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*TABLES, RECORD}
    assert "guessed right" in (tmp_path / "out" / "compare.html").read_text()
    code, _, err = call(tmp_path / "runs", "--output", tmp_path / "other", "--figures")
    assert (code, "pip install matplotlib" in err) == (2, True)
    assert not (tmp_path / "other").exists()


def test_text_of_files_is_only_shown(make_run, tmp_path, call):
    for seed in (0, 1):
        make_run(tmp_path / "runs" / "row" / f"seed-{seed}", seed=seed)
    make_run(tmp_path / "runs" / "other" / "seed-0", nlines=NASTY)
    (tmp_path / "runs" / "sweep.json").write_text(json.dumps({"rows": {"row": {"title": NASTY}}}))
    code, out, _ = call(tmp_path / "runs", "--output", tmp_path / "out")
    assert code == 0
    assert "\x1b" not in out
    page = (tmp_path / "out" / "compare.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert page.count("commgame.py train\n") == 3  # the commands
    table = (tmp_path / "out" / "table.tex").read_text()
    assert r"$<$script$>$alert(1)$<$/script$>$ \$x\_1\$ \& 100 \% \textbackslash{} $|$ \{a\} [31m end & 70.0" in table
    lines = (tmp_path / "out" / "table.md").read_text().splitlines()
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 8 for line in lines[:4])


def test_the_rates_are_plotted_against_the_swept_option(make_run, tmp_path):
    for lines in (1, 5, 20):
        for seed, won in ((0, 8), (1, 6)):
            right = [number < won for number in range(10)]
            make_run(tmp_path / f"{lines}-{seed}", right, seed=seed, nlines=lines)
    settings = read_settings([tmp_path])
    assert figures.swept_option(settings) == "nlines"
    axes = matplotlib.figure.Figure().subplots()
    figures.plot_rates(axes, settings, "nlines")
    assert (axes.get_xlabel(), axes.get_xscale()) == ("nlines", "log")
    points = [tuple(map(tuple, line.get_xydata().tolist())) for line in axes.get_lines()]
    assert ((5, 80), (5, 60)) in points
    assert ((1, 70), (5, 70), (20, 70)) in points
    [spread] = axes.containers
    assert spread.has_yerr
    low, high = spread[2][0].get_segments()[0][:, 1]
    assert (high - low) / 2 == pytest.approx(np.std([80, 60], ddof=1))
    axes = matplotlib.figure.Figure().subplots()
    figures.plot_rates(axes, settings)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["nlines 1", "nlines 5", "nlines 20"]


def test_the_curves_are_means_with_a_band_from_the_lowest_to_the_highest(make_run, tmp_path):
    for seed, curve in enumerate(((0.25, 0.5, 0.75), (0.5, 0.5, 1.0))):
        make_run(tmp_path / f"{seed}", seed=seed, curve=curve)
    axes = matplotlib.figure.Figure().subplots()
    figures.plot_curves(axes, read_settings([tmp_path]))
    mean = axes.get_lines()[0].get_xydata().tolist()
    assert mean == [[1, 37.5], [2, 50], [3, 87.5]]  # epochs from 1, per cent
    [band] = axes.collections
    corners = {tuple(corner) for corner in band.get_paths()[0].vertices.tolist()}
    assert corners == {(1, 25), (1, 50), (2, 50), (3, 75), (3, 100)}


def test_an_option_to_plot_against_has_to_differ_and_to_be_a_number(make_run, tmp_path):
    make_run(tmp_path / "a", nlines=2, loss="CELoss")
    make_run(tmp_path / "b", nlines=4, loss="HingeLoss")
    assert "written to" in compare([tmp_path], "test", tmp_path / "out", "--nlines", None, 8, 0)
    for option in ("loss", "nlins"):
        with pytest.raises(UsageError, match=rf"--against {option}(.|\n)*Choose from nlines"):
            compare([tmp_path], "test", tmp_path / "out", option, None, 8, 0)
        with pytest.raises(UsageError, match="Choose from nlines"):
            figures.plot_rates(
                matplotlib.figure.Figure().subplots(), read_settings([tmp_path / "a", tmp_path / "b"]), option
            )


def test_the_sketches_are_of_the_same_photos(real_runs):
    sketches = same_photos(read_settings([real_runs]), 12, seed=0)
    assert [row.label for row in sketches.rows] == ["nlines 2", "nlines 8"]
    assert len(set(sketches.classes)) == 10  # one of each class, before there is a second of any
    assert list(sketches.classes) == sorted(sketches.classes)
    for row, lines in zip(sketches.rows, (2, 8), strict=True):
        log = real_runs / f"lines-{lines}" / "seed-0-test" / "gamelogs"
        turns = {}
        for line in (log / "games.jsonl").read_text().splitlines():
            turn = json.loads(line)
            turns.setdefault(turn["sender_image"], turn)
        for photo, sketch, right in zip(sketches.photos, row.sketches, row.right, strict=True):
            turn = turns[f"target-images/{photo.name}"]
            assert sketch == log / turn["sketch"]
            assert right == (turn["guess"] == turn["target"])


def test_with_fewer_photos_than_classes_the_seed_chooses_the_classes(real_runs):
    chosen = [same_photos(read_settings([real_runs]), 5, seed).classes for seed in (0, 1)]
    assert [len(set(classes)) for classes in chosen] == [5, 5]
    assert chosen[0] != chosen[1]


def test_settings_with_other_pictures_share_no_sketches(make_run, tmp_path, call):
    make_run(tmp_path / "runs" / "a", nlines=2)
    run = make_run(tmp_path / "runs" / "b", nlines=3)
    log = run.with_name("b-test") / "gamelogs"
    shutil.copytree(log / "target-images", log / "others")
    (log / "games.json").write_text((log / "games.json").read_text().replace("target-images", "others"))
    code, _, err = call(tmp_path / "runs", "--output", tmp_path / "out")
    assert (code, "no sketches: the logs have no photo in common" in err) == (0, True)
    assert "not tested: nlines 2 and nlines 3 (not all runs played the same games)" in err
    assert not (tmp_path / "out" / "sketches.png").exists()
    with Image.open(io.BytesIO((tmp_path / "out" / "figure.png").read_bytes())) as picture:
        assert picture.width == pytest.approx(6.75 * 300, abs=1)


def test_a_damaged_picture_costs_only_the_sketches(make_run, tmp_path, call):
    run = make_run(tmp_path / "runs" / "a")
    for path in (run.with_name("a-test") / "gamelogs" / "sketch-images").iterdir():
        path.write_bytes(b"damaged")
    code, out, err = call(tmp_path / "runs", "--output", tmp_path / "out")
    assert (code, "70.0" in out) == (0, True)
    assert re.search(r"no sketches: picture .* cannot be read", err)
    assert (tmp_path / "out" / "figure.pdf").exists()


def test_the_example_of_the_document_runs(real_runs, tmp_path, monkeypatch, capsys):
    shutil.copytree(real_runs, tmp_path / "sweeps" / "lines")
    [sweep] = re.findall(r"^```toml\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "lines.toml").write_text(sweep)
    rows, _ = read_sweep(tmp_path / "lines.toml")
    content = {row.name: {"title": row.title, "options": row.options} for row in rows}
    (tmp_path / "sweeps" / "lines" / "sweep.json").write_text(json.dumps({"rows": content, "seeds": [0, 1]}))
    monkeypatch.chdir(tmp_path)
    [block] = re.findall(r"^```python\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    exec(compile(block, "docs/figure.md", "exec"), {})
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert (tmp_path / "lines.pdf").stat().st_size > 5000
