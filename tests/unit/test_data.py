"""Tasks: halves, ids, checksums, limits, the named release, the hub."""

import json
from dataclasses import replace

import pytest

from bench.tasks import data
from bench.tasks.data import DEVIGN, Limits, Release, checksum, load
from bench.tasks.rows import Row
from bench.types import UsageError


def write(folder, counts=(10, 4, 4), text="int f{} ;"):
    for name, count in zip(("train", "valid", "test"), counts, strict=True):
        rows = [{"func": text.format(f"{name}{i}"), "target": i % 2, "project": "qemu"} for i in range(count)]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(folder)


def test_the_training_split_is_halved_and_nothing_is_in_both(tmp_path):
    found = load("folder", write(tmp_path, (11, 4, 4)))
    labelled, unlabelled = {sample.code for sample in found.labelled}, set(found.unlabelled)
    assert (len(found.labelled), len(found.unlabelled)) == (5, 5)
    assert len(labelled | unlabelled) == 10
    assert labelled | unlabelled < {f"int ftrain{i} ;" for i in range(11)}


def test_an_id_names_split_and_row(tmp_path):
    found = load("folder", write(tmp_path))
    assert [sample.id for sample in found.test] == [f"folder/test/{i}" for i in range(4)]
    assert [(sample.code, sample.label) for sample in found.test] == [(f"int ftest{i} ;", i % 2) for i in range(4)]
    for sample in found.labelled:
        row = int(sample.id.removeprefix("folder/train/"))
        assert (sample.code, sample.label, sample.project) == (f"int ftrain{row} ;", row % 2, "qemu")


def test_the_halves_are_the_same_every_time_and_limits_cut_their_ends(tmp_path):
    folder = write(tmp_path, (40, 4, 4))
    whole, again, limited = load("folder", folder), load("folder", folder), load("folder", folder, Limits(3, 2, 1))
    assert whole == again
    assert limited.labelled == whole.labelled[:3]
    assert limited.unlabelled == whole.unlabelled[:3]
    assert (limited.valid, limited.test) == (whole.valid[:2], whole.test[:1])
    assert limited.sha256 == whole.sha256


def test_the_checksum_notices_label_text_order_and_border(tmp_path):
    rows = [Row("int f;", 0), Row("int g;", 1)]
    sums = [
        checksum(rows),
        checksum(rows[::-1]),
        checksum([replace(rows[0], target=1), rows[1]]),
        checksum([replace(rows[0], func="int f; "), rows[1]]),
        checksum(rows[:1]),
    ]
    assert len(set(sums)) == len(sums)
    assert checksum(rows[:1], rows[1:]) == checksum(rows)


@pytest.mark.parametrize(
    ("task", "path", "says"),
    [
        ("folder", None, "--data PATH"),
        ("folder", "nowhere", "no folder"),
        ("devign", "nowhere", "no folder"),
        ("embedded", "nowhere", "no --data"),
    ],
)
def test_a_task_with_the_wrong_data_is_a_mistake(tmp_path, monkeypatch, task, path, says):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=says):
        load(task, path)


def test_too_few_rows_to_halve(tmp_path):
    with pytest.raises(UsageError, match="at least 2 training rows"):
        load("folder", write(tmp_path, (1, 1, 1)))


def test_other_rows_are_not_devign(tmp_path, monkeypatch):
    folder = write(tmp_path)
    with pytest.raises(UsageError, match=r"\(21854, 2732, 2732\) rows .* got \(10, 4, 4\)"):
        load("devign", folder)
    monkeypatch.setattr(data, "DEVIGN", replace(DEVIGN, counts=(10, 4, 4)))
    with pytest.raises(UsageError, match="SHA-256 f6fc203d7007"):
        load("devign", folder)


class Hub:
    """Stands in for `datasets.load_dataset`."""

    def __init__(self, splits=None):
        self.splits, self.asked = splits, []

    def __call__(self, hub_id, revision):
        self.asked.append((hub_id, revision))
        if self.splits is None:
            raise ConnectionError("no route to host\nat all")
        return self.splits


def test_an_unreachable_hub_tells_the_way_out(monkeypatch):
    import datasets

    hub = Hub()
    monkeypatch.setattr(datasets, "load_dataset", hub)
    with pytest.raises(UsageError, match=r"ConnectionError.*--data PATH"):
        load("devign")
    assert hub.asked == [(DEVIGN.hub_id, DEVIGN.revision)]


def test_the_hub_and_a_folder_with_the_same_rows_give_identical_splits(tmp_path, monkeypatch):
    import datasets

    folder = write(tmp_path)
    rows = [[json.loads(line) for line in (tmp_path / f"{name}.jsonl").open()] for name in ("train", "valid", "test")]
    published = [
        [{**row, "id": i, "target": bool(row["target"]), "commit_id": "c"} for i, row in enumerate(part)]
        for part in rows
    ]
    monkeypatch.setattr(
        datasets, "load_dataset", Hub(dict(zip(("train", "validation", "test"), published, strict=True)))
    )
    sha256 = load("folder", folder).sha256
    monkeypatch.setattr(data, "DEVIGN", Release("some/where", "abc", (10, 4, 4), sha256))
    assert load("devign") == load("devign", folder)
    published[1][2]["func"] = ""
    with pytest.raises(UsageError, match="some/where validation:3: expected func"):
        load("devign")


def test_the_embedded_task_is_generated_and_says_so():
    small = load("embedded", limits=Limits(6, 4, 2))
    assert (len(small.labelled), len(small.unlabelled), len(small.valid), len(small.test)) == (6, 6, 4, 2)
    assert small.synthetic
    assert small == load("embedded", limits=Limits(6, 4, 2))
    programs = [*(s.code for s in (*small.labelled, *small.valid, *small.test)), *small.unlabelled]
    assert len(set(programs)) == len(programs), "a program in two splits"
    assert small.sha256 != load("embedded", limits=Limits(6, 4, 3)).sha256
