"""Commands that take a student out of its run: export and predict."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bench.cli import options as o
from bench.cli.app import app
from bench.config import Experiment, Model
from bench.types import UsageError

if TYPE_CHECKING:
    from bench.syntax.functions import File
    from bench.types import Classifier

STANDARD_INPUT = "-"


@app.command()
def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run directory; it is only read.")],
    student: Annotated[
        str, typer.Argument(metavar="STUDENT", help="Its method, or its cell where that is not enough.")
    ],
    output: Annotated[Path, typer.Option(help="Directory to write: absent or empty.")],
    to: Annotated[Literal["hf", "onnx"], typer.Option(help="hf for plain transformers, onnx for onnxruntime.")] = "hf",
) -> None:
    """Write a student for use elsewhere, with a model card that holds what was measured of it.

    \b
    Examples:
      python -m bench export results/runs/embedded-embedded moekd --to hf --output moekd-hf
      python -m bench export results/runs/devign-paper codebert.moekd.s0 --to onnx --output moekd-onnx
    """
    from bench.deploying.exporting import export as write

    folder = write(run, student, to, output)
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{size / 1e6:.2f} MB in {folder}; {folder / 'README.md'} says how to use it")


@app.command()
def predict(  # noqa: PLR0913, PLR0917 - one argument per option
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="C files; - is standard input.")],
    model: Annotated[
        str,
        typer.Option(help="Run directory (with --student), exported directory, Hugging Face classifier, or factory."),
    ],
    student: Annotated[
        str | None, typer.Option(help="Which student of the run: its method, or its cell.", show_default=False)
    ] = None,
    threshold: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Probability from which a function counts as vulnerable.")
    ] = 0.5,
    sarif: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the findings as SARIF 2.1.0.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")] = False,
    fail_on_findings: Annotated[
        bool, typer.Option("--fail-on-findings", help="End with 1 if any function counts as vulnerable.")
    ] = False,
    vulnerable_label: o.LabelOption = None,
    device: o.DeviceOption = Experiment.device,
) -> None:
    """Judge the functions of C files: path:line, name, P(vulnerable), verdict.

    A score is what a model learned from its training data, no proof of a flaw or of its absence; on programs unlike
    those it means little.

    \b
    Examples:
      python -m bench predict src/*.c --model results/runs/devign-paper --student moekd --sarif findings.sarif
      python -m bench predict - --model ./moekd-hf --threshold 0.9 --fail-on-findings < program.c
    """
    from bench.deploying import predicting
    from bench.registry import check_device
    from bench.storage.files import write_atomically

    if sarif is not None and not sarif.parent.is_dir():
        raise UsageError(f"expected --sarif in a directory that exists, got {sarif}: make it, or name another")
    if sarif is not None and sarif.is_dir():
        raise UsageError(f"expected a file for --sarif, got the directory {sarif}: name a file in it")
    check_device(device)
    divided = _divided(files)
    judged = predicting.judge(_classifier(model, student, vulnerable_label, device), divided, threshold)
    for file in divided:
        if file.note:
            print(f"note: {file.path}: {file.note}", file=sys.stderr)
    if as_json:
        print(json.dumps(predicting.as_json(judged, divided), indent=1))
    else:
        for one in judged:
            print(one.line())
    if sarif is not None:
        log = predicting.sarif(judged, divided, _version(), threshold)
        write_atomically(sarif, (json.dumps(log, indent=1) + "\n").encode())
    if fail_on_findings and any(one.found for one in judged):
        raise typer.Exit(1)


def _divided(names: Sequence[str]) -> list[File]:
    """Read all files before any model is loaded: a path that is wrong is told at once."""
    from bench.syntax.functions import divide

    return [divide("stdin" if name == STANDARD_INPUT else name, _content(name)) for name in dict.fromkeys(names)]


def _content(name: str) -> bytes:
    """Return a file's bytes, of a huge one only enough to see that it is."""
    from bench.syntax.functions import MOST_BYTES

    try:
        if name == STANDARD_INPUT:
            return sys.stdin.buffer.read(MOST_BYTES + 1)
        with Path(name).open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"expected a C file that can be read, got {name!r} ({reason}): mend the path") from error


def _classifier(model: str, student: str | None, vulnerable_label: str | None, device: str) -> Classifier:
    from bench.storage.manifest import NAME

    if (Path(model) / NAME).is_file():
        from bench.deploying.chosen import choose
        from bench.storage.store import Store

        if student is None or vulnerable_label is not None:
            raise UsageError(f"expected --student with the run directory {model}, and no --vulnerable-label: mend them")
        return choose(Store.read(Path(model)), student).network()
    if student is not None:
        raise UsageError(f"expected a run directory beside --student, got {model}: give a run, or leave it out")
    from bench.running.given import Loaded

    return Loaded(Model(model, vulnerable_label=vulnerable_label), device)()


def _version() -> str:
    try:
        return version("moekd-bench")
    except PackageNotFoundError:
        return "unknown"
