"""Test the functions in C: against dense matrices and the coder, for each set of instructions of this machine."""

import functools
import os
import platform
import shutil
import subprocess
import sys

import pytest
import torch
from processes import ROOT

from groupsc.config.definitions import ModelConfig
from groupsc.inference.compiled.library import FOLDER, library, load
from groupsc.inference.compiled.window import CompiledWindow
from groupsc.inference.local_prior import LocalCoding, functions_for
from groupsc.inference.sliding_window import codes_of, restore_whole, window_for
from groupsc.models.coder import SparseCoder
from groupsc.models.penalties import Centralised, GroupLasso
from groupsc.models.similarity import similarity, source_weights, window_mask
from groupsc.ops.gathered import GatheredWindow
from groupsc.ops.window import SlidingWindow
from groupsc.ops.workers import workers
from groupsc.utils.device import has_instructions

CPU = torch.device("cpu")
VARIANTS = [
    pytest.param("avx2", torch.float32, 1e-5, id="AVX2"),
    pytest.param("avx512_vl", torch.float32, 1e-5, id="AVX-512"),
    pytest.param("avx512_bf16", torch.bfloat16, 2e-2, id="AVX-512 bf16"),
]
"""Instructions, type of the products, and the tolerance that it needs."""


def functions_of(instructions):
    if not has_instructions(instructions):
        pytest.skip(f"this processor has no {instructions}")
    functions = load(instructions)
    if functions is None:
        pytest.skip("nothing was compiled; install a C compiler and groupsc again")
    return functions


def compiled(instructions):
    return functools.partial(CompiledWindow, functions=functions_of(instructions))


def coded(instructions, dtype, model, image, mask=None, level=None):
    """The image restored by the compiled functions for SC."""
    functions = functions_of(instructions)
    with workers(CPU) as each:
        return LocalCoding(
            model, image, mask, level=level, matmul_dtype=dtype, each=each, functions=functions
        ).restored()


@pytest.mark.parametrize(("instructions", "dtype", "tolerance"), VARIANTS)
@pytest.mark.parametrize(
    ("rows", "columns", "window", "atoms", "features", "weight"),
    [
        pytest.param(11, 19, 6, 40, 5, 1.0, id="even window"),
        pytest.param(9, 37, 7, 16, 70, 4.0, id="odd window and weight"),
        pytest.param(21, 18, 20, 65, 9, 1.0, id="window wider than the grid"),
        pytest.param(3, 2, 5, 130, 4, 2.0, id="grid smaller than a tile"),
        pytest.param(1, 1, 1, 1, 1, 1.0, id="one patch"),
    ],
)
def test_sums_and_shrinkage_are_those_of_dense_matrices(
    instructions, dtype, tolerance, rows, columns, window, atoms, features, weight
):
    generator = torch.Generator().manual_seed(rows)
    # No similarity is far below the mean, so the sums leave none out.
    first, second = 0.6 / features**0.5 * torch.randn(2, 1, rows * columns, features, generator=generator)
    B = torch.randn(rows * columns, atoms, generator=generator).to(dtype)
    lam, nu = torch.linspace(-0.5, 2, atoms), 0.3
    mask = source_weights(window_mask(rows, columns, window), weight, torch.float32)
    Sigma = (1 - nu) * similarity(first, mask) + nu * similarity(second, mask)

    found = compiled(instructions)(rows, columns, window, dtype, weight=weight)
    out, codes = torch.full_like(B, torch.nan), B.clone()
    with workers(CPU) as each:
        for F, share in ((first, None), (second, nu)):
            found.update(lambda part, F=F: F.view(rows, columns, -1)[part].flatten(0, 1), share, each)
        found.sum(B, out, each)
        centred = B.flip(0).contiguous()
        found.take(B, each, squares=False)
        found.shrink(centred, lam.abs(), each, gamma=0.7)
        found.take(codes, each, squares=True)
        found.shrink(codes, lam, each)
    close = functools.partial(torch.testing.assert_close, rtol=tolerance, atol=tolerance)
    close(found.mass, Sigma.sum(1).T)
    close(out.float(), (Sigma.transpose(1, 2) @ B.float())[0], atol=tolerance * mask.sum(0).max().sqrt().item())
    close(codes.float(), GroupLasso().prox(B.float()[None], None, lam, Sigma)[0])
    prior = Centralised(torch.tensor([0.7]))
    close(centred.float(), prior.prox(B.float().flip(0)[None], B.float()[None], lam.abs(), Sigma)[0])


