"""Explanations of single pixels: the similarities and codes that the coder had, at any place of an image."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image
from small_models import perturbed_coder, some_image

from groupsc.figures.explanation import draw_explanation
from groupsc.figures.style import save
from groupsc.inference.explanation import Recorder, explain
from groupsc.inference.restorer import Restorer
from groupsc.models import penalties
from groupsc.models.coder import SparseCoder
from groupsc.utils.errors import GroupSCError

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("penalty", ["l1", "csr", "group"])
def test_codes_of_a_single_patch_are_its_restoration(penalty):
    model = perturbed_coder(penalty=penalty)
    image, _ = some_image(1, 3, 3)
    found = explain(model, image[0], 1, 1)
    estimate = model.W @ found.codes + image.mean()
    torch.testing.assert_close(estimate.detach().view(1, 3, 3), model(image)[0].detach())


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("place", [(0, 0), (9, 5), (19, 21), (12, 21)])
def test_similarities_are_those_of_the_patch_around_the_pixel(place, stride):
    model = perturbed_coder(penalty="group", window=5, patch_size=3, patch_stride=stride)
    image, _ = some_image(1, 22, 20)
    x, y = place
    found = explain(model, image[0], x, y)
    missing = [7 - length for length in found.degraded.shape[1:]]
    assert all(0 <= number < stride for number in missing)
    assert len(found.similarities) == 1 + len(model.config.similarity_updates)
    seen = torch.nn.functional.pad(found.degraded, (0, missing[1], 0, missing[0]), mode="reflect")[0]
    patches = seen.unfold(0, 3, 1).unfold(1, 3, 1).reshape(25, 9)
    features = (patches - patches.mean(1, keepdim=True)) * model.kappa.detach()
    target = found.top * 5 + found.left
    rows, columns = torch.arange(25) // 5 - found.top, torch.arange(25) % 5 - found.left
    inside = (rows.abs() <= 2) & (columns.abs() <= 2) & (rows % stride == 0) & (columns % stride == 0)
    expected = torch.exp(-(features - features[target]).square().sum(1)) * inside
    torch.testing.assert_close(found.similarities[0].flatten(), expected)
    patch = seen[found.top : found.top + 3, found.left : found.left + 3]
    assert image[0, 0, y, x] in patch
    if stride == 1:
        assert patch[1, 1] == image[0, 0, np.clip(y, 1, 20), np.clip(x, 1, 18)]


class Firm(penalties.Penalty):
    """Firm shrinkage at the thresholds of SC."""

    nonlocal_ = False
    first_step_masked = True

    def prox(self, B, A, lam, Sigma):
        return B.sign() * (2 * (B.abs() - lam).relu()).minimum(B.abs())


class OwnCoder(SparseCoder):
    """A coder with another prior, and for non-local priors with another similarity."""

    @property
    def penalty(self):
        return super().penalty if self.kind.nonlocal_ else Firm()

    def features(self, E, number, *, mosaic):
        return 0 * super().features(E, number, mosaic=mosaic)


@pytest.mark.parametrize("penalty", ["l1", "group"])
def test_the_methods_of_a_subclass_are_explained(penalty):
    known, (image, _) = perturbed_coder(penalty=penalty), some_image(1, 6, 6)
    own = OwnCoder(known.config).double()
    own.load_state_dict(known.state_dict())
    found = explain(own, image[0], 2, 3)
    with torch.no_grad():
        torch.testing.assert_close(found.restored, own(image)[0])
        assert (found.restored - known(image)[0]).abs().max() > 1e-3
    assert (found.similarities == 1).all()


def test_a_mosaic_is_explained_with_its_mask():
    coder, (image, mask) = perturbed_coder(penalty="group", channels=3), some_image(3, 6, 6, masked=True)
    model = Restorer(coder, {"name": "small", "task": "mosaic"})
    found = explain(model, image[0], 2, 3, mask=mask.expand_as(image)[0])
    with torch.no_grad():
        torch.testing.assert_close(found.restored, coder(image, mask)[0])
    with pytest.raises(GroupSCError, match="give the mask"):
        explain(model, image[0], 2, 3)
    with pytest.raises(GroupSCError, match=r"of the shape \(3, 5, 6\); give a tensor"):
        explain(model, image[0], 2, 3, mask=torch.ones(3, 5, 6))


def test_what_cannot_be_explained_is_said():
    model, (image, _) = perturbed_coder(penalty="group"), some_image(1, 9, 8)
    for wrong, sentence in ((image, r"give an image \(1, H, W\)"), (image[0].numpy(), "give a tensor of floats")):
        with pytest.raises(GroupSCError, match=sentence):
            explain(model, wrong, 0, 0)
    with pytest.raises(GroupSCError, match="a column from 0 to 7 and a row from 0 to 8"):
        explain(model, image[0], 8, 0)
    with pytest.raises(GroupSCError, match=r"give an image \(1, H, W\)"):
        explain(model, image[0].expand(3, -1, -1), 0, 0)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("penalty", ["l1", "group"])
def test_explanations_are_drawn(tmp_path, penalty, channels):
    model, (image, _) = perturbed_coder(penalty=penalty, channels=channels), some_image(channels, 12, 15)
    (path,) = save(draw_explanation(explain(model, image[0], 4, 5)), tmp_path / "why.png")
    assert np.asarray(Image.open(path).convert("L")).std() > 10


def test_drawings_hold_as_many_atoms_as_are_in_use(tmp_path):
    model, (image, _) = perturbed_coder(), some_image(1, 12, 15)
    with torch.no_grad():
        model.thresholds.fill_(10)
    found = explain(model, image[0], 4, 5)
    assert found.summary()["atoms_in_use"] == 0
    assert save(draw_explanation(found), tmp_path / "why.png")[0].stat().st_size > 1000


def test_images_are_scaled_to_the_noise_that_a_model_knows():
    model, (image, _) = perturbed_coder(), some_image(1, 12, 15)
    plain, scaled = explain(model, 2 * image[0], 4, 5), explain(model, image[0], 4, 5, gain=2)
    torch.testing.assert_close(scaled.codes, plain.codes)
    torch.testing.assert_close(2 * scaled.restored, plain.restored)


def test_the_command_explains_a_photograph(groupsc, tmp_path):
    Image.fromarray(skimage.data.camera()[80:160, 200:300]).save(tmp_path / "photo.png")
    command = ["explain", tmp_path / "photo.png", "--sigma", 25]
    options = ["--weights", "gray-groupsc-sigma25", "--output", tmp_path / "why.pdf"]
    result = groupsc(*command, "--at", "50,40", *options, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    facts = json.loads(result.stdout)
    assert len(facts["similar_patches"]) == 4
    assert 0 < facts["atoms_in_use"] <= 256
    assert (tmp_path / "why.pdf").stat().st_size > 1000
    over = ["--at", "50,40", "--output", tmp_path / "photo.png"]
    photo = (tmp_path / "photo.png").read_bytes()
    result = groupsc(*command, *over, cwd=ROOT)
    assert result.returncode == 2
    assert "photo.png would be replaced by the figure" in result.stderr
    assert (tmp_path / "photo.png").read_bytes() == photo
    over[-1] = tmp_path / "why.pdf"
    (tmp_path / "why.pdf").write_bytes(b"before")
    assert groupsc(*command, *over, "--overwrite", cwd=ROOT).returncode == 0
    assert (tmp_path / "why.pdf").stat().st_size > 1000
    result = groupsc(*command, "--at", "middle", cwd=ROOT)
    assert result.returncode == 2
    assert "120,80" in result.stderr


@pytest.mark.parametrize("penalty", ["l1", "csr", "group"])
def test_a_recorder_passes_the_codes_of_every_iteration(penalty):
    class Steps(Recorder):
        def keep(self, codes):
            steps.append(codes)

    steps, model, (image, _) = [], perturbed_coder(penalty=penalty), some_image(1, 9, 8)
    restored = Steps(model)(image)
    assert len(steps) == model.config.n_iterations
    for number, codes in enumerate(steps, 1):
        config = dataclasses.replace(model.config, n_iterations=number)
        shorter = SparseCoder(config).double()
        state = {**model.state_dict(), "thresholds": model.thresholds[:number].detach()}
        shorter.load_state_dict(state)
        recorder = Recorder(shorter)
        recorder(image)
        torch.testing.assert_close(codes, recorder.codes)
    with torch.no_grad():
        torch.testing.assert_close(restored, model(image))
