"""The page of the report: what it says, and that it works in a real browser without a network."""

from __future__ import annotations

import csv
import html.parser
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import sync_playwright

from groupsc.benchmark.rows import COLUMNS
from groupsc.figures.catalog import draw
from groupsc.io.images import write_image
from groupsc.pages.report import write_report
from groupsc.paper.reproducibility import build_reproducibility, read_cells
from groupsc.paper.tables import build
from groupsc.utils.errors import GroupSCError

pytestmark = pytest.mark.xdist_group("browser")

TROUBLE = ("error", "warning")
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
SIZES = {"Set12": 2, "BSD68": 3}
PLAN = {
    "trainings": 7, "evaluations": 1234, "images": 8, "other_evaluations": 9, "other_cpu_hours": 0.5,
    "machines": [{"machine": "a chip", "gpu_hours": 0, "cpu_hours": 4321.0, "hours_to_end": 2.0}],
    "download_bytes": 2e6, "assumptions": ["<b>"],
}  # fmt: skip
"""A part of what `groupsc plan --json` prints."""


def rows(gains=(("input", 0.0), ("sc", 9.0), ("groupsc", 9.5))):
    """The input and methods on two images of Set12, whole, and on two of three of BSD68."""
    found = []
    for method, gain in gains:
        for dataset, image in (("Set12", "01"), ("Set12", "02"), ("BSD68", "test001"), ("BSD68", "test002")):
            psnr = 20.123 + gain + 0.5 * (image[-1] == "2")
            values = dict.fromkeys(COLUMNS) | {
                "experiment": f"gray-{method}-sigma25", "task": "gray", "method": method, "level": 25.0,
                "dataset": dataset, "image": image, "repetition": 0, "mode": None if method == "input" else "whole",
                "psnr": psnr, "psnr_channels": psnr, "ssim": 0.8123, "seconds": 2.0, "parameters": 68_000,
                "device": "A chip & <two> threads", "weights_sha256": "aa", "code_version": "1.2.3",
            }  # fmt: skip
            found.append(values)
    return pd.DataFrame(found)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A whole report from small rows and pictures, as files on the disk."""
    folder, rng, measured = tmp_path_factory.mktemp("results"), np.random.default_rng(0), rows()
    for name in ("table4", "table8"):
        build(name, measured, sizes=SIZES).write(folder / "tables" / name)
    cells = read_cells([folder / f"tables/{name}.csv" for name in ("table4", "table8")])
    build_reproducibility(cells).write(folder / "tables/reproducibility")
    draw("figure4", [folder / "figures/figure4.png", folder / "figures/figure4.pdf"])
    (folder / "figure4.rst").write_text("**Figure 4.** The prox of λ(\\|u\\|), as ``groupsc`` & others\nhave it. More.")
    for method in ("sc", "groupsc"):
        for kind, gray in (("clean", 1.0), ("degraded", 0.2), ("restored", 0.6)):
            picture = gray * np.ones((1, 40, 60)) - 0.1 * rng.random((1, 40, 60))
            write_image(folder / f"pictures/gray-{method}-sigma25/Set12/01-{kind}.png", picture)
    (folder / "plan.json").write_text(json.dumps(PLAN))
    return write_report(
        folder / "index.html", measured, pictures=folder / "pictures", figures=[folder / "figures/figure4.png"],
        plan=folder / "plan.json",
        tables=[folder / f"tables/{name}.html" for name in ("reproducibility", "table4", "table8")],
        captions={"figure4": folder / "figure4.rst"},
    )  # fmt: skip


class Reader(html.parser.HTMLParser):
    """Elements and links of a page, in order."""

    def __init__(self, text):
        super().__init__()
        self.elements = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))


def test_nothing_of_the_page_is_elsewhere_and_every_link_leads_to_a_file(page):
    elements = Reader(page.read_text()).elements
    images = [attributes for tag, attributes in elements if tag == "img" and "data-view" not in attributes]
    assert len(images) == 3
    assert all(image["src"].startswith("data:image/webp") and image["alt"] for image in images)
    assert not [tag for tag, attributes in elements if tag == "script" and "src" in attributes]
    names = {attributes.get("id") for _, attributes in elements}
    links = [attributes["href"] for tag, attributes in elements if tag == "a"]
    assert all(link[1:] in names if link.startswith("#") else (page.parent / link).is_file() for link in links)
    assert {"tables/table4.csv", "figures/figure4.pdf"} <= set(links)


def test_the_page_says_where_everything_comes_from(page):
    text = page.read_text()
    for words in ("A chip &amp; &lt;two&gt; threads", "1.2.3", "neither clipped nor quantised", "sha256"):
        assert words in text
    assert "The prox of λ(|u|), as <code>groupsc</code> &amp; others have it." in text
    assert "2 of 3 images" in text
    assert "1,234 evaluations" in text
    assert "4,321.0" in text


@pytest.mark.parametrize("text", ["", "[1, 2]", '{"evaluations": 3}', None])
def test_a_file_that_is_no_plan_is_one_sentence(tmp_path, text):
    if text is not None:
        (tmp_path / "plan.json").write_text(text)
    with pytest.raises(GroupSCError, match=r"plan.json .*; make it with `groupsc plan --json`"):
        write_report(tmp_path / "index.html", rows(), plan=tmp_path / "plan.json")


def test_tiles_name_the_best_model_and_what_is_reproduced(page, tmp_path):
    text = page.read_text()
    assert '<dd class="value">GroupSC 29.87 dB</dd><dd class="remark">SC 29.37, 2 of 12 images</dd>' in text
    same = rows().assign(psnr=30.001)
    same.loc[same["method"] == "groupsc", "psnr"] = 30.002
    assert "SC and GroupSC 30.00 dB" in write_report(tmp_path / "tie.html", same).read_text()
    cells = pd.read_csv(page.parent / "tables/table8.csv")
    own = cells[(cells["metric"] == "psnr") & cells["published"].notna() & (cells["source"] == "ours")]
    measured = own[(own["status"] == "all images") & (own["difference"].abs() <= 0.1)]
    assert f"{len(measured)} of " in text


def test_missing_files_are_named(tmp_path):
    with pytest.raises(GroupSCError, match="groupsc table"):
        write_report(tmp_path / "a.html", rows(), tables=[tmp_path / "table4.html"])
    with pytest.raises(GroupSCError, match="groupsc figure"):
        write_report(tmp_path / "a.html", rows(), figures=[tmp_path / "figure4.png"])
    assert "Nothing" not in write_report(tmp_path / "empty.html", rows()).read_text()


@pytest.fixture(scope="module")
def browser(page):
    """The page in a Chromium of this system, with its `complaints` on the console and its `requests`."""
    executable = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if executable is None:
        pytest.skip("there is no Chromium; install one, such as the package chromium, to test the page in a browser")
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=executable, args=["--no-sandbox", "--disable-gpu"]) as chromium,
    ):
        found = chromium.new_page(viewport={"width": 1280, "height": 900})
        found.complaints, found.requests = [], []
        found.on("console", lambda said: found.complaints.append(said.text) if said.type in TROUBLE else None)
        found.on("pageerror", lambda error: found.complaints.append(error.message))
        found.on("request", lambda request: found.requests.append(request.url))
        found.goto(page.as_uri())
        yield found


LONG = "document.querySelector('table[data-name=all]')"


def column(browser, number, what="dataset.value ?? c.textContent"):
    """The texts of a column of all numbers, from above."""
    cells = f"[...{LONG}.tBodies[0].rows].map(r => {{ const c = r.cells[{number}]; return c.{what}; }})"
    return browser.evaluate(cells)


@pytest.mark.slow
def test_the_numbers_of_the_page_are_those_of_the_files(page, browser):
    lines = []
    for name in ("table4", "table8"):
        with (page.parent / f"tables/{name}.csv").open() as file:
            lines += list(csv.DictReader(file))
    lines.sort(key=lambda line: line["ours"] == "")
    for number, key in ((5, "published"), (6, "ours"), (8, "difference")):
        shown = column(browser, number)
        assert [None if text == "" else float(text) for text in shown] == [
            None if line[key] == "" else float(line[key]) for line in lines
        ]
    assert column(browser, 11) == [line["status"] for line in lines]
    assert "2 of 3" in column(browser, 9, "textContent")


@pytest.mark.slow
def test_headings_sort_up_and_down_with_empty_cells_last(browser):
    button = browser.locator("table[data-name=all] thead tr").first.locator("th").nth(6).locator("button")
    for direction, turn in (("ascending", 1), ("descending", -1)):
        button.click()
        assert browser.evaluate(f"{LONG}.tHead.rows[0].cells[6].getAttribute('aria-sort')") == direction
        found = [float(text) if text else None for text in column(browser, 6)]
        values = [value for value in found if value is not None]
        assert len(values) > 4
        assert found[: len(values)] == sorted(values, reverse=turn < 0)


@pytest.mark.slow
def test_lines_of_this_run_stay_below_their_method(browser):
    """Table 4 by the paper's σ = 25, with the keyboard."""
    table = "document.querySelector('table[data-name=table4]')"
    heading = f"[...{table}.tHead.rows[0].cells].findIndex(c => c.textContent.includes('σ = 25'))"
    number = browser.evaluate(heading)
    browser.evaluate(f"{table}.tHead.rows[0].cells[{number}].querySelector('button').focus()")
    browser.keyboard.press("Enter")
    lines = browser.evaluate(f"[...{table}.tBodies[0].rows].map(r => [...r.cells].map(c => c.textContent.trim()))")
    printed = [float(line[number]) for line in lines if not line[0].startswith("↳") and line[number][:1].isdigit()]
    assert printed == sorted(printed)
    labels = [line[0] for line in lines]
    place = labels.index("SC (baseline)")
    assert labels[place + 1] == "↳ this run"
    assert lines[place + 1][number] == "29.37 (2 of 3 images)"


