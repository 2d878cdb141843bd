"""Figure 4: plot the proximal operator of the CSR penalty."""

from __future__ import annotations

import matplotlib
from matplotlib.figure import Figure

from groupsc.figures.style import COLORS, STYLE, WIDTH


def csr_prox_curves() -> Figure:
    """Plot the proximal operator of the CSR penalty λ(|u| + γ|u − β|) for several λ, γ and β (Figure 4).

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> [len(ax.lines) for ax in csr_prox_curves().axes]
    [4, 4, 4]
    """
    import torch

    from groupsc.ops.prox import csr_prox

    panels = {
        "lambda": ((0.25, 0.5, 1.0), "$\\gamma=1,\\ \\beta=1.5$"),
        "gamma": ((0.0, 1.0, 3.0), "$\\lambda=0.5,\\ \\beta=1.5$"),
        "beta": ((-1.5, 0.0, 1.5), "$\\lambda=0.5,\\ \\gamma=1$"),
    }
    u = torch.linspace(-4, 4, 1601, dtype=torch.float64)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 2.45), layout="constrained")
        axes = figure.subplots(1, 3, sharex=True, sharey=True)
        for ax, (varied, (values, fixed)) in zip(axes, panels.items(), strict=True):
            ax.plot(u, u, color="#999999", linewidth=0.8, linestyle=(0, (4, 3)))
            for color, value in zip(COLORS, values, strict=False):
                setting = {"lambda": 0.5, "gamma": 1.0, "beta": 1.5, varied: value}
                prox = csr_prox(u, torch.full_like(u, setting["beta"]), setting["lambda"], setting["gamma"])
                ax.plot(u, prox, color=color, label=f"$\\{varied}={value:g}$")
            ax.set(title=fixed, xlabel="$u$", aspect="equal", xlim=(-4, 4), ylim=(-4, 4))
            ax.set_xticks(range(-4, 5, 2))
            ax.set_yticks(range(-4, 5, 2))
            ax.legend(loc="upper left", handlelength=1.4, labelspacing=0.25, borderpad=0.1)
        axes[0].set_ylabel("$\\mathrm{Prox}_{\\lambda\\Psi}[u]$")
    return figure
