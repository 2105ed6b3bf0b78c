"""Rows on disk: four formats, one content; each fault by file and line."""

import gzip
import json

import pytest
import zstandard

from bench.tasks.rows import Row, check_row, read_split
from bench.types import UsageError

GOOD = {"func": "int f;\n\tint\u00a0g = '\u4e2d';\r\n", "target": 1, "project": "qemu", "idx": 7}
ROWS = [GOOD, {"func": "void g(void) {}", "target": 0}]
READ = [Row(GOOD["func"], 1, "qemu"), Row("void g(void) {}", 0, "")]


def lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def parquet(rows, path):
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)


WRITERS = {
    ".jsonl": lambda rows, path: path.write_bytes(lines(rows)),
    ".jsonl.gz": lambda rows, path: path.write_bytes(gzip.compress(lines(rows))),
    ".jsonl.zst": lambda rows, path: path.write_bytes(zstandard.compress(lines(rows))),
    ".parquet": parquet,
}


@pytest.mark.parametrize("suffix", WRITERS)
def test_every_format_gives_the_same_rows(tmp_path, suffix):
    WRITERS[suffix](ROWS, tmp_path / f"valid{suffix}")
    assert read_split(tmp_path, "valid") == READ


def test_validation_is_another_name_for_valid(tmp_path):
    WRITERS[".jsonl"](ROWS, tmp_path / "validation.jsonl")
    assert read_split(tmp_path, "valid") == READ


def test_blank_lines_count_as_lines_but_not_as_rows(tmp_path):
    (tmp_path / "test.jsonl").write_bytes(b"\n" + lines(ROWS[:1]) + b"\r\n  \n" + b'{"func": "x", "target": 2}\n')
    with pytest.raises(UsageError, match=r"test\.jsonl:5: expected target 0 or 1"):
        read_split(tmp_path, "test")


@pytest.mark.parametrize(("target", "label"), [(0, 0), (1, 1), (True, 1), (False, 0), (1.0, 1)])
def test_labels_become_0_and_1(target, label):
    found = check_row({"func": "int f;", "target": target}, "here").target
    assert (found, type(found)) == (label, int)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("not json", "expected a JSON object"),
        ("[1, 2]", "expected a JSON object, got list"),
        ('{"func": "int f;"}', "'target'"),
        ('{"target": 1}', "'func'"),
        ('{"func": "int f;", "target": 2}', "expected target 0 or 1"),
        ('{"func": "int f;", "target": -1}', "expected target 0 or 1"),
        ('{"func": "int f;", "target": 0.5}', "expected target 0 or 1"),
        ('{"func": "int f;", "target": NaN}', "expected target 0 or 1"),
        ('{"func": "int f;", "target": "1"}', "expected target 0 or 1"),
        ('{"func": "int f;", "target": null}', "expected target 0 or 1"),
        ('{"func": "", "target": 1}', "non-empty program"),
        ('{"func": " \\n", "target": 1}', "non-empty program"),
        ('{"func": null, "target": 1}', "non-empty program"),
        ('{"func": 7, "target": 1}', "non-empty program"),
        ('{"func": "int f; // \\ud800", "target": 1}', "half a character"),
        ("[" * 100_000, "expected a JSON object"),
    ],
)
def test_a_malformed_row_is_named_by_file_and_line(tmp_path, line, says):
    (tmp_path / "train.jsonl").write_bytes(lines(ROWS) + line.encode() + b"\n" + lines(ROWS))
    with pytest.raises(UsageError, match=r"^train\.jsonl:3: ") as caught:
        read_split(tmp_path, "train")
    assert says in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("suffix", WRITERS)
def test_an_empty_split_is_no_split(tmp_path, suffix):
    if suffix == ".parquet":
        import pyarrow

        schema = pyarrow.schema({"func": pyarrow.string(), "target": pyarrow.int64()})
        pyarrow.parquet.write_table(schema.empty_table(), tmp_path / "train.parquet")
    else:
        WRITERS[suffix]([], tmp_path / f"train{suffix}")
    with pytest.raises(UsageError, match="empty split"):
        read_split(tmp_path, "train")


def test_no_file_and_two_files_are_mistakes(tmp_path):
    with pytest.raises(UsageError, match=r"one file train.*got none: put it there"):
        read_split(tmp_path, "train")
    WRITERS[".jsonl"](ROWS, tmp_path / "train.jsonl")
    WRITERS[".jsonl.gz"](ROWS, tmp_path / "train.jsonl.gz")
    with pytest.raises(UsageError, match=r"train\.jsonl, train\.jsonl\.gz: keep one"):
        read_split(tmp_path, "train")


def damaged(content: bytes, how: str) -> bytes:
    if how == "cut":
        return content[: len(content) // 2]
    if how == "changed":
        return content[:30] + bytes(byte ^ 0x55 for byte in content[30:60]) + content[60:]
    return b"nonsense, but enough of it"


@pytest.mark.parametrize("how", ["cut", "changed", "nonsense"])
@pytest.mark.parametrize("suffix", [".jsonl.gz", ".jsonl.zst", ".parquet"])
def test_a_damaged_archive_is_one_clear_line(tmp_path, suffix, how):
    path = tmp_path / f"train{suffix}"
    WRITERS[suffix]([{"func": f"int f{i}, g{i * i};", "target": i % 2} for i in range(500)], path)
    path.write_bytes(damaged(path.read_bytes(), how))
    with pytest.raises(UsageError, match=r"train(\.|$)"):
        read_split(tmp_path, "train")


def test_other_encodings_are_refused(tmp_path):
    (tmp_path / "train.jsonl").write_bytes(b'{"func": "caf\xe9", "target": 1}\n')
    with pytest.raises(UsageError, match=r"train\.jsonl:1: expected UTF-8"):
        read_split(tmp_path, "train")