@pytest.mark.slow
def test_the_filter_leaves_matching_lines(browser):
    browser.evaluate("document.getElementById('filter').focus()")
    browser.keyboard.insert_text("groupsc set12")
    lines = f"[...{LONG}.tBodies[0].rows].filter(r => !r.hidden)"
    shown = browser.evaluate(f"{lines}.map(r => r.textContent.toLowerCase())")
    assert shown
    assert all("groupsc" in text and "set12" in text for text in shown)
    assert browser.evaluate("document.getElementById('count').textContent") == f"{len(shown)} lines"


@pytest.mark.slow
def test_the_slider_moves_by_mouse_and_keys_and_its_sides_can_be_chosen(browser):
    edge = "getComputedStyle(document.querySelector('.stage .left')).clipPath"
    slider = "document.querySelector('.stage input')"
    handle = browser.locator(".stage input")
    handle.click(position={"x": 0.25 * handle.bounding_box()["width"], "y": 5})
    before = int(browser.evaluate(f"{slider}.value"))
    assert 20 <= before <= 30
    assert f"{before}%" in browser.evaluate("document.querySelector('.stage').style.getPropertyValue('--x')")
    clipped = browser.evaluate(edge)
    browser.keyboard.press("ArrowRight")
    assert int(browser.evaluate(f"{slider}.value")) == before + 1
    assert browser.evaluate(edge) != clipped
    choice = "document.querySelector('select[data-side=right]')"
    names = browser.evaluate(f"[...{choice}.options].map(o => o.textContent)")
    assert names[1:] == ["SC, 29.12 dB", "GroupSC, 29.62 dB", "Clean"]
    source = browser.evaluate("document.querySelector('.stage .right').src")
    browser.locator("select[data-side=right]").select_option("Clean")
    assert browser.evaluate("document.querySelector('.stage .right').src") != source
    assert browser.evaluate("document.querySelector('.stage .right').alt") == "Clean"
    brightness = """(async () => { const i = document.querySelector('.stage .right'); await i.decode();
        const c = new OffscreenCanvas(1, 1).getContext('2d'); c.drawImage(i, 0, 0, 1, 1);
        return c.getImageData(0, 0, 1, 1).data[0]; })()"""
    assert browser.evaluate(brightness) > 220
    browser.locator(".compare input.error").check()
    assert browser.evaluate("document.querySelector('.stage .right').alt") == "Error of Clean"
    assert browser.evaluate(brightness) == 0
    browser.locator(".compare input.error").uncheck()
    browser.locator(".compare input.natural").check()
    assert browser.evaluate("document.querySelector('.stage').getBoundingClientRect().width") == 60
    browser.locator(".compare input.natural").uncheck()


