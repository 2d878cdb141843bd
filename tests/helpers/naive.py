"""Algorithm 1 written down once more, patch by patch and atom by atom, with nothing but numpy and loops.

Independent of the package: it knows neither its tensors nor its tricks. For small images only. `p` are the parameters
by their names in a state dict, `config` anything with the attributes of `groupsc.config.definitions.ModelConfig`.
"""

from __future__ import annotations

import numpy as np


def restore(
    image: np.ndarray, p: dict, config, mask: np.ndarray | None = None, *, stride: int = 1, weight: float = 1.0
) -> np.ndarray:
    """Restore (c, H, W), every patch seeing the window around it; sources other than the target count `weight` times.

    With a stride, an image that the patches do not cover is continued by its mirror image below and on the right.
    """
    channels, height, width = image.shape
    k = config.patch_size
    longer = [(0, 0), *((0, -(length - k) % stride) for length in (height, width))]
    image = np.pad(image, longer, mode="reflect")
    mask = None if mask is None else np.pad(mask, longer, mode="reflect")
    rows, columns = (range(0, length - k + 1, stride) for length in image.shape[1:])
    places = [(r, c) for r in rows for c in columns]
    raw = [image[:, r : r + k, c : c + k].reshape(-1) for r, c in places]
    mu = [patch.mean() for patch in raw]
    Y = [patch - mean for patch, mean in zip(raw, mu, strict=True)]
    M = [np.ones_like(Y[0]) if mask is None else mask[:, r : r + k, c : c + k].reshape(-1) for r, c in places]
    neighbours = [[s for s, source in enumerate(places) if reaches(source, target, config.window)] for target in places]
    A = [np.zeros(config.n_atoms) for _ in places]
    Sigma, similarities = None, 0
    for i in range(config.n_iterations):
        refreshed = i >= 2 and config.similarity_interval is not None and (i - 1) % config.similarity_interval == 0
        if config.penalty != "l1" and (i == 0 or refreshed):
            E = Y if i == 0 else estimate(A, p, mu, places, (height, width), longer, config)
            Sigma = blend(Sigma, E, p, similarities, neighbours, config, weight, mosaic=mask is not None)
            similarities += 1
        B = []
        for n in range(len(places)):
            residual = Y[n] - p["D"] @ A[n]
            if i > 0 or config.penalty == "l1":
                residual = M[n] * residual
            B.append(A[n] + p["C"].T @ residual)
        A = [shrink(n, B, A, Sigma, neighbours, p, p["thresholds"][i], config) for n in range(len(places))]
    total, count = np.zeros(image.shape), np.zeros(image.shape)
    for n, (r, c) in enumerate(places):
        total[:, r : r + k, c : c + k] += (p["W"] @ A[n] + mu[n]).reshape(channels, k, k)
        count[:, r : r + k, c : c + k] += 1
    return (total / count)[:, :height, :width]


def reaches(source, target, window: int) -> bool:
    low, high = -(window // 2), window - 1 - window // 2
    return all(low <= s - t <= high for s, t in zip(source, target, strict=True))


def estimate(A, p, mu, places, size, longer, config) -> list[np.ndarray]:
    """Patches of the current estimate, without their first means."""
    k = config.patch_size
    E = [p["W"] @ a for a in A]
    if not config.middle_averaging:
        return E
    shape = (config.channels, *(n + more for n, (_, more) in zip(size, longer[1:], strict=True)))
    total, count = np.zeros(shape), np.zeros(shape)
    for e, m, (r, c) in zip(E, mu, places, strict=True):
        total[:, r : r + k, c : c + k] += (e + m).reshape(shape[0], k, k)
        count[:, r : r + k, c : c + k] += 1
    image = np.pad((total / count)[:, : size[0], : size[1]], longer, mode="reflect")
    return [image[:, r : r + k, c : c + k].reshape(-1) - m for m, (r, c) in zip(mu, places, strict=True)]


def blend(Sigma, E, p, number: int, neighbours, config, weight, *, mosaic: bool) -> list[dict]:
    """Σ as one dictionary {source: similarity} a target."""
    kappa = p["kappa"][min(number, len(p["kappa"]) - 1)]
    F = [kappa * e for e in E]
    if mosaic and number == 0:
        F = [f.reshape(config.channels, -1).sum(0) for f in F]
    fresh = [
        {s: (1 if s == t else weight) * np.exp(-np.sum((F[s] - F[t]) ** 2)) for s in near}
        for t, near in enumerate(neighbours)
    ]
    if number == 0:
        return fresh
    nu = 1 / (1 + np.exp(-p["nu_logit"][min(number - 1, len(p["nu_logit"]) - 1)]))
    return [{s: (1 - nu) * old[s] + nu * new[s] for s in new} for old, new in zip(Sigma, fresh, strict=True)]


def shrink(n: int, B, A, Sigma, neighbours, p, lam, config) -> np.ndarray:
    """Codes of patch n after the proximal operator."""
    if config.penalty == "l1":
        return soft(B[n], lam)
    mass = sum(Sigma[n].values())
    if config.penalty == "group":
        norm = np.sqrt(sum(Sigma[n][s] * B[s] ** 2 for s in neighbours[n]) + 1e-8)
        return np.maximum(0, 1 - lam * np.sqrt(mass + 1e-12) / norm) * B[n]
    gamma = np.log1p(np.exp(p["gamma"]))
    beta = sum(Sigma[n][s] * A[s] for s in neighbours[n]) / mass
    shift = beta + lam * np.sign(beta)
    return soft(soft(B[n] - shift, lam * gamma) + shift, lam)


def soft(u, lam):
    return np.sign(u) * np.maximum(0, np.abs(u) - lam)
