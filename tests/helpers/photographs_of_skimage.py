"""Photographs of scikit-image with noise, and the PSNR of their restorations."""

from __future__ import annotations

import numpy as np
import skimage.data


def noisy_camera(sigma: float = 25) -> tuple[np.ndarray, np.ndarray]:
    clean = skimage.data.camera()[120:216, 200:312] / 255
    return clean, clean + sigma / 255 * np.random.default_rng(0).standard_normal(clean.shape)


def psnr(one, other) -> float:
    return float(-10 * np.log10(np.mean((np.asarray(one, float) - other) ** 2)))
