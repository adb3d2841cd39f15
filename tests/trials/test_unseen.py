"""Test pictures that were trained on are an error, and a run resumes only with its own pictures."""

import re
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from learning_to_draw import commgame
from learning_to_draw.datasets.config import DigitsConfig
from learning_to_draw.datasets.digits import Digits
from learning_to_draw.datasets.identity import content_ids, divide, pixels_hash
from learning_to_draw.datasets.splits import Split
from learning_to_draw.errors import UsageError
from learning_to_draw.trials.agents import build_agents
from learning_to_draw.trials.build import set_up
from learning_to_draw.trials.records.checkpoints import save_agents
from learning_to_draw.trials.trained import load_trained
from learning_to_draw.trials.unseen import check_same_pictures

SMALL = [
    *("--dataset", "ImageFolder", "--encoder", "SmallCNNEncoder", "--image-size", "16", "--batch-size", "4"),
    *("--nlines", "2", "--latent-size", "8", "--decoder-hidden", "8", "--rx-hidden", "8", "--rx-latent-size", "8"),
    *("--epochs", "1", "--num-workers", "0", "--quiet"),
]


def draw(path, seed):
    """A picture of 4 x 4 random patches."""
    path.parent.mkdir(parents=True, exist_ok=True)
    patches = np.random.default_rng(seed).integers(0, 255, (4, 4, 3), dtype=np.uint8)
    Image.fromarray(patches).resize((20, 20), Image.Resampling.NEAREST).save(path)


