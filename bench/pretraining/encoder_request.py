"""What `bench pretrain` may be asked for: a corpus, a size, a budget. Imports nothing heavy, for `--help`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from bench.types import UsageError

MAX_TOKENS = 512
"""Longest input of an encoder, as CodeBERT's."""
SHORTEST_WINDOW = 16
ARCHITECTURES = ("codebert", "graphcodebert")


@dataclass(frozen=True)
class EncoderSize:
    """RoBERTa's architecture, and how it is pre-trained."""

    vocab_size: int
    layers: int
    hidden: int
    heads: int
    ffn: int
    batch_size: int
    """Packed windows, or programs with their graphs, of one step."""
    learning_rate: float


SIZES = {
    "tiny": EncoderSize(4_000, 4, 128, 4, 512, batch_size=16, learning_rate=2e-3),
    "small": EncoderSize(16_000, 6, 384, 6, 1536, batch_size=128, learning_rate=1e-3),
    "base": EncoderSize(32_000, 12, 768, 12, 3072, batch_size=128, learning_rate=4e-4),
}


@dataclass(frozen=True)
class Length:
    """How long to train: one of the three."""

    steps: int | None = None
    epochs: float | None = None
    minutes: float | None = None
    """Of the whole command, reading and tokenising included; measured once, and then a number of steps."""

    def __post_init__(self) -> None:
        """Reject more than one, or nothing."""
        given = [value for value in (self.steps, self.epochs, self.minutes) if value is not None]
        if len(given) != 1 or not 0 < given[0] < float("inf"):
            raise UsageError(f"expected one of --steps, --epochs and --minutes, above 0, got {given}: give one")


@dataclass(frozen=True)
class EncoderRequest:
    """What is to be pre-trained on what."""

    corpus: Path
    output: Path
    size: str = "small"
    arch: str = "codebert"
    exclude: tuple[Path, ...] = ()
    """Programs whose copies must not be in the corpus, such as those of a test split."""
    limit: int | None = None
    """Most programs of the corpus, drawn at random."""
    length: Length = field(default_factory=lambda: Length(epochs=1))
    window: int = MAX_TOKENS
    """Tokens of a packed window; graphs are not packed, and it is then the encoder's longest input."""
    vocab_size: int | None = None
    """None: what belongs to the size."""
    seed: int = 0
    device: str = "cpu"

    def __post_init__(self) -> None:
        """Reject unknown names and a window that cannot be read."""
        if self.size not in SIZES:
            raise UsageError(f"expected --size {'|'.join(SIZES)}, got {self.size!r}: choose one")
        if self.arch not in ARCHITECTURES:
            raise UsageError(f"expected --arch {'|'.join(ARCHITECTURES)}, got {self.arch!r}: choose one")
        if not SHORTEST_WINDOW <= self.window <= MAX_TOKENS:
            raise UsageError(
                f"expected --window of {SHORTEST_WINDOW} to {MAX_TOKENS} tokens, got {self.window}: give another"
            )

    @property
    def shape(self) -> EncoderSize:
        """The named size."""
        return SIZES[self.size]
