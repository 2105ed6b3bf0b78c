"""Pages: self-contained, byte-stable, nothing of what names or programs hold is taken for markup; tried in a browser.

The browser is an installed Chromium, driven by playwright; no browser is ever downloaded.
"""

import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import leaderboard, report
from bench.config import CONTROLS, Experiment
from bench.measuring.evaluate import Measured, share
from bench.measuring.robust import robust
from bench.measuring.robustness import UNION, WORST_CASE, worst_case
from bench.measuring.stats import wilson
from bench.presets import EMBEDDED
from bench.reporting.html.examples import examples, pieces
from bench.reporting.html.page import render
from bench.reporting.summary import Summary
from bench.results import Outcome, Predictions, Record
from bench.storage import originals
from bench.storage.store import Cell, Store
from bench.types import Sample

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{ 7 * 7 }}"
HOSTILE_NAME = "x</code></pre><script>alert(3)</script>"
ATTACKS = ("alert", "style-transfer")
MODELS = len(CONTROLS) + 2
TEACHER = "codebert-scratch"
CODE = (
    "int copy_name(char *dst, const char *src)\n{\n    char buf[16];\n    for (int i = 0; i < 16; i++) {\n"
    "        buf[i] = src[i];\n    }\n    strcpy(dst, buf); /* %d */\n    return 0;\n}\n"
)
SKILL = {"majority": 0.5, "teacher": 0.85, "supervised": 0.7, "kd": 0.72, "moekd": 0.86, "compressor": 0.71}
N = 60


def rich(root: Path, methods: tuple[str, ...], attacks: tuple[str, ...], teacher: str = TEACHER) -> Store:
    """A run of two seeds with everything in it: predictions, outcomes, programs, facts, timings."""
    preset = replace(EMBEDDED, test_limit=N, attack_limit=N, query_budget=300)
    experiment = Experiment(methods=methods, attacks=attacks, teachers=(teacher,), seeds=(0, 1), preset=preset)
    facts = {"sha256": "abc", "source": "embedded generator, seed 0", "synthetic": True, "commit": "0123456789ab"}
    store = Store.open(root, experiment, {**facts, "teachers": {teacher: "small, pre-trained here"}})
    originals.keep(root, [Sample(f"embedded/test/{i}", CODE % i, 1) for i in range(N)])
    for place, method in enumerate(experiment.all_methods):
        for seed in experiment.seeds:
            _student(store, Cell(teacher, method, seed), attacks, SKILL.get(method, 0.6), place)
    store.close()
    return store


def _student(store: Store, cell: Cell, attacks: tuple[str, ...], skill: float, place: int) -> None:
    rng = np.random.default_rng([cell.seed, place])
    right = [bool(one) for one in rng.random(N) < skill]
    ids = tuple(f"embedded/test/{i}" for i in range(N))
    store.keep(cell, Predictions(ids, (1,) * N, tuple(0.9 if one else 0.1 for one in right)))
    low = 0.45 if cell.method == "majority" else skill - 0.1
    mean, interval = sum(right) / N, (low, skill + 0.1)
    clean = [share("accuracy", mean, N, wilson(sum(right), N)), share("balanced_accuracy", mean, N, interval)]
    sizes = [Measured("size_mb", 0.2 + 0.05 * place, "MB"), Measured("parameters", 50_000 + 7_000 * place)]
    routed = {"router_entropy": 0.61, "router_load_0": 0.4, "router_load_1": 0.6, "expert_accuracy_inside": 0.83}
    facts = [Measured(f"fact/{name}", value) for name, value in routed.items()] if cell.method == "moekd" else []
    put(store, cell, [*clean, share("f1", mean, N), *sizes, *facts])
    judged = {}
    for strength, attack in enumerate(attacks, start=2):
        judged[attack] = [_outcome(i, one, skill, strength, rng) for i, one in zip(ids, right, strict=True)]
        attacking = replace(cell, attack=attack, kind="attack")
        for outcome in judged[attack]:
            store.append(attacking, outcome)
        put(store, attacking, robust(judged[attack]))
    union = [replace(one, source=UNION.join(attacks)) for one in robust(worst_case(judged))]
    put(store, replace(cell, attack=WORST_CASE, kind="attack"), union)
    speed = [Measured("latency_p50", 2.0 + place, "ms", 30), Measured("energy", 9.0, "J", 30, source="estimated")]
    put(store, replace(cell, kind="speed"), speed)


