"""Make Table 4 of the paper again from cached per-image results, and list the differences from the paper.

    python examples/table4.py

Table 4 shows the PSNR of grayscale denoising on BSD68. `data/measured` has one row per image and method; it is part of
the repository and of the installed package. Nothing is downloaded or restored. `snakemake --cores all` makes all tables
in this way, and measures what is missing. Wall time: 5 s on one free core.
"""

import argparse
from pathlib import Path

from groupsc.benchmark.averages import average
from groupsc.benchmark.rows import read_rows
from groupsc.paper.tables import build, read_published
from groupsc.utils.resources import cached_results

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--output", type=Path, default=Path("results/examples"), help="folder of the table")
options = parser.parse_args()

# One row per image: PSNR, SSIM, seconds, and what was measured where.
rows = read_rows(sorted(cached_results().glob("gray-*/BSD68.csv")))
print(f"{len(rows)} rows; the first ones:")
print(rows[["method", "level", "image", "psnr", "ssim", "seconds"]].head(3).to_string(index=False))

# The table as in the paper, with the measured values below the published ones.
table = build("table4", rows)
options.output.mkdir(parents=True, exist_ok=True)
(options.output / "table4.md").write_text(table.to_markdown(), encoding="utf-8")
print(table.to_markdown())

# The same averages as numbers, beside the paper's; without models that were measured on a part of the images.
published = read_published().query("table == 4 and metric == 'psnr'")[["method", "level", "value"]]
means = average(rows).query("images == images_of")[["method", "level", "psnr"]].merge(published, on=["method", "level"])
means["difference"] = means["psnr"] - means["value"]
numbers = means.astype({"psnr": float, "difference": float}).round(2)
print(numbers.sort_values(["method", "level"]).to_string(index=False))