def call(capsys, *words):
    capsys.readouterr()
    code, told = commgame.main([str(word) for word in words]), capsys.readouterr()
    return code, told.out + told.err


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with pictures of two classes, and a run of one epoch with them."""
    root = tmp_path_factory.mktemp("trained")
    for number in range(60):
        draw(root / "pictures" / ("elm", "oak")[number % 2] / f"{number:02d}.png", number)
    assert (
        commgame.main(["train", *SMALL, "--dataset-root", str(root / "pictures"), "--output", str(root / "run")]) == 0
    )
    return root


@pytest.fixture
def copy(trained, tmp_path):
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_a_checkpoint_holds_the_ids_of_its_training_pictures(trained):
    ids = torch.load(trained / "run" / "model_final.pt", weights_only=True)["trained_on"]
    every = content_ids(sorted((trained / "pictures").glob("*/*.png")), 0, "")
    assert 25 < len(ids) < 55
    assert set(ids.tolist()) < set(every.tolist())


def test_agents_of_ones_own_loop_are_not_tested_on_their_training_pictures(trained, tmp_path, capsys):
    config = load_trained("test", trained / "run" / "model_final.pt", {"weights": "m.pt"}).config
    setup = set_up(config, ("test",))
    agents = build_agents(config.agents, setup.pictures)
    save_agents(tmp_path / "own.pt", agents, config, trained_on=setup.pictures.splits["test"])
    code, told = call(capsys, "test", "--weights", tmp_path / "own.pt", "--output", tmp_path / "test")
    assert (code, "trained on" in told) == (2, True), told
    with pytest.raises(UsageError, match="already exists"):
        save_agents(tmp_path / "own.pt", agents, config)
    save_agents(tmp_path / "own.pt", agents, config, overwrite=True)
    assert (
        call(capsys, "test", "--weights", tmp_path / "own.pt", "--output", tmp_path / "test", "--allow-trained")[0] == 0
    )


def test_pictures_that_come_go_or_change_their_names_leave_the_test_unseen(copy, capsys):
    pictures = copy / "pictures"
    for number in (0, 1, 2, 3):
        (pictures / ("elm", "oak")[number % 2] / f"{number:02d}.png").unlink()
    for number in range(100, 110):
        draw(pictures / "fir" / f"{number}.png", number)
    (pictures / "elm").rename(pictures / "ulmus")
    code, told = call(
        capsys,
        *("test", "--weights", copy / "run" / "model_final.pt", "--dataset-root", pictures),
        *("--output", copy / "test"),
    )
    assert code == 0, told


@pytest.mark.parametrize("command", ["test", "crossplay"])
def test_pictures_that_were_trained_on_are_an_error(command, copy, capsys):
    weights = copy / "run" / "model_final.pt"
    shutil.copy(weights, copy / "other.pt")
    agents = ["--weights", weights] if command == "test" else [weights, copy / "other.pt"]
    words = [command, *agents, "--dataset-root", copy / "pictures", "--dataset-seed", 5, "--output", copy / "out"]
    code, told = call(capsys, *words)
    assert code == 2
    assert "model_final.pt was trained on" in told
    assert "pictures of the test split.\n" in told
    assert "--allow-trained" in told
    assert not (copy / "out").exists()
    assert call(capsys, *words, "--allow-trained")[0] == 0
    assert (copy / "out" / "result.json").is_file()


def test_another_dataset_seed_would_test_with_training_pictures(tmp_path, capsys):
    """Digits and QuickDraw divide their pictures by --dataset-seed, also into training and test pictures."""
    small = [*SMALL[2:], "--batch-size", "32", "--output"]
    assert call(capsys, "train", *small, tmp_path / "run")[0] == 0
    weights = tmp_path / "run" / "model_final.pt"
    words = ["test", "--weights", weights, "--quiet", "--output"]
    assert call(capsys, *words, tmp_path / "same")[0] == 0
    code, told = call(capsys, *words, tmp_path / "other", "--dataset-seed", 5)
    rest = set(Digits(DigitsConfig()).split("train").ids.tolist())
    test = Digits(DigitsConfig(dataset_seed=5)).split("test").ids.tolist()
    assert code == 2
    assert f"was trained on {len(rest & set(test))} of the 360 pictures of the test split" in told
    assert not (tmp_path / "other").exists()


def test_copies_of_training_pictures_under_other_names_are_found(copy, capsys):
    """A folder with parts, whose test pictures somebody took from the training pictures."""
    ids = set(torch.load(copy / "run" / "model_final.pt", weights_only=True)["trained_on"].tolist())
    files = sorted((copy / "pictures").glob("*/*.png"))
    seen = [file for file, number in zip(files, content_ids(files, 0, "").tolist(), strict=True) if number in ids][:12]
    for number, file in enumerate(seen):
        for part in ("train", "val", "test"):
            target = copy / "parts" / part / "tree" / f"{part}{number}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
    words = ["--dataset-root", copy / "parts", "--output", copy / "out"]
    code, told = call(capsys, "test", "--weights", copy / "run" / "model_final.pt", *words)
    assert code == 2
    assert "was trained on 12 of the 12 pictures" in told
    code, told = call(capsys, "train", *SMALL, *words)
    assert code == 0
    assert "pictures of the test split that are also training pictures: 12 of 12" in told
    assert "repeat another picture" not in told


def test_copies_within_a_split_are_counted(copy, capsys):
    for number in range(10):
        shutil.copy(copy / "pictures" / "elm" / "00.png", copy / "pictures" / "elm" / f"copy {number}.png")
    code, told = call(capsys, "train", *SMALL, "--dataset-root", copy / "pictures", "--output", copy / "out")
    assert code == 0
    # All copies of a picture are in one split.
    assert re.search(r"pictures of the \w+ split that repeat another picture of it: 10 of \d+; if both", told)


def test_a_checkpoint_of_an_earlier_version_is_not_trusted_with_a_folder(copy, capsys):
    path = copy / "run" / "model_final.pt"
    content = torch.load(path, weights_only=True)
    del content["trained_on"]
    torch.save(content, path)
    code, told = call(capsys, "test", "--weights", path, "--output", copy / "out")
    assert code == 2
    assert "was written by an earlier version of this program, which did not record training pictures" in told


def test_a_run_resumes_with_its_own_pictures_only_wherever_they_are(copy, capsys):
    pictures = copy / "pictures"
    saved = torch.load(copy / "run" / "resume.pt", weights_only=True)["pictures"]
    files = sorted(pictures.glob("*/*.png"))
    numbers = dict(zip(content_ids(files, 0, "").tolist(), files, strict=True))
    pictures.rename(copy / "moved")
    gone = copy / "moved" / numbers[int(saved["train"][0])].relative_to(pictures)
    aside = copy / "aside.png"
    gone.rename(aside)
    words = ["train", "--resume", copy / "run", "--epochs", 2, "--dataset-root", copy / "moved", "--quiet"]
    code, told = call(capsys, *words)
    assert code == 2
    assert "the train split has other pictures than when the run was started: 1 missing, 0 new" in told
    aside.rename(gone.with_name("zzz.png"))  # it was the first of its class, and is the last
    code, told = call(capsys, *words)
    assert (code, "their files or folders were renamed" in told) == (2, True)
    gone.with_name("zzz.png").rename(gone)
    code, told = call(capsys, *words)
    assert code == 0, told
    assert len((copy / "run" / "log.csv").read_text().splitlines()) == 3


def test_a_class_gets_a_picture_for_every_part_if_it_has_enough():
    ids, labels = np.arange(7), np.array([0, 0, 0, 1, 1, 2, 2])
    parts = divide(ids, labels, (0.01, 0.98), seed=3)
    assert sorted(parts[:3]) == [0, 1, 2]
    assert parts[3:].tolist() == [2, 2, 2, 2]  # classes with two pictures are not divided
    assert divide(ids, labels, (), seed=3).tolist() == [0] * 7


def test_the_parts_have_the_sizes_of_the_fractions():
    parts = divide(np.arange(100_000) * 7919, np.zeros(100_000, dtype=np.int64), (0.2, 0.3), seed=11)
    assert np.abs(np.bincount(parts) / 100_000 - (0.2, 0.3, 0.5)).max() < 0.006  # four standard deviations


def test_content_ids_tell_files_apart_that_differ_in_one_block(tmp_path):
    content = bytearray(range(256)) * 400
    files = []
    for number, change in enumerate((None, 0, 51_200, 102_399)):
        files.append(tmp_path / f"{number}")
        if change is not None:
            content[change] ^= 255
        files[-1].write_bytes(content)
        if change is not None:
            content[change] ^= 255
    files.append(tmp_path / "again")
    files[-1].write_bytes(content)
    ids = content_ids(files, 2, "").tolist()
    assert len(set(ids)) == 4
    assert ids[0] == ids[-1]


def test_uncompressed_pictures_that_agree_at_three_places_are_told_apart(tmp_path):
    """Icons on white paper, whose first, middle and last rows are blank."""
    files = []
    for number in range(6):
        icon = np.full((200, 200, 3), 255, np.uint8)
        icon[40:60, 20:40] = 30 * number
        files.append(tmp_path / f"{number}.bmp")
        Image.fromarray(icon).save(files[-1])
    assert len(set(content_ids(files, 0, "").tolist())) == 6


def test_a_file_that_cannot_be_read_gets_an_id_and_is_reported_with_the_others(copy, capsys):
    for number in (1, 3):
        (copy / "pictures" / "oak" / f"{number:02d}.png").write_bytes(b"no picture")
    (copy / "pictures" / "elm" / "gone.png").symlink_to(copy / "nowhere.png")
    words = ["train", *SMALL, "--dataset-root", copy / "pictures", "--output", copy / "out"]
    code, told = call(capsys, *words)
    assert code == 2
    assert "cannot be read" in told


def split_of(pixels, name="train"):
    labels = torch.zeros(len(pixels), dtype=torch.int64)
    return Split(name, pixels, labels, ("one",), torch.arange(len(pixels)))


def test_a_run_that_resumes_has_to_find_the_same_pixels(tmp_path):
    """Also for data sets with fixed test pictures, whose pictures have no ids."""
    pixels = torch.randint(256, (5, 1, 28, 28), dtype=torch.uint8)
    saved = {"pixels": {"train": pixels_hash(pixels, torch.zeros(5, dtype=torch.int64))}}
    other = pixels.clone()
    other[4, 0, 27, 27] ^= 1
    check_same_pictures(tmp_path, {"train": split_of(pixels)}, saved)
    check_same_pictures(tmp_path, {"train": split_of(other)}, {})  # of an early version, which saved no hashes
    with pytest.raises(UsageError, match="the train split has other pictures than when the run was started: their"):
        check_same_pictures(tmp_path, {"train": split_of(other)}, saved)


def test_a_checkpoint_of_an_earlier_version_is_trusted_with_a_folder_that_has_its_own_test_pictures(copy, capsys):
    for part, count in (("train", 12), ("val", 8), ("test", 8)):
        for number in range(count):
            draw(copy / "parts" / part / "elm" / f"{number}.png", f"{part} {number}".encode()[0] * 1000 + number)
    words = ["--dataset-root", copy / "parts", "--output"]
    assert call(capsys, "train", *SMALL, *words, copy / "divided")[0] == 0
    path = copy / "divided" / "model_final.pt"
    content = torch.load(path, weights_only=True)
    del content["trained_on"]
    torch.save(content, path)
    code, told = call(capsys, "test", "--weights", path, "--output", copy / "out")
    assert code == 0, told