def _outcome(sample: str, right: bool, skill: float, strength: int, rng: np.random.Generator) -> Outcome:
    if not right:
        return Outcome(sample, 1, "already_wrong", 1)
    if rng.random() < skill - 0.1 * strength:
        return Outcome(sample, 1, "resisted", 300, sites=5)
    number = int(sample.rpartition("/")[2])
    program = (CODE % number).replace("buf", HOSTILE_NAME).replace("dst", "out")
    fell = int(rng.integers(2, 300))
    changed = (f"rename buf -> {HOSTILE_NAME}", "rename dst -> out")
    return Outcome(
        sample,
        1,
        "fooled",
        fell,
        fell_at=fell,
        sites=5,
        changed=changed,
        tokens_changed=0.01 + number / 1000,
        adversarial=program,
        seconds=0.5,
    )


def put(store: Store, cell: Cell, measured: Sequence[Measured]) -> None:
    labels = ("embedded", cell.teacher, cell.method, cell.seed, cell.attack)
    store.put(cell, [Record(*labels, **asdict(one)) for one in measured])


class Markup(HTMLParser):
    """What a browser would see: tags, their attributes, scripts, text."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(content.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="module")
def store(folder: Path) -> Store:
    return rich(folder / "run", ("moekd", "compressor"), ATTACKS)


@pytest.fixture(scope="module")
def site(folder: Path, store: Store) -> Path:
    """A leaderboard over one run, whose report is below it."""
    leaderboard.write([store], folder / "site")
    return folder / "site"


@pytest.fixture(scope="module")
def page(site: Path) -> bytes:
    return (site / "runs" / "run" / "report.html").read_bytes()


def test_a_page_has_every_section(page: bytes) -> None:
    ids = [attributes.get("id") for tag, attributes in Markup(page).tags if tag == "section"]
    assert ids == ["main", "significance", "heat", "tradeoffs", "curves", "router", "examples", "more", "manifest"]
    assert page.count(b"<svg ") == 3 + len(ATTACKS)


def test_a_page_needs_no_network(page: bytes, site: Path) -> None:
    for content in (page, (site / "index.html").read_bytes()):
        for tag, attributes in Markup(content).tags:
            assert tag not in ("link", "iframe", "object", "embed", "base", "img")
            for name in ("src", "href", "xlink:href", "action"):
                target = attributes.get(name) or "#"
                assert target.startswith("#") or re.fullmatch(r"[\w./-]+\.(html|csv|json)", target), (tag, target)
        assert b"url(http" not in content
        assert b"@import" not in content


def test_a_page_made_twice_is_the_same(store: Store, page: bytes) -> None:
    assert report.html(Store.read(store.root)) == page


def test_synthetic_data_is_called_so_prominently(page: bytes, site: Path) -> None:
    for content in (page, (site / "index.html").read_bytes()):
        assert b'<p class="synthetic"><strong>Synthetic data.</strong>' in content


def test_every_picture_has_words_for_it(page: bytes) -> None:
    pictures = [attributes for tag, attributes in Markup(page).tags if tag == "svg"]
    assert all(one.get("role") == "img" for one in pictures)
    assert all("moekd" in (one.get("aria-label") or "") for one in pictures)


def test_the_worst_examples_are_of_different_samples_and_not_of_the_collapsed(store: Store) -> None:
    found = examples(Summary(store))
    assert len(found) == len({one.sample for one in found}) == 6
    assert not [one for one in found if one.student.startswith("majority")]
    assert [one.share for one in found] == sorted(one.share for one in found)
    assert all(
        "".join(piece.text for piece in one.before) == CODE % int(one.sample.rpartition("/")[2]) for one in found
    )


def test_changed_tokens_are_marked_on_both_sides() -> None:
    before, after = pieces("int buf = a;", "int out = a;")
    assert [piece.text for piece in before if piece.changed] == ["buf"]
    assert [piece.text for piece in after if piece.changed] == ["out"]
    assert "".join(piece.text for piece in after) == "int out = a;"
    assert pieces("", "x") == ((), pieces("", "x")[1])


def test_a_missing_or_damaged_original_is_told(folder: Path) -> None:
    store = rich(folder / "lost", ("moekd",), ("alert",))
    path = store.root / "originals.json"
    path.write_text(path.read_text().replace("copy_name", "steal_name"), encoding="utf-8")
    assert originals.read(store.root) == {}
    assert [one.before for one in examples(Summary(store))] == [()] * 6
    path.unlink()
    assert b"The original is not at hand" in report.html(store)


def test_originals_are_written_once(tmp_path: Path) -> None:
    samples = [Sample("a/1", "int f;", 0), Sample("a/2", "\u00e9\u2028", 1)]
    originals.keep(tmp_path, samples)
    first = (tmp_path / "originals.json").stat().st_mtime_ns
    originals.keep(tmp_path, samples)
    assert (tmp_path / "originals.json").stat().st_mtime_ns == first
    assert originals.read(tmp_path) == {"a/1": "int f;", "a/2": "\u00e9\u2028"}


@pytest.fixture(scope="module")
def hostile(folder: Path) -> Path:
    """A site over a run in which every name and every program is hostile."""
    store = rich(folder / HOSTILE_RUN, (HOSTILE, "{{ x }}"), (HOSTILE, "{% raw %}"), teacher=HOSTILE)
    leaderboard.write([store], folder / "hostile-site")
    return folder / "hostile-site"


HOSTILE_RUN = "a&b'<i>\""


def test_hostile_names_stay_text(hostile: Path) -> None:
    for path in hostile.rglob("*.html"):
        markup = Markup(path.read_bytes())
        assert [tag for tag, _ in markup.tags].count("script") == 1, path.name
        assert not [tag for tag, _ in markup.tags if tag in ("img", "i")]
        assert not [name for _, attributes in markup.tags for name in attributes if name.startswith("on")]
        text = "".join(markup.text)
        assert "{{ 7 * 7 }}" in text
        assert "<script>alert(1)</script>" in text


def test_only_our_script_may_run(page: bytes) -> None:
    policy = next(a["content"] for tag, a in Markup(page).tags if tag == "meta" and "http-equiv" in a) or ""
    assert "default-src 'none'" in policy
    assert re.search(r"script-src 'sha256-[\w+/=]{44}';", policy)


def test_a_template_that_lacks_content_is_a_bug() -> None:
    with pytest.raises(Exception, match="undefined"):
        render("leaderboard.html", title="x")


def test_runs_of_the_same_name_get_folders_of_their_own(tmp_path: Path) -> None:
    stores = [Store.open(tmp_path / name, Experiment(), {"sha256": ""}) for name in ("a/run", "b/run", "c/run-1")]
    assert leaderboard._names(stores) == ["run-2", "run-3", "run-1"]
    for store in stores:
        store.close()


def test_a_leaderboard_has_a_row_for_each_model_and_says_what_is_doubtful(site: Path) -> None:
    rows = re.findall(r'<tr data-task="(\w+)".*?</tr>', (site / "index.html").read_text(encoding="utf-8"), re.DOTALL)
    assert rows.count("embedded") == MODELS
    assert rows.count("devign") >= 10
    text = (site / "leaderboard.csv").read_text(encoding="utf-8").splitlines()
    flags = {line.split(",")[1]: line for line in text if line.startswith("codebert-scratch")}
    assert "collapsed" in flags["majority †"]
    assert "under 3 seeds" in flags["moekd"]
    assert "collapsed" not in flags["moekd"]
    reported = [line for line in text if "reported" in line]
    assert len(reported) == rows.count("devign")
    assert text.index(flags["moekd"]) < text.index(flags["majority †"]) < text.index(reported[0])


def test_runs_of_the_same_name_have_folders_of_their_own(folder: Path, store: Store) -> None:
    other = rich(folder / "elsewhere" / "run", ("moekd",), ("alert",))
    leaderboard.write([store, other], folder / "two")
    assert sorted(path.name for path in (folder / "two" / "runs").iterdir()) == ["run-1", "run-2"]


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
QUIET += ["--disable-component-update", "--disable-sync"]
browser = pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: no Chromium is installed")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright: install the extra `dev`")
    with api.sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield launched
        launched.close()


@pytest.fixture
def visit(chromium: Any) -> Iterator[Any]:
    """Opens a file in a window of its own; nothing may be logged there, and nothing fetched."""
    opened, faults = [], []

    def open_page(path: Path, **settings: Any) -> Any:
        context = chromium.new_context(offline=True, **settings)
        page = context.new_page()
        page.on("console", lambda message: faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("dialog", lambda dialog: (faults.append("dialog"), dialog.dismiss()))
        page.on("request", lambda request: faults.append(request.url) if not request.url.startswith("file:") else None)
        opened.append(context)
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in opened:
        context.close()
    assert faults == []


def methods(page: Any, table: str) -> list[str]:
    return [text.split(" ")[0] for text in page.locator(f"#{table} tbody tr th:first-child").all_inner_texts()]


@browser
def test_a_table_sorts_on_click_and_on_keyboard(visit: Any, site: Path) -> None:
    page = visit(site / "runs" / "run" / "report.html")
    before = methods(page, "table-main")
    head = page.locator("#table-main th", has_text="accuracy %").first
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    values = [
        float(cell.get_attribute("data-sort")) for cell in page.locator("#table-main tbody tr td:nth-child(2)").all()
    ]
    assert values == sorted(values, reverse=True)
    head.get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert "ascending" in page.locator("#status").inner_text()
    name = page.locator("#table-main th", has_text="method").first
    name.get_by_role("button").focus()
    page.keyboard.press("Space")
    assert methods(page, "table-main") == sorted(before)
    assert page.locator("#table-main th[aria-sort]").count() == 1


@browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 400])
def test_pages_are_accessible_and_fit_the_window(visit: Any, site: Path, scheme: str, width: int) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe: install the extra `dev`")
    for path in (site / "index.html", site / "runs" / "run" / "report.html"):
        page = visit(path, viewport={"width": width, "height": 900}, color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        found = axe.Axe().run(page).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"][:120]) for one in found] == []


@browser
def test_hostile_names_run_nothing_in_a_browser(visit: Any, hostile: Path) -> None:
    for path in hostile.rglob("*.html"):
        page = visit(path)
        page.locator("th button").first.click()
        assert page.locator("img").count() == 0


@browser
def test_a_page_prints_with_everything_open(visit: Any, site: Path) -> None:
    page = visit(site / "runs" / "run" / "report.html")
    assert page.pdf().startswith(b"%PDF")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details:not([open])").count() > 0


@browser
def test_a_leaderboard_filters(visit: Any, site: Path) -> None:
    page = visit(site / "index.html")
    rows = page.locator("#table-leaderboard tbody tr:not([hidden])")
    everything = rows.count()
    page.get_by_label("published by others").uncheck()
    assert rows.count() == MODELS < everything
    page.get_by_label("collapsed or unfinished").uncheck()
    assert "majority" not in " ".join(rows.all_inner_texts())
    page.get_by_label("At most MB").fill("0.3")
    assert 0 < rows.count() < 5
    page.get_by_label("Task").select_option("devign")
    assert rows.count() == 0
