"""Packed agents: scores and rates of the checkpoint, nothing of this machine, and damaged or missing files."""

import hashlib
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from learning_to_draw import commgame, load
from learning_to_draw.datasets.digits import Digits
from learning_to_draw.errors import UsageError
from learning_to_draw.trials.pack import pack
from learning_to_draw.trials.records.packed import portable
from learning_to_draw.trials.trained import checkpoint_of, configure_test

yaml = pytest.importorskip("yaml")
safetensors = pytest.importorskip("safetensors.torch")
constants = pytest.importorskip("huggingface_hub.constants")

TINY = ["--encoder", "SimpleMLPEncoder", "--latent-size", "8", "--encoder-hidden", "8", "--decoder-hidden", "8"]
TINY += ["--decoder-hidden2", "8", "--nlines", "3", "--rx-hidden", "8", "--rx-latent-size", "8", "--epochs", "1"]
TINY += ["--batch-size", "50", "--quiet"]
WAYS = {
    "shared": ["--epochs", "2", "--sigma2-step", "1", "--final-sigma2", "0.001"],  # sigma2 becomes smaller
    "separate": ["--separate-encoders"],
    "population": ["--population", "2"],
}
FILES = ("README.md", "config.json", "model.safetensors")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def call(*words):
    return commgame.main([str(word) for word in words])


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A folder with a training of every way (WAY), its test (WAY-test), and its agents, packed (WAY-packed)."""
    root = tmp_path_factory.mktemp("world")
    for way, words in WAYS.items():
        assert call("train", *TINY, *words, "--output", root / way) == 0
        assert (
            call("test", "--weights", root / way / "model_final.pt", "--output", root / f"{way}-test", "--quiet") == 0
        )
        pack(root / way, root / f"{way}-packed")
    return root


@pytest.fixture
def copy(world, tmp_path):
    """A copy of a packed pair, which a test may change."""
    return Path(shutil.copytree(world / "shared-packed", tmp_path / "copy"))


def change(file, **entries):
    content = json.loads(file.read_text())
    options = content["options"] | entries.pop("options", {})
    file.write_text(json.dumps(content | entries | {"options": options}))


@pytest.mark.parametrize("way", WAYS)
def test_packed_agents_draw_guess_and_test_like_those_of_the_checkpoint(way, world, tmp_path):
    photos = Digits().split("test").images[:20]
    for agent in ("0", "1", "1,0") if way == "population" else (None,):
        before, after = load(world / way, agent=agent), load(world / f"{way}-packed", agent=agent)
        drawn, again = before.draw(photos), after.draw(photos)
        assert np.array_equal(drawn.points, again.points)
        assert np.array_equal(drawn.sketches, again.sketches)
        assert np.array_equal(before.guess(drawn.sketches, photos), after.guess(again.sketches, photos))
    assert call("test", "--weights", world / f"{way}-packed", "--output", tmp_path / "out", "--quiet") == 0
    first, second = (json.loads((run / "result.json").read_text()) for run in (world / f"{way}-test", tmp_path / "out"))
    assert second.pop("weights") == str(world / f"{way}-packed" / "model.safetensors")
    timed = {"weights", "seconds", "games_per_second"}
    assert {key: first[key] for key in first.keys() - timed} == {key: second[key] for key in second.keys() - timed}


@pytest.mark.parametrize("way", WAYS)
def test_the_folder_holds_three_files_with_every_weight_once_and_no_pickle(way, world):
    folder = world / f"{way}-packed"
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    content = (folder / "model.safetensors").read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    header.pop("__metadata__")
    assert max(entry["data_offsets"][1] for entry in header.values()) == len(content) - 8 - size  # nothing else in it
    config = json.loads((folder / "config.json").read_text())
    model = torch.load(world / way / "model_final.pt", weights_only=True)["model"]
    assert model.keys() == header.keys() | config["same"].keys()
    assert not header.keys() & config["same"].keys()
    assert bool(config["same"]) == (way != "separate")
    stored = safetensors.load(content)
    for name, tensor in model.items():
        assert torch.equal(tensor, stored[config["same"].get(name, name)])
    assert len({value.data_ptr() for value in model.values()}) == len(header)


def test_crossplay_draw_and_configure_test_accept_the_folder(world, tmp_path):
    packed = world / "shared-packed"
    words = ["--output", tmp_path / "matrix", "--quiet"]
    assert call("crossplay", packed, world / "shared", *words) == 0
    matrix = json.loads((tmp_path / "matrix" / "result.json").read_text())
    rate = json.loads((world / "shared-test" / "result.json").read_text())["communication_rate"]
    assert matrix["communication_rates"] == [[rate, rate], [rate, rate]]
    assert matrix["names"] == ["shared-packed", "shared"]
    Image.new("L", (40, 30), 90).save(tmp_path / "grey.png")
    for name in ("shared", "shared-packed"):
        assert call("draw", tmp_path / "grey.png", "--weights", world / name, "--output", tmp_path / name) == 0
    assert (tmp_path / "shared" / "grey.svg").read_text() == (tmp_path / "shared-packed" / "grey.svg").read_text()
    assert configure_test(packed).weights == str(packed / "model.safetensors")


def test_the_card_has_the_rates_of_the_run_and_of_its_tests(world, tmp_path, capsys):
    for name in ("shared", "shared-test"):
        shutil.copytree(world / name, tmp_path / name)
    final = tmp_path / "shared" / "model_final.pt"
    shutil.copy(final, tmp_path / "shared" / "model_other.pt")
    for name, words in {
        "easier": ["--weights", final, "--batch-size", "5"],
        "trained": ["--weights", final, "--batch-size", "6", "--allow-trained"],
        "other": ["--weights", final.with_name("model_other.pt"), "--batch-size", "7"],
        "thin": ["--weights", final, "--batch-size", "8", "--sigma2", "0.0004", "--invert"],
        "earlier": ["--weights", final, "--batch-size", "9"],
    }.items():
        assert call("test", *words, "--output", tmp_path / name, "--quiet") == 0
    earlier = tmp_path / "earlier" / "result.json"  # as if the training had been resumed after this test
    earlier.write_text(json.dumps(json.loads(earlier.read_text()) | {"epoch": 0}))
    pack(final, tmp_path / "packed")
    assert sorted(capsys.readouterr().out.splitlines()) == [
        f"the test {tmp_path / name} is left out of README.md: {why}"
        for name, why in (
            ("earlier", "it tested weights of epoch 1, and these are of epoch 2"),
            ("thin", "it played with --invert, --sigma2 0.0004"),
            ("trained", "it played with --allow-trained"),
        )
    ]
    card = (tmp_path / "packed" / "README.md").read_text()
    _, front, text = card.split("---\n", 2)
    assert yaml.safe_load(front)["library_name"] == "learning-to-draw"
    shown = [line for line in text.splitlines() if line.startswith(("| validation", "| test"))]
    expected = []
    for split, name in (("validation", "shared"), ("test", "shared-test"), ("test", "easier")):
        result = json.loads((tmp_path / name / "result.json").read_text())
        rate, low, high = (f"{100 * share:.1f} %" for share in (result["communication_rate"], *result["interval"]))
        played = f"{result['candidates']} | {result['games']}"
        expected.append(f"| {split} | original | Digits | {played} | {rate} | {low} to {high} |")
    assert sorted(shown) == sorted(expected)
    shutil.copy(final, tmp_path / "alone.pt")
    pack(tmp_path / "alone.pt", tmp_path / "without")
    assert "Not recorded." in (tmp_path / "without" / "README.md").read_text()


def test_paths_of_this_machine_stay_here_and_training_pictures_are_still_refused(tmp_path, capsys):
    for number in range(60):
        path = tmp_path / "pictures" / ("elm", "oak")[number % 2] / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(number).integers(0, 255, (20, 20, 3), dtype=np.uint8)).save(path)
    of_pictures = ["--dataset", "ImageFolder", "--image-size", "16", "--batch-size", "4", "--num-workers", "0"]
    root = ["--dataset-root", tmp_path / "pictures"]
    places = ["--cache-dir", tmp_path / "cache"]
    assert call("train", *TINY, *of_pictures, *root, *places, "--output", tmp_path / "run") == 0
    pack(tmp_path / "run", tmp_path / "packed")
    config = (tmp_path / "packed" / "config.json").read_text()
    assert not any(str(tmp_path) in (tmp_path / "packed" / name).read_text() for name in ("README.md", "config.json"))
    checkpoint = torch.load(tmp_path / "run" / "model_final.pt", weights_only=True)
    assert json.loads(config)["trained_on"] == checkpoint["trained_on"].tolist()
    test = ["test", "--weights", tmp_path / "packed", *root, "--output", tmp_path / "out", "--quiet"]
    assert call(*test, "--dataset-seed", "5") == 2
    assert "model.safetensors was trained on" in capsys.readouterr().err
    assert call(*test) == 0


def test_only_options_that_mean_the_same_everywhere_are_shared():
    here = {"dataset_root": "pictures", "senders_from": "a.pt", "plugin": None, "output": "run", "device": "cuda:1"}
    paths = {"partners": "/home/me/who.txt", "like_a_dog_image": ["dog.png", "C:\\dog.png"]}
    stay = {"dataset": "Digits", "partners": "ring", "learning_rate": "0.1*0.2@[10,30]", "num_targets": None}
    assert portable(here | paths | {"no_such_option": 1}) == {}
    assert portable(stay) == stay


def resaved(change_weights):
    """A function that changes the tensors in a packed folder."""

    def change_folder(folder):
        weights = safetensors.load_file(folder / "model.safetensors")
        safetensors.save_file(change_weights(dict(weights)), folder / "model.safetensors")

    return change_folder


def without_first(weights):
    del weights["decoder.latent_to_linecoord.0.weight"]
    return weights


class Harmful:
    """Its pickle creates a file when it is read."""

    def __reduce__(self):
        return Path.touch, (Path("harm"),)


CONFIG, MODEL = "config.json", "model.safetensors"
DAMAGES = {
    "no config": (lambda folder: (folder / CONFIG).unlink(), "config.json cannot be read: No such file"),
    "no JSON": (lambda folder: (folder / CONFIG).write_text('{"format": 1'), "config.json cannot be read"),
    "a list": (lambda folder: (folder / CONFIG).write_text("[]"), "config.json cannot be read: Expected `object`"),
    "a later format": (lambda folder: change(folder / CONFIG, format=2), "later version"),
    "epoch as text": (lambda folder: change(folder / CONFIG, epoch="3"), "Expected `int`"),
    "ids too large": (lambda folder: change(folder / CONFIG, trained_on=[2**63]), "config.json cannot be read"),
    "unknown option": (
        lambda folder: change(folder / CONFIG, options={"nlins": 3}),
        "has 'nlins' among its options: this option does not exist",
    ),
    "a plugin": (
        lambda folder: change(folder / CONFIG, options={"plugin": "/tmp/p.py"}),
        "has 'plugin' among its options",
    ),
    "a folder": (
        lambda folder: change(folder / CONFIG, options={"dataset_root": "/"}),
        "has 'dataset_root' among its options",
    ),
    "wrong value": (
        lambda folder: change(folder / CONFIG, options={"nlines": -3}),
        "config.json has nlines = -3: ",
    ),
    "no such encoder": (lambda folder: change(folder / CONFIG, options={"encoder": "X"}), "there is no encoder X"),
    "other options": (lambda folder: change(folder / CONFIG, options={"nlines": 5}), "does not fit the agents"),
    "huge": (lambda folder: change(folder / CONFIG, options={"latent_size": 2**30}), "does not fit|cannot be built"),
    "same as nothing": (lambda folder: change(folder / CONFIG, same={"a": "b"}), "'b', which is missing"),
    "no weights": (lambda folder: (folder / MODEL).unlink(), "holds no model_final.pt and no model.safetensors"),
    "cut short": (lambda folder: (folder / MODEL).write_bytes((folder / MODEL).read_bytes()[:-9]), "cannot be read"),
    "empty": (lambda folder: (folder / MODEL).write_bytes(b""), "model.safetensors cannot be read"),
    "a pickle": (lambda folder: torch.save(Harmful(), folder / MODEL), "model.safetensors cannot be read"),
    "wrong shape": (
        resaved(lambda weights: weights | {"decoder.latent_to_linecoord.0.weight": torch.zeros(2, 2)}),
        "size mismatch for decoder.latent_to_linecoord.0.weight",
    ),
    "missing weight": (resaved(without_first), "Missing key.*decoder.latent_to_linecoord.0.weight"),
    "complex": (
        resaved(
            lambda weights: weights | {"decoder.latent_to_linecoord.0.bias": torch.zeros(8, dtype=torch.complex64)}
        ),
        "'decoder.latent_to_linecoord.0.bias' has the unsupported type torch.complex64",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_folder_ends_with_code_2_and_a_message(damage, copy, tmp_path, capsys, monkeypatch):
    harm, told = DAMAGES[damage]
    harm(copy)
    monkeypatch.chdir(tmp_path)
    assert call("test", "--weights", copy, "--output", tmp_path / "out") == 2
    with pytest.raises(UsageError, match=told):
        load(copy)
    assert len(capsys.readouterr().err.splitlines()) <= 5
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "harm").exists()


@pytest.fixture
def hub(world, tmp_path, monkeypatch):
    """A cache of Hugging Face with the repository user/name, in the library's format, and no network."""
    repository, snapshot = tmp_path / "models--user--name", tmp_path / "models--user--name" / "snapshots" / COMMIT
    for folder in (snapshot, repository / "blobs", repository / "refs"):
        folder.mkdir(parents=True)
    (repository / "refs" / "main").write_text(COMMIT)
    for name in FILES:
        content = (world / "shared-packed" / name).read_bytes()
        blob = hashlib.sha256(content).hexdigest()
        (repository / "blobs" / blob).write_bytes(content)
        (snapshot / name).symlink_to(f"../../blobs/{blob}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.chdir(tmp_path)
    return snapshot


@pytest.mark.parametrize("name", ["hf:user/name", "hf:user/name@main", f"hf:user/name@{COMMIT}"])
def test_a_repository_is_loaded_and_tested_like_the_folder(name, hub, world, tmp_path):
    assert load(name).weights == hub / "model.safetensors"
    assert call("test", "--weights", name, "--output", tmp_path / "out", "--quiet") == 0
    tested, before = (
        json.loads((run / "result.json").read_text()) for run in (tmp_path / "out", world / "shared-test")
    )
    assert tested["communication_rate"] == before["communication_rate"]
    assert tested["weights"] == str(hub / "model.safetensors")


def test_a_path_without_hf_is_never_looked_for_on_another_machine(hub):
    with pytest.raises(UsageError, match="there is no such file"):
        load("user/name")  # such as a mistyped runs/first
    assert checkpoint_of(Path("user/name")) == Path("user/name")


@pytest.mark.parametrize("name", ["hf:user/another", "hf:user/name@v2", "hf:user/two--dashes", "hf:", "hf:x"])
def test_a_repository_that_cannot_be_downloaded_ends_with_code_2(name, hub, capsys):
    for words in (["test", "--weights", name], ["crossplay", name, name], ["play", name], ["draw", "a.png"]):
        assert call(*words, *(["--weights", name] if words[0] == "draw" else [])) == 2
        assert f"error: {name} cannot be downloaded from Hugging Face (" in capsys.readouterr().err


@pytest.mark.parametrize(("package", "given"), [("huggingface_hub", "hf:user/name"), ("safetensors.torch", "packed")])
def test_a_missing_package_is_named(package, given, hub, copy, monkeypatch, capsys):
    copy.rename(copy.with_name("packed"))
    for module in (package, package.split(".")[0]):
        monkeypatch.setitem(sys.modules, module, None)  # makes the import fail
    assert call("test", "--weights", given) == 2
    assert f"pip install {package.split('.')[0]}" in capsys.readouterr().err


def test_what_cannot_be_packed(world, tmp_path):
    def rewritten(name, **entries):
        content = torch.load(world / "shared" / "model_final.pt", weights_only=True)
        content["options"] |= entries
        torch.save(content, tmp_path / name)
        return tmp_path / name

    official = {"model": {}, "history": [{}], "torchbearer_version": "0.5.3"}
    torch.save(official, tmp_path / "official.pt")
    shutil.copytree(world / "shared-packed", tmp_path / "taken")
    for run, name, told in (
        (rewritten("plugin.pt", plugin="/home/me/parts.py"), "new", r"--plugin /home/me/parts\.py, but .* no code"),
        (rewritten("wide.pt", nlines=4), "new", "does not fit the agents"),
        (tmp_path / "official.pt", "new", "contains no options"),
        (world / "shared-packed", "new", "is already packed"),
        (world / "shared", "taken", "already exists, and nothing is overwritten"),
        (tmp_path / "none.pt", "new", "there is no such file"),
    ):
        with pytest.raises(UsageError, match=told):
            pack(run, tmp_path / name)
        assert not (tmp_path / "new").exists()
