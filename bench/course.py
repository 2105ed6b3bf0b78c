"""The course of one pre-training: tokenizer, lessons and held-out lessons, number of steps, curve, checkpoints.

A budget in minutes becomes a number of steps, from a rate that is measured once at the start, so that the learning rate
anneals to 0 and an interrupted training ends as it would have. The trial steps are thrown away: `--minutes` gives the
same weights as `--steps` with the recorded number.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer

from bench import progress
from bench.encode import TextInputs, train_tokenizer
from bench.encoder_request import MAX_TOKENS, EncoderRequest
from bench.lessons import Lessons, Packed, bare
from bench.pretrain import Training, question_loss, start, train
from bench.rng import derive, stream
from bench.types import Recipe, StudentSpec, UsageError
from bench.unfinished import Point, Unfinished

HELD_OUT_SHARE = 0.01
EXAMINED_TOKENS = 65_536
"""Of the held-out programs, at each point of the curve."""
POINTS = 10
"""Of the curve, besides its beginning."""
TOKENIZER_PROGRAMS = 20_000
"""Drawn to train the tokenizer; more change the vocabulary little and take minutes."""
TRIAL_STEPS, WARM_UP = 8, 2
"""Steps that measure how many fit into the minutes; the first ones do not count."""
WEIGHT_DECAY = 0.01


@dataclass(frozen=True)
class Course:
    """A pre-training, ready to run."""

    spec: StudentSpec
    recipe: Recipe
    inputs: TextInputs
    lessons: Lessons
    held_out: Lessons
    seed: int
    device: str

    def start(self) -> Training:
        """Make the untrained model; always the same one."""
        return start(self.spec, self.recipe, self.seed, self.device)

    @torch.inference_mode()
    def examine(self, training: Training) -> Point:
        """Return a point of the curve: the same held-out questions each time, loss in nats a hidden token."""
        losses, tokens = [], 0
        for step in range(self.held_out.per_epoch):
            asked = self.held_out.questions(step)
            losses.append(float(question_loss(training.model, asked)))
            tokens += asked.tokens
            if tokens >= EXAMINED_TOKENS:
                break
        return {"step": training.step, "tokens": training.tokens, "held_out_loss": statistics.fmean(losses)}


def make_course(request: EncoderRequest, programs: Sequence[str], under_way: Unfinished) -> Course:
    """Train the tokenizer, or take the one that is there; tokenise; hold 1% of the programs out.

    Raises:
        UsageError: fewer than two programs with tokens.
    """
    shape = request.shape
    vocab_size = request.vocab_size or shape.vocab_size
    tokenizer = _tokenizer(vocab_size, programs, request.seed, under_way)
    progress.current().note(f"tokenising {len(programs)} programs")
    read = bare(TextInputs(tokenizer, sum(map(len, programs)) + 2).encode(programs))
    if len(read) < 2:
        raise UsageError(f"expected at least 2 programs with tokens, got {len(read)}: give a larger corpus")
    order = stream(request.seed, "held out").permutation(len(read))
    held = max(1, round(HELD_OUT_SHARE * len(read)))

    def lessons(chosen: Sequence[int], seed: int) -> Lessons:
        texts = [read[i] for i in chosen]
        return Packed(texts, request.window, MAX_TOKENS, tokenizer.get_vocab_size(), shape.batch_size, seed)

    return Course(
        StudentSpec(tokenizer.get_vocab_size(), shape.layers, shape.hidden, shape.heads, shape.ffn, MAX_TOKENS),
        Recipe(
            epochs=1,  # the number of steps is decided apart
            learning_rate=shape.learning_rate,
            batch_size=shape.batch_size,
            weight_decay=WEIGHT_DECAY,
            hidden_dropout=0.0,
            attention_dropout=0.0,
        ),
        TextInputs(tokenizer, MAX_TOKENS),
        lessons(sorted(order[held:].tolist()), request.seed),
        lessons(sorted(order[:held].tolist()), derive(request.seed, "held out")),
        request.seed,
        request.device,
    )


def _tokenizer(vocab_size: int, programs: Sequence[str], seed: int, under_way: Unfinished) -> Tokenizer:
    if (known := under_way.read("tokenizer")) is not None:
        return Tokenizer.from_str(known["tokenizer"])
    chosen = stream(seed, "tokenizer").permutation(len(programs))[:TOKENIZER_PROGRAMS]
    progress.current().note(f"training a tokenizer of {vocab_size} entries on {len(chosen)} programs")
    tokenizer = train_tokenizer("bpe", vocab_size, [programs[i] for i in chosen])
    under_way.write("tokenizer", {"tokenizer": tokenizer.to_str()})
    return tokenizer


def decide_steps(request: EncoderRequest, course: Course, under_way: Unfinished, begun: float) -> int:
    """Return how many steps to train, as it was noted when the training was begun.

    `begun` is when the command was called, monotonic.
    """
    if (known := under_way.read("steps")) is not None:
        return int(known["steps"])
    length = request.length
    if length.minutes is not None:
        facts = _measured(course, 60.0 * length.minutes, begun)
    elif length.epochs is not None:
        facts = {"steps": max(1, round(length.epochs * course.lessons.per_epoch))}
    else:
        facts = {"steps": int(length.steps or 0)}
    under_way.write("steps", facts)
    return int(facts["steps"])


def _measured(course: Course, budget: float, begun: float) -> dict[str, float]:
    """Turn seconds into steps by trying a few."""
    training, times = course.start(), [time.monotonic()]
    train(training, course.lessons, course.recipe, TRIAL_STEPS, lambda _: times.append(_now(course.device)))
    rate = statistics.median(after - before for before, after in itertools.pairwise(times[WARM_UP:]))
    course.examine(training)
    examining = _now(course.device) - times[-1]
    left = budget - (_now(course.device) - begun) - (POINTS + 1) * examining
    steps = max(1, int(left / rate))
    progress.current().note(f"{rate:.3f} s a step: {steps} steps fit into the minutes")
    return {"steps": steps, "seconds_per_step": rate}


def _now(device: str) -> float:
    """Return the time once everything that was asked of the device is done."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    return time.monotonic()


def run(course: Course, steps: int, under_way: Unfinished, checkpoint_seconds: float) -> tuple[Training, Taken]:
    """Train to the end, from the last checkpoint if there is one; keep checkpoints and the curve."""
    training = course.start()
    curve, before = under_way.load(training)
    taken = Taken(curve or [course.examine(training)], before, _now(course.device))
    progress.current().stage("pre-training", steps - training.step)
    points = {round(steps * (i + 1) / POINTS) for i in range(POINTS)}
    saved = time.monotonic()

    def after(training: Training) -> None:
        nonlocal saved
        if training.step in points:
            point = course.examine(training)
            taken.curve.append(point)
            progress.current().note(f"step {training.step} of {steps}: held-out loss {point['held_out_loss']:.3f}")
        if training.step < steps and time.monotonic() - saved >= checkpoint_seconds:
            under_way.save(training, taken.curve, taken.seconds(course.device))
            saved = time.monotonic()

    train(training, course.lessons, course.recipe, steps, after)
    return training, taken


@dataclass
class Taken:
    """What a training has taken so far."""

    curve: list[Point]
    before: float
    """Seconds up to the checkpoint that it went on from."""
    since: float
    """When it went on, monotonic."""

    def seconds(self, device: str) -> float:
        """Seconds of training, examinations included."""
        return self.before + _now(device) - self.since
