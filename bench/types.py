"""The nouns (ARCHITECTURE): frozen records, one-method protocols; what was measured is in `bench.results`.

Imports nothing of ours, and at run time neither numpy nor torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Label = Literal[0, 1]
"""1 is vulnerable, 0 is not: the only convention, in data, in model outputs and in tables."""

Probabilities: TypeAlias = "NDArray[np.float64]"
"""Shape (n, 2); column k is P(label == k); rows sum to 1."""

TokenizerKind = Literal["bpe", "avatar-bpe", "wordpiece", "unigram", "word"]
Activation = Literal["gelu", "relu", "silu", "gelu_new"]
PositionKind = Literal["absolute", "relative_key", "relative_key_query"]
Objective = Literal["flops", "latency"]
Shape = Literal["standard", "fast"]
Latency: TypeAlias = "Callable[[Any], NDArray[np.float64]]"
"""From `bench.measuring.latency.Work` to milliseconds per inference at batch 1 on one thread."""

View = Literal["clean", "renamed", "rewritten", "both"]
"""How a program may be written anew without meaning something else: by names, by code, by both, or not at all."""
Perturb: TypeAlias = Callable[[Sequence[str], View, int], tuple[str, ...]]
"""Writes programs anew at random: programs, how, and a seed; the same program comes out in any company."""


def _not_offered(programs: Sequence[str], view: View, seed: int) -> tuple[str, ...]:
    raise RuntimeError("this budget offers no perturbation: give it one, as bench.running.students does")


class UsageError(Exception):
    """A user's mistake: one line saying what was expected, what came and what to do. Exit code 2, no traceback."""


@dataclass(frozen=True)
class Sample:
    """One labelled program."""

    id: str
    """Unique within its task, such as "devign/27318"."""
    code: str
    """The program, byte for byte as published."""
    label: Label
    project: str = ""
    """Where it comes from: the project (Devign) or the CWE family (embedded)."""
    driver: str = ""
    """C source of a main() that calls the program; code + driver is a complete file. Empty: it cannot run alone."""


@dataclass(frozen=True)
class Splits:
    """A task's programs. Nobody reads `test` before judging; `valid` picks epochs, and AVATAR's search its network."""

    task: str
    labelled: tuple[Sample, ...]
    """Half of the training split: fine-tunes teachers, experts and router (Compressor, section 4.1)."""
    unlabelled: tuple[str, ...]
    """The other half without its labels: programs that carry soft labels to the students."""
    valid: tuple[Sample, ...]
    test: tuple[Sample, ...]
    source: str = ""
    """Named release and revision, or generator and seed; printed with every table."""
    sha256: str = ""
    """Of the rows that were read, so that two runs can be compared."""
    synthetic: bool = False
    """True for generated programs: their numbers are about the machinery, never about the methods."""


@dataclass(frozen=True)
class StudentSpec:
    """Architecture of a RoBERTa classifier, and nothing about its training. Lengths are counted in tokens."""

    vocab_size: int
    layers: int
    hidden: int
    heads: int
    ffn: int
    """Width of the feed-forward layer (`intermediate_size`)."""
    max_tokens: int
    """Longest input, `<s>` and `</s>` included; what follows is cut off."""
    position_rows: int = 0
    """Rows of the position table; 0 means max_tokens + 2, what RoBERTa needs."""
    tokenizer: TokenizerKind = "bpe"
    activation: Activation = "gelu"
    position: PositionKind = "absolute"

    def __post_init__(self) -> None:
        """Reject an architecture that cannot be built."""
        sizes = (self.vocab_size, self.layers, self.hidden, self.heads, self.ffn)
        if min(sizes) < 1 or self.max_tokens < 8:
            raise UsageError(f"expected positive sizes and at least 8 max_tokens, got {self}: widen the search space")
        if self.hidden % self.heads:
            raise UsageError(f"expected hidden divisible by heads, got {self.hidden} and {self.heads}: change one")
        if self.position_rows == 0:
            object.__setattr__(self, "position_rows", self.max_tokens + 2)
        if self.position_rows < self.max_tokens + 2:
            raise UsageError(f"expected at least {self.max_tokens + 2} position rows, got {self.position_rows}")


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; the same record for teachers, experts and students."""

    epochs: int
    learning_rate: float
    batch_size: int = 16
    temperature: float = 1.0
    """Softens teacher and student alike; the loss is multiplied by its square (Hinton et al. 2015)."""
    warmup: float = 0.1
    """Share of the steps in which the learning rate rises linearly; then it falls linearly to 0."""
    weight_decay: float = 0.0
    clip_norm: float = 1.0
    hidden_dropout: float = 0.1
    attention_dropout: float = 0.1
    initializer_range: float | None = None
    """Standard deviation of the initial weights; None is RoBERTa's 0.02 at width 768, scaled by 1 / sqrt(width)."""
    cosine: float = 0.0
    """Weight of 1 - cosine(student, target) beside the divergence (MORPH)."""
    freeze_bias_and_norm: bool = False
    """As released by Compressor and AVATAR: biases and LayerNorm weights never train."""
    compiled: bool = False
    """Let torch.compile make the step: for long trainings on a GPU."""