@pytest.mark.slow
def test_the_plot_shows_the_methods_of_a_task_and_tells_their_values(browser):
    choice = browser.locator("#setting")
    assert choice.locator("option").all_text_contents() == ["Denoising, σ = 25, Set12", "Denoising, σ = 25, BSD68"]
    choice.select_option("Denoising, σ = 25, BSD68")
    marks = browser.locator("#plot circle")
    assert marks.count() == 2
    heights = [float(marks.nth(number).get_attribute("cy")) for number in (0, 1)]
    assert heights[0] > heights[1], "GroupSC, which is better, is above SC"
    marks.nth(1).focus()
    assert browser.locator("#told").text_content() == (
        "GroupSC: 29.87 dB, 68,000 trained parameters, 2 seconds per image on A chip & <two> threads, 2 of 68 images"
    )
    browser.locator("#whose").select_option("other")
    assert marks.count() == 0
    browser.locator("#whose").select_option("own")
    browser.locator("#against").select_option("seconds")
    assert marks.count() == 2


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
def test_names_in_the_plot_cover_nothing_and_variants_are_models_of_this_library(browser, width, tmp_path):
    models = ["sc", "csr", "groupsc", "sc-short", "groupsc-fast", "sc-blind", "groupsc-blind"]
    measured = rows([(name, 9 + 0.03 * number) for number, name in enumerate([*models, "dncnn", "bm3d"])])
    crowded = browser.context.browser.new_page(viewport={"width": width, "height": 900})
    crowded.goto(write_report(tmp_path / "index.html", measured).as_uri())
    for whose, number in (("own", 7), ("other", 2), ("", 9)):
        crowded.locator("#whose").select_option(whose)
        assert crowded.locator("#plot circle").count() == number
    boxes = crowded.evaluate("""[...document.querySelectorAll('#plot .name')].map(name => {
        const {x, y, width, height} = name.getBBox(); return [x, y, x + width, y + height]; })""")
    assert len(boxes) == 9
    for number, (left, top, right, bottom) in enumerate(boxes):
        assert 0 <= left < right <= crowded.evaluate("document.getElementById('plot').clientWidth")
        for other in boxes[:number]:
            shared = min(right, other[2]) - max(left, other[0]), min(bottom, other[3]) - max(top, other[1])
            assert min(shared) <= 0, "two names cover each other"
    crowded.close()


