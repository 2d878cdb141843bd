"""Several processes of one machine share its GPUs out among themselves."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from groupsc.utils.device import _processor_name, device_name, pick_device, pick_own_device
from groupsc.utils.errors import GroupSCError

NAMES = ["GPU-one", "GPU-two"]


@pytest.fixture
def claiming(tmp_path):
    """A function that starts a process, which claims one of `NAMES` and holds it until it is killed."""
    program = f"import time; from groupsc.utils.device import claim; print(claim({NAMES}), flush=True); time.sleep(600)"
    started = []

    def start():
        environment = {**os.environ, "TMPDIR": str(tmp_path)}
        process = subprocess.Popen(
            [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True
        )  # fmt: skip
        started.append(process)
        return process, process.stdout.readline().strip()

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_each_process_has_a_gpu_of_its_own_until_it_is_killed(claiming):
    first, number = claiming()
    assert number == "0"
    assert claiming()[1] == "1"
    assert claiming()[1] == "None", "all are taken"
    first.kill()
    first.wait()
    assert claiming()[1] == "0"


@pytest.mark.parametrize("name", ["cuda:7", "meta", "abacus"])
def test_what_nothing_can_be_computed_on_is_told(name):
    with pytest.raises(GroupSCError, match=f"can't compute on the device '{name}'; choose auto or cpu"):
        pick_device(name)


def test_without_several_gpus_it_is_the_device_that_was_asked_for():
    assert pick_own_device("cpu").type == "cpu"


@pytest.mark.parametrize(
    ("able", "text"),
    [({"avx2", "avx512_f", "avx512_bf16"}, " (AVX-512 bf16), "), ({"avx2"}, " (AVX2), "), (set(), ", ")],
    ids=["AVX-512", "AVX2", "none"],
)
def test_the_name_of_a_processor_contains_its_instructions(monkeypatch, able, text):
    """Virtual machines give processors of several generations one name."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: dict.fromkeys(able, True), raising=False)
    name = device_name(torch.device("cpu"))
    assert name.endswith(f"{text}{torch.get_num_threads()} threads")
    assert ("(" in name.removeprefix(_processor_name())) == bool(able)
