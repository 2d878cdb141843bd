"""How much memory a process takes: of the system's, of its control groups', and beside others."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import pytest
import torch
from small_models import perturbed_coder
from torch._subclasses.fake_tensor import FakeTensorMode

from groupsc.config.definitions import ModelConfig
from groupsc.inference.regions import least_memory, region_side
from groupsc.inference.restoration import blocks_together, restore
from groupsc.models.coder import SparseCoder
from groupsc.utils.memory import free_memory, memory_share, room_in_groups

CPU = torch.device("cpu")


def group(folder, limit, used, *, cached=0, names=("memory.max", "memory.current", "inactive_file")):
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in zip(names, (limit, used), strict=False):
        (folder / name).write_text(f"{value}\n")
    (folder / "memory.stat").write_text(f"anon 7\n{names[2]} {cached}\n")


@pytest.fixture
def groups(tmp_path):
    """A function that gives the room in a tree of control groups for a process in the group of a path."""

    def room(line):
        (tmp_path / "process").write_text(line + "\n")
        return room_in_groups(tmp_path / "groups", tmp_path / "process")

    return room


def test_the_closest_limit_of_all_groups_above_counts(groups, tmp_path):
    group(tmp_path / "groups/slurm", 1000, 400)
    group(tmp_path / "groups/slurm/job/step", "max", 10)
    assert groups("0::/slurm/job/step") == 600
    group(tmp_path / "groups/slurm/job", 300, 250, cached=100)
    assert groups("0::/slurm/job/step") == 150, "what is cached of files can be given back"
    group(tmp_path / "groups/slurm/job", 300, 350)
    assert groups("0::/slurm/job/step") == 0


def test_a_container_sees_its_own_group_at_the_top(groups, tmp_path):
    group(tmp_path / "groups", 8000, 3000)
    assert groups("0::/") == 5000
    assert groups("0::/docker/that/is/not/seen/inside") == 5000


def test_groups_of_the_first_version(groups, tmp_path):
    names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    group(tmp_path / "groups/memory/docker", 900, 200, cached=50, names=names)
    assert groups("7:cpu,cpuacct:/docker\n4:memory:/docker\n0::/") == 750


@pytest.mark.parametrize("line", ["", "0::/nowhere", "3:cpu:/docker"])
def test_without_limits_there_is_none(groups, line):
    assert groups(line) == math.inf


def test_a_process_takes_its_part_of_the_cpus():
    code = (
        "import os, torch; os.sched_getaffinity = lambda process: range(16)\n"
        "from groupsc.utils.memory import memory_share as share, free_memory as free\n"
        "for threads in (1, 4, 16):\n"
        "    torch.set_num_threads(threads)\n"
        "    print(share(torch.device('cpu')) / free(torch.device('cpu')))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert [float(part) for part in out.split()] == pytest.approx([1 / 16, 1 / 4, 1 / 2], rel=0.1)


@pytest.mark.skipif("SC_PHYS_PAGES" not in getattr(os, "sysconf_names", {}), reason="this system has no sysconf")
def test_what_is_free_lies_between_nothing_and_all():
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 0 < free_memory(CPU) < pages
    # Other processes can free memory between two calls.
    assert 0 < memory_share(CPU) <= free_memory(CPU) / 2 + pages / 20


def test_blocks_go_together_as_far_as_memory_reaches():
    """A tensor of a GPU that isn't there tells its type and where it would lie."""
    gray = SparseCoder(ModelConfig(penalty="group"))
    with FakeTensorMode():
        image = torch.empty(1, 1, 64, 64, device="cuda")
    assert [blocks_together(gray, image, 56, memory) for memory in (1e6, 1e9, 1e10)] == [1, 8, 24]
    assert blocks_together(SparseCoder(ModelConfig(penalty="l1")), image, 56, 1e9) == 24
    assert blocks_together(gray, torch.empty(1, 1, 64, 64), 56, 1e10) == 1


def test_a_process_with_a_small_share_still_restores_region_by_region(monkeypatch):
    """Of a million processes, each would get less than one region takes."""
    model = perturbed_coder(penalty="group").float()
    shape, matmul_dtype = (1, 1, 80, 60), torch.float32
    least = least_memory(model, matmul_dtype, *shape[2:])
    assert region_side(model, matmul_dtype, least, *shape[2:]) < 60, "the image is restored in several regions"
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: range(10**6))
    assert memory_share(CPU) < least
    image = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    restored = restore(model, image)
    torch.testing.assert_close(restored, restore(model, image, memory=least), rtol=0, atol=1e-4)