@pytest.mark.slow
def test_without_scripts_the_page_is_complete(browser):
    plain = browser.context.browser.new_context(java_script_enabled=False).new_page()
    plain.goto(browser.url)
    left, right = (plain.locator(f".stage .{side}").bounding_box() for side in ("left", "right"))
    assert left["x"] + left["width"] <= right["x"]
    assert not plain.locator("select, #filter, #plot").locator("visible=true").count()
    plain.locator("summary").first.click()
    assert plain.locator("#points tbody tr").first.is_visible()


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing(theme, width, browser):
    """Contrast of both themes, unique landmarks, names of controls, and the other rules of axe."""
    npm = shutil.which("npm")
    root = subprocess.run([npm, "root", "--global"], capture_output=True, text=True).stdout.strip() if npm else ""
    script = Path(root, "axe-core/axe.min.js")
    if not script.is_file():
        pytest.skip("axe-core is not installed; npm install --global axe-core")
    context = browser.context.browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
    found = context.new_page()
    found.goto(browser.url)
    found.evaluate(script.read_text(encoding="utf-8"))
    said = found.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert [(rule["id"], [node["target"] for node in rule["nodes"]]) for rule in said["violations"]] == []
    assert len(said["passes"]) > 20


@pytest.mark.slow
def test_the_page_fits_a_telephone(browser):
    telephone = browser.context.browser.new_page(viewport={"width": 390, "height": 800}, is_mobile=True)
    telephone.goto(browser.url)
    assert telephone.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.slow
def test_the_page_loads_without_complaints_and_without_a_network(page, browser):
    assert browser.complaints == []
    assert {address.partition(":")[0] for address in browser.requests} <= {"file", "data"}