@dataclass(frozen=True)
class Budget:
    """What every method may spend; identical for all of them."""

    size_mb: float
    """Largest student, at 4 bytes a parameter, 1 MB = 1e6 bytes."""
    max_tokens: int
    recipe: Recipe
    """Distillation."""
    teacher_recipe: Recipe
    """Fine-tuning of experts: the recipe that also made the single teacher."""
    surrogate_trainings: int = 20
    """Students that a search may train to learn what makes a good one (AVATAR: 20)."""
    surrogate_epochs: int = 20
    learning_rate_scale: float = 1.0
    """Factor on the learning rates that a search may choose; 1 is AVATAR's, more where steps are few."""
    surrogate_programs: int | None = None
    """Programs that such a training sees; None is all of them, as in AVATAR."""
    device: str = "cpu"
    """Where students are trained; the teacher brings its own."""
    as_released: bool = False
    """Reproduce the published quirks of a baseline instead of mending them."""
    objective: Objective = "flops"
    """What a search weighs against size and accuracy: GFLOPs, as published, or predicted latency."""
    student: Shape = "standard"
    """Which student MoEKD and its controls distil into, all the same one (bench.distillation.standard)."""
    latency: Latency | None = None
    """Asked where the objective is latency, or a fast student is wanted."""
    perturb: Perturb = _not_offered
    """What robustness may be learned from: the same renames and rewrites for everybody, asking no victim (D30)."""


class Classifier(Protocol):
    """Anything that judges programs: teacher, expert, student, or a test's fake."""

    def probabilities(self, programs: Sequence[str]) -> Probabilities:
        """Judge n programs; see `Probabilities` for shape and columns."""


class Expert(Classifier, Protocol):
    """A network fine-tuned on a part of the input space."""

    def logits(self, programs: Sequence[str]) -> NDArray[np.float64]:
        """Shape (n,): log-odds of "vulnerable" at temperature 1."""


class Teacher(Expert, Protocol):
    """A fine-tuned classifier that can also be asked how sure it is, and be specialised again from its encoder."""

    @property
    def graph(self) -> bool:
        """Whether it reads data flow beside the text, as GraphCodeBERT does."""

    @property
    def facts(self) -> Mapping[str, float]:
        """What is known of its making; these become records of the row `teacher`."""

    @property
    def network(self) -> Classifier:
        """The fine-tuned classifier alone, as it is stored."""

    def embed(self, programs: Sequence[str]) -> NDArray[np.float64]:
        """Shape (n, d): mean-pooled last layer of the pre-trained encoder, before fine-tuning."""

    def specialise(
        self,
        samples: Sequence[Sample],
        weights: NDArray[np.float64],
        valid: Sequence[Sample],
        recipe: Recipe,
        seed: int,
    ) -> Expert:
        """Fine-tune a fresh copy of the pre-trained encoder on samples of the given weights."""


@dataclass(frozen=True)
class Student:
    """What a method hands back: a classifier, and what it wants known about how it was made."""

    classifier: Classifier
    spec: StudentSpec | None = None
    """None where there is no network of ours (majority) or no compression (teacher)."""
    facts: Mapping[str, float] = field(default_factory=dict)
    """Diagnostics that become records, such as "search_gap" or "router_entropy"."""


class Method(Protocol):
    """A way of squeezing a teacher into a student."""

    def compress(self, teacher: Teacher, data: Splits, budget: Budget, seed: int) -> Student:
        """Make the student; the same arguments give the same student."""


@dataclass(frozen=True)
class Attempt:
    """What an attack hands to the judge: its best try, and how it came about. It claims nothing."""

    program: str | None
    """The program most likely to fool the victim; None where there was no site."""
    sites: int
    """Loci: places that may change."""
    alleles: int = 0
    """Legal alternatives over all loci, originals not counted."""
    changed: tuple[str, ...] = ()
    """Changed loci as `Program.changes` says it, "rename buf -> out", "for_to_while@4": the judge rebuilds by them."""
    too_large: bool = False
    """Whether the attack left the sample out, because its space is too large to be searched completely."""


class Attack(Protocol):
    """A search for a program that means the same and is judged otherwise."""

    def attempt(self, victim: Classifier, sample: Sample, budget: int, rng: np.random.Generator) -> Attempt:
        """Try with at most `budget` queries; the same arguments give the same attempt."""
