"""A power failure right after a command has ended: what had not reached the disk by then is lost."""

import shutil
import subprocess

import pytest
import torch

from learning_to_draw import commgame


def run(*words):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True)


@pytest.fixture
def disk(tmp_path):
    """(image, folder): an ext4 file system in a file, mounted on the folder. It writes back every 300 s."""
    image, folder = tmp_path / "disk.img", tmp_path / "disk"
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("needs mkfs.ext4")
    with image.open("wb") as file:
        file.truncate(100 << 20)
    assert run("mkfs.ext4", "-q", image).returncode == 0
    folder.mkdir()
    if run("mount", "-o", "loop,commit=300", image, folder).returncode != 0:
        pytest.skip("needs the right to mount a file system")
    yield image, folder
    run("umount", folder)


@pytest.mark.slow
def test_everything_that_a_finished_command_wrote_survives(disk, tmp_path):
    image, folder = disk
    subprocess.run(["sync"], check=True)
    small = ["--batch-size", "150", "--quiet"]
    assert commgame.main(["train", *small, "--epochs", "2", "--output", str(folder / "run")]) == 0
    weights = folder / "run" / "model_final.pt"
    assert commgame.main(["test", "--weights", str(weights), "--quiet", "--output", str(folder / "tested")]) == 0
    (folder / "not synced").write_text("lost")
    cut, after = tmp_path / "cut.img", tmp_path / "after"
    shutil.copyfile(image, cut)  # the disk as it is at this moment
    after.mkdir()
    run("e2fsck", "-fy", cut)
    assert run("mount", "-o", "loop", cut, after).returncode == 0
    try:
        assert not (after / "not synced").exists() or not (after / "not synced").read_text()  # the cut is one
        for name in ("run", "tested"):
            written = [path for path in (folder / name).rglob("*") if path.is_file()]
            assert len(written) > 10
            for path in written:
                assert (after / path.relative_to(folder)).read_bytes() == path.read_bytes(), path
        assert torch.load(after / "run" / "model_final.pt", weights_only=True)["epoch"] == 1
    finally:
        run("umount", after)
