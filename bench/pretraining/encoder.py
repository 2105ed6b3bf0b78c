"""`bench pretrain`: from a corpus of programs to a Hugging Face directory that any `--teachers PATH` takes.

Programs that are copies of excluded ones are left out first; 1% of the rest is held out, and its loss is the curve in
the record, pretraining.json, beside the weights. Left out: several devices.
"""

from __future__ import annotations

import json
import platform
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tokenizers
import torch
import transformers

from bench import progress
from bench.measuring.utilisation import matmul_rate, training_flops
from bench.networks.encoders import Encoder, save_encoder
from bench.networks.models import parameters
from bench.pretraining.corpus import Cleaned, checksum, read_corpus, without_copies
from bench.pretraining.course import Course, decide_steps, make_course, run
from bench.pretraining.encoder_request import EncoderRequest
from bench.pretraining.pretrain import Training
from bench.pretraining.unfinished import unfinished, working_on
from bench.storage.checkout import commit
from bench.storage.files import write_directory
from bench.types import UsageError

RECORD = "pretraining.json"
CHECKPOINT_SECONDS = 120.0


def pretrain_encoder(request: EncoderRequest, checkpoint_seconds: float = CHECKPOINT_SECONDS) -> dict[str, object]:
    """Make the encoder, or go on with it, and return its record; one that is complete is only read.

    Raises:
        UsageError: a corpus that cannot be used, an output that is something else, or another process at work on it.
    """
    begun = time.monotonic()
    corpus = read_corpus(request.corpus, request.limit, request.seed)
    excluded = [program for path in request.exclude for program in read_corpus(path)]
    settings = _settings(request, corpus, excluded)
    if (done := _finished(request.output, settings)) is not None:
        return done
    with working_on(request.output, settings) as under_way:
        progress.current().note(f"{len(corpus)} programs; looking for copies of {len(excluded)} others")
        cleaned = without_copies(corpus, excluded)
        course = make_course(request, cleaned.programs, under_way)
        steps = decide_steps(request, course, under_way, begun)
        training, taken = run(course, steps, under_way, checkpoint_seconds)
        seconds = taken.seconds(request.device)
        record = {
            "settings": settings,
            "programs": _counts(corpus, excluded, cleaned),
            "steps": steps,
            "epochs": steps / course.lessons.per_epoch,
            "tokens": training.tokens,
            "curve": taken.curve,
            **_speed(course, training, seconds),
            **_versions(request.device),
        }
        _write(request, course, training, record)
    shutil.rmtree(under_way.folder)
    return record


def summary(record: Mapping[str, Any], output: Path) -> str:
    """Return what a person wants to know of a record, in two lines."""
    counts, last = record["programs"], record["curve"][-1]
    copies = "copies of what it will be judged by not looked for: give --exclude"
    if counts["excluded"]:
        dropped = f"{counts['exact_copies_dropped']} exact and {counts['near_copies_dropped']} near copies"
        copies = f"{dropped} of {counts['excluded']} excluded ones dropped"
    return (
        f"{counts['used']} of {counts['read']} programs ({copies}), "
        f"{record['tokens']} tokens in {record['seconds']:.0f} s, held-out loss {last['held_out_loss']:.3f} nats\n"
        f"encoder in {output}, with all of this in {output / RECORD}"
    )


def _settings(request: EncoderRequest, corpus: tuple[str, ...], excluded: list[str]) -> dict[str, object]:
    """Everything that decides the weights on one machine."""
    length = request.length
    return {
        "arch": request.arch,
        "size": request.size,
        "vocab_size": request.vocab_size or request.shape.vocab_size,
        "window": request.window,
        "batch_size": request.shape.batch_size,
        "learning_rate": request.shape.learning_rate,
        "steps": length.steps,
        "epochs": length.epochs,
        "minutes": length.minutes,
        "seed": request.seed,
        "corpus_sha256": checksum(corpus),
        "excluded_sha256": checksum(excluded),
    }


def _finished(output: Path, settings: dict[str, object]) -> dict[str, object] | None:
    """Return the record of an output that is complete; what it was made from goes.

    Raises:
        UsageError: the output is something else, which is never overwritten.
    """
    if not output.exists():
        return None
    try:
        record: dict[str, object] = json.loads((output / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        record = {}
    if record.get("settings") != settings:
        raise UsageError(f"expected {output} to be absent, or made by the same command: give another --output")
    shutil.rmtree(unfinished(output), ignore_errors=True)
    return record


def _counts(corpus: tuple[str, ...], excluded: list[str], cleaned: Cleaned) -> dict[str, int]:
    return {
        "read": len(corpus),
        "excluded": len(excluded),
        "exact_copies_dropped": cleaned.exact,
        "near_copies_dropped": cleaned.near,
        "used": len(cleaned.programs),
    }


def _speed(course: Course, training: Training, seconds: float) -> dict[str, float]:
    spec, length = course.spec, training.tokens / training.step / course.recipe.batch_size
    flops = training.tokens * training_flops(spec.layers, spec.hidden, spec.ffn, length)
    peak = matmul_rate(course.device)
    return {
        "parameters": parameters(training.model),
        "seconds": seconds,
        "tokens_per_second": training.tokens / seconds,
        "training_flops": flops,
        "matmul_flops_per_second": peak,
        "model_flops_utilisation": flops / seconds / peak,
    }


def _versions(device: str) -> dict[str, object]:
    named = torch.cuda.get_device_name(device) if device.startswith("cuda") else platform.processor() or "cpu"
    return {
        "commit": commit(),
        "device": named,
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "tokenizers": tokenizers.__version__,
    }


def _write(request: EncoderRequest, course: Course, training: Training, record: dict[str, object]) -> None:
    language_model = training.model

    def write(folder: Path) -> None:
        save_encoder(Encoder(language_model.roberta, course.inputs, request.device, language_model), folder)
        (folder / RECORD).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")

    write_directory(request.output, write)
