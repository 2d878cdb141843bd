"""Files of per-image results."""

from __future__ import annotations

import pandas as pd
import pytest
from measured_rows import make_rows

from groupsc.benchmark.grid import dataset_and_stride
from groupsc.benchmark.rows import read_rows
from groupsc.paper.overview import build_overview


@pytest.mark.parametrize("name", ["2024", "007", "1e5", "NA", "null", "nan"])
def test_names_that_look_like_numbers_or_missing_values_stay_names(tmp_path, name):
    rows = pd.concat([make_rows(dataset=name), make_rows(name, dataset="BSD68")])
    rows.to_csv(tmp_path / "rows.csv", index=False)
    found = read_rows([tmp_path / "rows.csv"])
    assert found["dataset"].tolist() == [name, "BSD68"]
    assert found["method"].tolist() == ["sc", name]
    assert f"| {name} " in build_overview(found).to_markdown()


def test_a_data_set_can_have_the_word_stride_in_its_name():
    assert dataset_and_stride("BSD68-stride24") == ("BSD68", 24)
    assert dataset_and_stride("big-stride") == ("big-stride", None)
    assert dataset_and_stride("x-stridey") == ("x-stridey", None)
