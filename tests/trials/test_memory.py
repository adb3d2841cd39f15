"""What a run is going to need, where its pictures go, and what may be taken unasked."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from learning_to_draw import commgame
from learning_to_draw.errors import UsageError
from learning_to_draw.experiments import run_jobs
from learning_to_draw.games.losses.terms import HingeLoss, TotalLoss
from learning_to_draw.trials.agents import build_agents
from learning_to_draw.trials.build import build_batches, build_loss, load_pictures, seeds_of
from learning_to_draw.trials.config.configure import configure
from learning_to_draw.trials.loop import distributed
from learning_to_draw.trials.loop.memory import (
    free_memory,
    graph_bytes,
    memory_budget,
    memory_estimate,
    place_of_pictures,
)

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def digits():
    return load_pictures(configure("train").dataset, ("train", "valid", "test"), CPU)


def build(config, pictures):
    """The training batches and the agents."""
    batches = build_batches(config.game, pictures, CPU, seeds_of(config))
    return batches["train"], build_agents(config.agents, pictures)


def test_memory_estimate_counts_weights_and_grows_with_the_batch(digits):
    def parts(**options):
        batches, agents = build(configure("train", **options), digits)
        text = memory_estimate(agents, digits.nbytes, graph_bytes(batches, agents, TotalLoss(HingeLoss())))
        numbers = text.replace(",", "").replace(":", "").split()
        return agents, float(numbers[numbers.index("weights") + 1]), float(numbers[numbers.index("step") + 1])

    agents, weights, small = parts(batch_size=20)
    assert weights == pytest.approx(16 * sum(p.numel() for p in agents.parameters()) / 2**20, abs=1)
    assert parts(batch_size=160)[2] == pytest.approx(8 * small, rel=0.1)
    # In `different`, twice as many photos pass an encoder that is trained.
    same, mixed, different = (parts(object_oriented=kind, batch_size=100)[2] for kind in ("same", "mixed", "different"))
    assert same < mixed <= different < 2 * same
    # One sender: the encoder still sees all 160 candidates, but one sketch instead of 160.
    assert 0.4 < parts(batch_size=160, sender_images_per_iter=1)[2] / parts(batch_size=160)[2] < 0.6


def test_the_memory_estimate_counts_the_views_that_the_clip_loss_makes(digits):
    config = configure("train", encoder="SqueezeNetBackbone", feature_layer="fire3", CLIP_loss=True)
    batches, agents = build(config, digits)
    with_clip = build_loss(config.loss, config.auxiliary.values(), agents, seeds_of(config))
    without, with_views = (graph_bytes(batches, agents, loss) for loss in (TotalLoss(HingeLoss()), with_clip))
    # Six pictures pass the encoder for each sender, instead of photo and sketch alone; and views have grids to sample.
    assert 3 * without < with_views < 4 * without


GPU, MEMORY = torch.device("cuda:0"), 1000  # bytes free on a GPU; the place alone does not need one


@pytest.mark.parametrize(
    ("asked", "size", "place"),
    [
        ("auto", 500, GPU),
        ("auto", 501, CPU),
        ("cpu", 1, CPU),
        ("cuda", 501, GPU),
        ("cuda", 1000, GPU),
    ],
)
def test_pictures_wait_on_the_gpu_if_they_take_at_most_half_of_its_free_memory(asked, size, place):
    assert place_of_pictures(asked, size, GPU, MEMORY) == place


def test_pictures_that_the_gpu_cannot_hold():
    with pytest.raises(UsageError, match="take 3 MiB, but 2 MiB are free on cuda:0") as error:
        place_of_pictures("cuda", 3 * 2**20, GPU, 2 * 2**20)
    assert len(str(error.value).splitlines()) <= 5


def test_of_the_cpu_s_memory_each_process_has_its_part(monkeypatch):
    alone = memory_budget(CPU)
    assert alone > 1000
    monkeypatch.setattr(distributed, "local_world_size", lambda: 4)
    assert memory_budget(CPU) == pytest.approx(alone / 4, rel=0.2)  # other programs take and free some meanwhile


def test_the_jobs_of_a_sweep_share_the_memory(monkeypatch):
    alone = memory_budget(CPU)
    for name, value in run_jobs._environment(4).items():
        monkeypatch.setenv(name, value)
    assert memory_budget(CPU) == pytest.approx(alone / 4, rel=0.2)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (8000, 9000))
    assert memory_budget(GPU) == 1000


NO_LIMIT_1 = 9223372036854771712  # in version 1


@pytest.mark.parametrize(
    ("cgroup", "files", "free"),
    [
        ("0::/\n", {}, 1000),
        ("0::/job/step\n", {"job": ("max", 300, 0), "job/step": ("max", 300, 0)}, 1000),
        ("0::/job/step\n", {"job": (900, 300, 0), "job/step": ("max", 300, 0)}, 600),  # sbatch --mem
        ("0::/job/step\n", {"job": (900, 300, 200), "job/step": (700, 300, 200)}, 600),  # read files, 200 KiB
        ("0::/job/step\n", {".": (400, 100, 0)}, 300),  # a container
        ("0::/../other\n", {".": (400, 500, 0)}, 0),
        ("0::/\n", {".": (4000, 500, 0)}, 1000),
        ("9:memory:/job\n1:cpu:/\n0::/\n", {"memory": (NO_LIMIT_1, 1, 0), "memory/job": (900, 300, 200)}, 800),
    ],
)
def test_free_memory_is_what_the_machine_and_the_limits_of_cgroups_leave(cgroup, files, free, tmp_path):
    """files: folder -> (limit, usage, part of it that is files), in KiB."""
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text("MemTotal: 2000 kB\nMemAvailable:    1000 kB\n")
    (tmp_path / "proc/self/cgroup").write_text(cgroup)
    for folder, (limit, used, cached) in files.items():
        limit = limit if limit in ("max", NO_LIMIT_1) else limit * 1024
        path = tmp_path / "sys/fs/cgroup" / folder
        path.mkdir(parents=True, exist_ok=True)
        version_1 = "memory" in folder
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes") if version_1 else ("memory.max", "memory.current")
        for name, value in zip(names, (limit, used * 1024), strict=True):
            (path / name).write_text(f"{value}\n")
        of_those_below = f"total_inactive_file {cached * 1024}\n" if version_1 else ""
        (path / "memory.stat").write_text(
            f"anon 5\ninactive_file {0 if version_1 else cached * 1024}\n{of_those_below}"
        )
    assert free_memory(tmp_path) == free * 1024


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other libraries keep or return memory in their own way")
@pytest.mark.parametrize(
    ("given", "keeps"),
    [
        ({}, True),
        ({"MALLOC_TRIM_THRESHOLD_": "131072"}, False),
        ({"GLIBC_TUNABLES": "glibc.malloc.trim_threshold=131072"}, False),
    ],
)
def test_a_command_keeps_the_memory_of_freed_tensors_unless_the_environment_says_otherwise(given, keeps):
    code = """
import resource, sys
from learning_to_draw.command_line import run_command
run_command(["--version"])
import torch
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    torch.ones(3 << 20)
before = faults()
for _ in range(20):
    torch.ones(3 << 20)  # 12 MB, 3072 pages of 4 KB
print(faults() - before)
"""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    environment |= {"THP_MEM_ALLOC_ENABLE": "0", "PYTHONPATH": str(Path(commgame.__file__).parent), **given}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    faults = int(run.stdout.split()[-1])
    assert faults < 3072 if keeps else faults >= 20 * 6  # pages of 2 MB, where the system uses them by itself
