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

import joblib
import torch
from tokenizers import Tokenizer

from bench import progress
from bench.networks.encode import Encoded, Inputs, TextInputs
from bench.networks.graph_inputs import GraphInputs, lines
from bench.networks.vocabularies import train_tokenizer
from bench.pretraining.encoder_request import MAX_TOKENS, EncoderRequest
from bench.pretraining.lessons import Lessons, Packed, Whole, bare
from bench.pretraining.pretrain import Training, question_loss, start, train
from bench.pretraining.unfinished import Point, Unfinished
from bench.rng import derive, stream
from bench.types import Recipe, StudentSpec, UsageError

HELD_OUT_SHARE = 0.01
EXAMINED_TOKENS = 65_536
"""Of the held-out programs, at each point of the curve."""
POINTS = 10
"""Of the curve, besides its beginning."""
TOKENIZER_PROGRAMS = 20_000
"""Drawn to train the tokenizer; more change the vocabulary little and take minutes."""
TRIAL_STEPS, WARM_UP = 8, 2
"""Steps that measure how many fit into the minutes; the first ones do not count."""
CHUNK = 1000
"""Programs that one process encodes at a time."""
WEIGHT_DECAY = 0.01


@dataclass(frozen=True)
class Course:
    """A pre-training, ready to run."""

    spec: StudentSpec
    recipe: Recipe
    inputs: TextInputs | GraphInputs
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
    shape, graph = request.shape, request.arch == "graphcodebert"
    tokenizer = _tokenizer(request, programs, under_way)
    longest = request.window if graph else MAX_TOKENS
    inputs = GraphInputs(tokenizer, longest) if graph else TextInputs(tokenizer, longest)
    # Windows are cut from whole programs; what does not fit into an input of its own is still read.
    whole = inputs if graph else TextInputs(tokenizer, sum(map(len, programs)) + 2)
    progress.current().note(f"tokenising {len(programs)} programs")
    encoded = [one for one in _encoded(whole, programs) if len(one["input_ids"]) > 2]
    if len(encoded) < 2:
        raise UsageError(f"expected at least 2 programs with tokens, got {len(encoded)}: give a larger corpus")
    order = stream(request.seed, "held out").permutation(len(encoded))
    held = max(1, round(HELD_OUT_SHARE * len(encoded)))

    def lessons(chosen: Sequence[int], seed: int) -> Lessons:
        read, entries = [encoded[i] for i in chosen], tokenizer.get_vocab_size()
        if graph:
            return Whole(inputs, read, entries, shape.batch_size, seed)
        return Packed(bare(read), request.window, MAX_TOKENS, entries, shape.batch_size, seed)

    return Course(
        StudentSpec(tokenizer.get_vocab_size(), shape.layers, shape.hidden, shape.heads, shape.ffn, longest),
        Recipe(
            epochs=1,  # the number of steps is decided apart
            learning_rate=shape.learning_rate,
            batch_size=shape.batch_size,
            weight_decay=WEIGHT_DECAY,
            hidden_dropout=0.0,
            attention_dropout=0.0,
        ),
        inputs,
        lessons(sorted(order[held:].tolist()), request.seed),
        lessons(sorted(order[:held].tolist()), derive(request.seed, "held out")),
        request.seed,
        request.device,
    )


def _encoded(inputs: Inputs, programs: Sequence[str]) -> list[Encoded]:
    """Encode on all cores: data flow takes milliseconds a program, and corpora have a hundred thousand."""
    parts = [programs[i : i + CHUNK] for i in range(0, len(programs), CHUNK)]
    found = joblib.Parallel(n_jobs=-1 if len(parts) > 1 else 1)(joblib.delayed(inputs.encode)(part) for part in parts)
    return [one for part in found for one in part]


def _tokenizer(request: EncoderRequest, programs: Sequence[str], under_way: Unfinished) -> Tokenizer:
    vocab_size = request.vocab_size or request.shape.vocab_size
    if (known := under_way.read("tokenizer")) is not None:
        return Tokenizer.from_str(known["tokenizer"])
    chosen = stream(request.seed, "tokenizer").permutation(len(programs))[:TOKENIZER_PROGRAMS]
    progress.current().note(f"training a tokenizer of {vocab_size} entries on {len(chosen)} programs")
    texts = [programs[i] for i in chosen]
    tokenizer = train_tokenizer("bpe", vocab_size, lines(texts) if request.arch == "graphcodebert" else texts)
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