@pytest.mark.parametrize(("instructions", "dtype", "tolerance"), VARIANTS)
@pytest.mark.parametrize(("rows", "columns", "window"), [(13, 22, 9), (3, 290, 262)], ids=["narrow", "several words"])
def test_sums_leave_out_small_similarities(instructions, dtype, tolerance, rows, columns, window):
    """A similarity is left out only if it is below a share of the mean of its target; `mass` counts all."""
    number, share = rows * columns, 0.2 if dtype == torch.bfloat16 else 1e-5
    # Three textures in stripes, with similarities of about 1, 0.02, and 1e-7 or less between them.
    textures = torch.tensor([0.0, 2.0, 6.0])[torch.arange(columns) // 6 % 3]
    F = textures[None, :, None] + 0.1 * torch.rand(rows, columns, 1, generator=torch.Generator().manual_seed(0))
    F[1::2, 3::7] += 1  # Patches with a smaller mass than their neighbours.
    Sigma = similarity(F.view(1, number, 1), window_mask(rows, columns, window))[0]
    found, out = compiled(instructions)(rows, columns, window, dtype), torch.empty(number, number, dtype=dtype)
    with workers(CPU) as each:
        found.update(lambda part: F[part].flatten(0, 1), None, each)
        found.sum(torch.eye(number, dtype=dtype), out, each)
    torch.testing.assert_close(found.mass, Sigma.sum(0)[:, None], rtol=tolerance, atol=0)
    small = Sigma.T < share * Sigma.sum(0)[:, None] / window**2
    absent = out == 0
    assert (absent <= small).all()
    torch.testing.assert_close(out.float(), Sigma.T.where(~absent, 0.0), rtol=tolerance, atol=1e-6)
    inside = Sigma.T > 0
    assert (absent & inside).sum() >= 0.2 * (small & inside).sum() > 0


@pytest.mark.parametrize(("instructions", "dtype", "tolerance"), VARIANTS)
def test_equal_patches_zero_codes_and_nan(instructions, dtype, tolerance):
    """Equal patches have similarity 1 although inner products are rounded; zeros stay zero, and NaN is not lost."""
    rows, columns, window, weight = 6, 7, 5, 3.0
    F = (30 * torch.rand(1, columns, 81, generator=torch.Generator().manual_seed(5))).expand(rows, -1, -1)
    found = compiled(instructions)(rows, columns, window, dtype, weight=weight)
    codes, lam = torch.zeros(rows * columns, 3, dtype=dtype), torch.tensor([0.0, 0.5, 0.1])
    codes[:, 2], codes[-1, 1] = 1, torch.nan
    with workers(CPU) as each:
        found.update(lambda part: F[part].flatten(0, 1), None, each)
        centred = codes.clone()
        found.take(centred, each, squares=False)
        found.shrink(centred, lam, each, gamma=0.5)
        found.take(codes, each, squares=True)
        found.shrink(codes, lam, each)
    # Patches in a column are equal, those of different columns are not alike at all.
    exact = source_weights(window_mask(rows, 1, window), weight, torch.float32).sum(0).repeat_interleave(columns)
    assert (found.mass[:, 0] <= exact * (1 + tolerance)).all()
    torch.testing.assert_close(found.mass[:, 0], exact, rtol=0.02, atol=0)
    for shrunk in (codes, centred):
        assert (shrunk[:, 0] == 0).all()
        assert shrunk[-1, 1].isnan()
    torch.testing.assert_close(codes[:, 2], torch.full_like(codes[:, 2], 0.9), rtol=0, atol=max(tolerance, 1e-4))


@pytest.mark.parametrize(("instructions", "dtype", "tolerance"), VARIANTS)
@pytest.mark.parametrize(
    ("penalty", "channels", "stride"),
    [("group", 1, 1), ("csr", 1, 1), ("group", 3, 1), ("group", 1, 2)],
    ids=["gray GroupSC", "gray CSR", "mosaic GroupSC", "every second patch"],
)
def test_images_are_those_of_the_coder(instructions, dtype, tolerance, penalty, channels, stride):
    window = compiled(instructions)
    sizes = {"patch_size": 3, "n_atoms": 20, "n_iterations": 4, "window": 9, "similarity_interval": 2}
    torch.manual_seed(0)
    model = SparseCoder(
        ModelConfig(
            **sizes, channels=channels, penalty=penalty, patch_stride=stride, source_weight=4.0 if stride > 1 else 1.0
        )
    ).requires_grad_(False)
    image = torch.rand(1, channels, 23, 31)
    mask = (torch.rand(image.shape) < 0.5).float() if channels == 3 else None
    image = image if mask is None else image * mask
    found = restore_whole(model, image, mask, matmul_dtype=dtype, window=window)
    torch.testing.assert_close(found, model(image, mask), rtol=0, atol=tolerance)


@pytest.mark.parametrize(("instructions", "dtype", "tolerance"), VARIANTS)
def test_threads_and_earlier_images_change_nothing(instructions, dtype, tolerance):
    """Each band is computed alone, and memory of an earlier image does not matter. The tiles of SC are equal."""
    window = compiled(instructions)
    local = local_coder(1, patch_size=4, n_atoms=12, n_iterations=3)
    torch.manual_seed(1)
    model = SparseCoder(ModelConfig(patch_size=4, n_atoms=12, n_iterations=3, window=7)).requires_grad_(False)
    image, number, found, tiled = torch.rand(1, 1, 60, 145), torch.get_num_threads(), [], []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            found += [restore_whole(model, image, matmul_dtype=dtype, window=window) for _ in range(2)]
            tiled.append(coded(instructions, dtype, local, image))
    finally:
        torch.set_num_threads(number)
    assert torch.equal(*tiled)
    for other in found[1:]:
        torch.testing.assert_close(other, found[0], rtol=0, atol=tolerance / 10)


def test_default_types_of_torch_do_not_matter():
    image, found = torch.rand(1, 1, 20, 40), {}
    models = [
        SparseCoder(ModelConfig(patch_size=3, n_atoms=12, n_iterations=2, window=7, penalty=penalty)).requires_grad_(
            False
        )
        for penalty in ("l1", "group")
    ]
    for dtype in (torch.float32, torch.float64):
        torch.set_default_dtype(dtype)
        try:
            found[dtype] = [restore_whole(model, image, matmul_dtype=torch.float32) for model in models]
        finally:
            torch.set_default_dtype(torch.float32)
    assert all(torch.equal(*pair) for pair in zip(*found.values(), strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("penalty", ["l1", "group"])
def test_compiled_functions_are_used_unless_they_are_refused(penalty, dtype):
    """The roundings of both ways differ."""
    instructions = "avx2" if dtype == torch.float32 else "avx512_bf16"
    functions_of(instructions)
    if penalty == "group" and dtype == torch.bfloat16 and has_instructions("amx_bf16"):
        pytest.skip("the products of torch are used on this processor")
    torch.manual_seed(0)
    sizes = {"patch_size": 5, "n_atoms": 40, "n_iterations": 4, "window": 9}
    model = SparseCoder(ModelConfig(**sizes, penalty=penalty)).requires_grad_(False)
    image = torch.rand(1, 1, 30, 40)
    if penalty == "l1":
        with workers(CPU) as each:
            options = {"level": None, "matmul_dtype": dtype, "each": each}
            ways = [
                LocalCoding(model, image, None, **options, functions=functions).restored()
                for functions in (library(dtype), None)
            ]
    else:
        windows = functools.partial(CompiledWindow, functions=library(dtype)), SlidingWindow
        ways = [restore_whole(model, image, matmul_dtype=dtype, window=window) for window in windows]
    assert not torch.equal(*ways)
    assert torch.equal(restore_whole(model, image, matmul_dtype=dtype), ways[0])
    assert torch.equal(restore_whole(model, image, matmul_dtype=dtype, compiled=False), ways[1])


def local_coder(seed, **sizes):
    """SC with thresholds of both signs."""
    torch.manual_seed(seed)
    model = SparseCoder(ModelConfig(penalty="l1", **sizes)).requires_grad_(False)
    for matrix in (model.C, model.W):
        matrix += 0.05 * torch.randn(matrix.shape)
    model.thresholds.copy_(0.2 * torch.rand(model.thresholds.shape) - 0.05)
    return model


@pytest.mark.parametrize(("instructions", "dtype", "tolerance"), VARIANTS)
@pytest.mark.parametrize(
    ("channels", "patch_size", "atoms", "iterations", "size", "masked"),
    [
        pytest.param(1, 3, 20, 3, (20, 30), False, id="gray"),
        pytest.param(3, 4, 37, 3, (45, 150), False, id="colour, several tiles"),
        pytest.param(3, 3, 27, 4, (23, 40), True, id="mosaic"),
        pytest.param(1, 5, 18, 2, (5, 5), False, id="one patch"),
        pytest.param(1, 2, 1, 1, (150, 4), True, id="one atom and iteration"),
    ],
)
def test_images_of_sc_are_those_of_the_coder(
    instructions, dtype, tolerance, channels, patch_size, atoms, iterations, size, masked
):
    model = local_coder(atoms, channels=channels, patch_size=patch_size, n_atoms=atoms, n_iterations=iterations)
    image = torch.rand(1, channels, *size)
    mask = (torch.rand(image.shape) < 0.5).float() if masked else None
    image = image if mask is None else image * mask
    found = coded(instructions, dtype, model, image, mask)
    torch.testing.assert_close(found, model(image, mask), rtol=0, atol=tolerance)


@pytest.mark.parametrize(("instructions", "dtype", "tolerance"), VARIANTS)
def test_images_of_a_blind_sc_depend_on_the_level(instructions, dtype, tolerance):
    levels = {"levels": (0, 50), "interpolate": True}
    model = local_coder(2, patch_size=3, n_atoms=12, n_iterations=2, **levels)
    image = torch.rand(1, 1, 12, 40)
    for level in (10.0, 40.0):
        found = coded(instructions, dtype, model, image, level=level)
        torch.testing.assert_close(found, model(image, level=level), rtol=0, atol=tolerance)


@pytest.mark.parametrize(("instructions", "dtype", "tolerance"), VARIANTS)
def test_zero_codes_give_means_and_nan_reaches_its_patches_alone(instructions, dtype, tolerance):
    model = local_coder(3, patch_size=3, n_atoms=10, n_iterations=3)
    model.thresholds.clamp_(min=0.01)
    flat = torch.full((1, 1, 9, 70), 0.3)
    torch.testing.assert_close(coded(instructions, dtype, model, flat), flat, rtol=0, atol=1e-6)
    image = torch.rand(1, 1, 12, 70)
    expected = coded(instructions, dtype, model, image)
    image[..., 6, 33] = torch.nan
    found = coded(instructions, dtype, model, image)
    near = torch.zeros(12, 70, dtype=torch.bool)
    near[4:9, 31:36] = True
    assert torch.equal(found[0, 0].isnan(), near)
    assert torch.equal(found[0, 0][~near], expected[0, 0][~near])


def test_a_machine_takes_what_it_can_run():
    for dtype, instructions in ((torch.float32, "avx2"), (torch.bfloat16, "avx512_bf16")):
        able = has_instructions(instructions) and load(instructions) is not None
        assert (library(dtype) is not None) == able
        fits = able and not (dtype == torch.bfloat16 and has_instructions("amx_bf16"))
        assert (getattr(window_for(CPU, dtype), "func", SlidingWindow) is CompiledWindow) == fits
        for penalty, stride, suits in (("l1", 1, True), ("l1", 2, False), ("group", 1, False)):
            model = SparseCoder(
                ModelConfig(patch_size=3, n_atoms=8, n_iterations=2, penalty=penalty, patch_stride=stride)
            )
            assert (functions_for(model, torch.zeros(1, 1, 9, 9), dtype) is not None) == (able and suits)
    assert library(torch.float64) is None
    assert window_for(CPU, torch.float64) is SlidingWindow
    assert window_for(torch.device("meta"), torch.float32).func is GatheredWindow


def test_codes_in_double_precision_need_no_compiled_functions():
    model = SparseCoder(ModelConfig(patch_size=3, n_atoms=8, n_iterations=2, window=5)).double().requires_grad_(False)
    image = torch.rand(1, 1, 9, 11, dtype=torch.float64)
    assert codes_of(model, image).dtype == torch.float64


def expected_libraries():
    """Names of the files that an installation makes on this machine."""
    if shutil.which("cc") is None or sys.platform != "linux" or platform.machine() != "x86_64":
        return []
    options = {"avx2": "-mavx2", "avx512_vl": "-mavx512vl", "avx512_bf16": "-mavx512bf16"}
    known = [
        name
        for name, option in options.items()
        if subprocess.run(["cc", option, "-E", "-xc", os.devnull], capture_output=True).returncode == 0
    ]
    return [f"functions_{name}.so" for name in known]


def test_this_installation_has_all_functions():
    missing = [name for name in expected_libraries() if not (FOLDER / name).exists()]
    assert not missing, "install a C compiler before groupsc, then remove .venv/.installed and run make"


BUILD = """
import sys
from pathlib import Path
from hatch_build import compile_all

print(*(path.name for path in compile_all(Path(sys.argv[1]))))
"""


@pytest.mark.parametrize("compiler", ["cc", "cc -g", "no-such-compiler", "false"])
def test_the_installation_needs_no_compiler(tmp_path, compiler):
    """With one, it compiles the functions for all instructions that the compiler knows."""
    pytest.importorskip("hatchling")
    for source in FOLDER.glob("*.[ch]"):
        shutil.copy(source, tmp_path)
    built = subprocess.run(
        [sys.executable, "-c", BUILD, str(tmp_path)],
        cwd=ROOT, env={**os.environ, "CC": compiler}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    names = {path.name for path in tmp_path.glob("*.so")}
    assert set(built.stdout.split()) == names
    assert names == (set(expected_libraries()) if compiler.startswith("cc") else set())
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.parametrize("changed", [None, "window.c", "numbers.h"])
def test_functions_of_other_sources_are_not_used(tmp_path, changed):
    """As after a change of the sources without a new installation."""
    functions_of("avx2")
    for path in (*FOLDER.glob("*.[ch]"), FOLDER / "functions_avx2.so"):
        shutil.copy(path, tmp_path)
    if changed:
        with open(tmp_path / changed, "a") as source:
            source.write("\n")
    assert (load("avx2", tmp_path) is None) == (changed is not None)
