"""The command that makes encoders: pretrain."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from bench.cli import options as o
from bench.cli.app import app
from bench.pretraining.encoder_request import MAX_TOKENS, EncoderRequest, Length


@app.command()
def pretrain(  # noqa: PLR0913, PLR0917 - one argument per option
    corpus: Annotated[Path, typer.Option(help="File or folder: .jsonl[.gz|.zst] or .parquet rows with func, or .c.")],
    output: Annotated[Path, typer.Option(help="Where the Hugging Face directory goes.")],
    size: Annotated[
        Literal["tiny", "small", "base"],
        typer.Option(help="Layers x width: tiny 4 x 128, small 6 x 384, base 12 x 768."),
    ] = "small",
    arch: Annotated[
        Literal["codebert", "graphcodebert"],
        typer.Option(help="What the encoder reads: text, packed, or text and data flow, a program at a time."),
    ] = "codebert",
    exclude: Annotated[
        list[Path] | None,
        typer.Option(help="Programs whose exact and near copies are dropped first, such as a test split; repeatable."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=2, help="Most programs, drawn at random.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Train so many steps.")] = None,
    epochs: Annotated[float | None, typer.Option(help="Or so many passes over the corpus. [default: 1]")] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Or for about so long, reading and tokenising included.")
    ] = None,
    window: Annotated[int, typer.Option(help="Tokens of an input; fewer are faster on a CPU.")] = MAX_TOKENS,
    vocab_size: Annotated[
        int | None, typer.Option(min=300, help="Entries of the tokenizer. [default: by size]", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of weights, order and masks.")] = 0,
    device: o.DeviceOption = "cpu",
) -> None:
    """Pre-train an encoder from scratch by masked-language modelling, for --teachers and --substitutes mlm:.

    Stop it at any moment and give the same command again: it goes on from its last checkpoint.

    \b
    Examples:
      python -m bench pretrain --corpus corpus.jsonl.zst --size tiny --window 256 --minutes 20 --output encoders/tiny
      python -m bench pretrain --corpus corpora --size base --epochs 4 --device cuda --output encoders/base \\
        --exclude data/devign/valid.jsonl.zst --exclude data/devign/test.jsonl.zst
      python -m bench run --task devign --data data/devign --teachers encoders/base
    """
    from bench.cli.terminal import listener
    from bench.pretraining.encoder import pretrain_encoder, summary
    from bench.progress import listening
    from bench.registry import check_device

    budget = Length(steps, epochs, minutes) if (steps, epochs, minutes) != (None, None, None) else Length(epochs=1.0)
    request = EncoderRequest(
        corpus, output, size, arch, tuple(exclude or ()), limit, budget, window, vocab_size, seed, device
    )
    check_device(device)
    with listener(()) as progress, listening(progress):
        record = pretrain_encoder(request)
    print(summary(record, output))
