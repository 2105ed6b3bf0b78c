"""Victims that others trained: any Hugging Face sequence classifier with one or two logits, as a `Classifier`.

Called as Hugging Face users call it: its own fast tokenizer with its own special tokens, its own longest input, nothing
done to white space unless asked. Two logits are a softmax, one is a sigmoid. Left out: heads with more labels, several
segments, and whatever needs code from the checkpoint. Models of ours are read back by `bench.networks.models.load`
instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from bench.networks.encode import Encoded, Inputs, Known, in_batches
from bench.networks.hub import load_pretrained, own_inputs
from bench.networks.inference import logits
from bench.networks.models import INPUTS_FILE, load, place
from bench.types import Classifier, Probabilities, UsageError

VULNERABLE = frozenset("vulnerable vuln bad insecure unsafe defective defect buggy true yes positive 1 label1".split())  # noqa: SIM905
SAFE = frozenset("safe good secure benign clean nonvulnerable notvulnerable invulnerable nonvuln".split())  # noqa: SIM905
"""Names of labels, in lower case and without blanks, dashes and underscores."""


@dataclass(frozen=True)
class VictimOptions:
    """What a checkpoint does not say about itself."""

    vulnerable_label: str | None = None
    """Name or index of the label that means "vulnerable"; None decides by the names (see `vulnerable_column`)."""
    revision: str | None = None
    """Commit, tag or branch on the hub."""
    whitespace: Literal["keep", "collapse"] = "keep"
    """"collapse" makes every run of white space one blank, as for our models and Compressor's."""
    max_tokens: int | None = None
    """Window where it is shorter than the model's own, such as 400 for Compressor's; None is the model's own."""
    batch_size: int = 32


@dataclass(frozen=True)
class Victim:
    """Somebody's sequence classifier."""

    source: str
    model: PreTrainedModel
    inputs: Inputs
    labels: tuple[str, ...]
    """Names of the logits."""
    column: int
    """The logit that speaks for "vulnerable"; -1: the only logit speaks against it."""
    device: str = "cpu"
    batch_size: int = 32
    known: Known | None = None
    """Logits that are kept; None keeps none."""

    def remembering(self) -> Victim:
        """Return the same victim, which computes equal inputs once for as long as it lives."""
        return replace(self, known={})

    def probabilities(self, programs: Sequence[str]) -> Probabilities:
        """Judge n programs, shape (n, 2).

        Raises:
            UsageError: the model fails, or answers with other than finite numbers, one per label.
        """
        if self.model.training:
            self.model.eval()
        encoded, shape = self.inputs.encode(programs), (len(self.labels),)
        scores = in_batches(encoded, self.batch_size, self._logits, shape, self.known)
        if not np.isfinite(scores).all():
            raise UsageError(f"expected finite logits, got NaN or infinity from {self.source!r}: mend its weights")
        if len(self.labels) == 2:
            vulnerable = expit(scores[:, self.column] - scores[:, 1 - self.column])
        else:
            vulnerable = expit(scores[:, 0] if self.column == 0 else -scores[:, 0])
        return np.stack([1.0 - vulnerable, vulnerable], axis=1)

    def visible(self, program: str) -> int:
        """Number of leading characters that reach the model; see `bench.networks.windows.Windowed`."""
        return self.inputs.visible(program)

    @torch.inference_mode()
    def _logits(self, encoded: list[Encoded]) -> NDArray[np.float64]:
        batch = {name: tensor.to(self.device) for name, tensor in self.inputs.collate(encoded).items()}
        try:
            scores = logits(self.model, batch)
        except Exception as error:
            reason = f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"
            raise UsageError(f"the victim {self.source!r} failed on {len(encoded)} programs ({reason})") from error
        if scores.shape != (len(encoded), len(self.labels)):
            wanted, got = (len(encoded), len(self.labels)), tuple(scores.shape)
            raise UsageError(f"expected logits of shape {wanted}, got {got} from {self.source!r}: give a classifier")
        return np.asarray(scores.double().cpu())


def load_victim(source: str, options: VictimOptions, device: str) -> Classifier:
    """Load a classifier from a local directory or the hub; a directory of ours is what it is, without options.

    Raises:
        UsageError: it cannot be loaded, has no trained head of one or two logits, or its labels are ambiguous.
    """
    if (Path(source) / INPUTS_FILE).is_file():
        return _own(Path(source), device)
    advice = "a local Hugging Face directory"
    found = load_pretrained(AutoModelForSequenceClassification, source, options.revision, "victim", advice)
    labels = tuple(str(name) for _, name in sorted((found.model.config.id2label or {}).items()))
    column = vulnerable_column(labels, options.vulnerable_label)
    inputs = own_inputs(found, options.max_tokens, collapsed=options.whitespace == "collapse")
    together = inputs.batch_size(options.batch_size)
    return Victim(source, place(found.model, device), inputs, labels, column, device, together)


def _own(folder: Path, device: str) -> Classifier:
    try:
        return load(folder, device)
    except UsageError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"
        raise UsageError(
            f"expected a student or teacher of ours in {str(folder)!r}, got {reason}: copy it again"
        ) from error


def vulnerable_column(labels: Sequence[str], wanted: str | None) -> int:
    """Decide which logit speaks for "vulnerable".

    With `wanted`: the label of this name (case ignored), or else of this index. Without it: of two labels, the one
    whose name is in `VULNERABLE`, so that LABEL_0 and LABEL_1 mean column 1; a single logit means "vulnerable", unless
    its name is in `SAFE`, which gives -1.

    Raises:
        UsageError: not one or two labels, no such label, or names that do not decide.
    """
    if len(labels) not in (1, 2):
        raise UsageError(
            f"expected one or two logits, got {len(labels)} ({', '.join(labels)[:80]}): give a binary model"
        )
    if wanted is not None:
        return _named(labels, wanted)
    if len(labels) == 1:
        return -1 if _plain(labels[0]) in SAFE else 0
    found = [column for column, name in enumerate(labels) if _plain(name) in VULNERABLE]
    if len(found) != 1:
        raise UsageError(
            f"expected names that tell which label is vulnerable, got {', '.join(map(repr, labels))}: give "
            "--vulnerable-label NAME_OR_INDEX"
        )
    return found[0]


def _named(labels: Sequence[str], wanted: str) -> int:
    names: Mapping[str, int] = {name.strip().lower(): column for column, name in reversed([*enumerate(labels)])}
    if wanted.strip().lower() in names:
        return names[wanted.strip().lower()]
    if wanted.strip() in map(str, range(len(labels))):
        return int(wanted)
    choices = ", ".join(f"{column} ({name})" for column, name in enumerate(labels))
    raise UsageError(f"expected --vulnerable-label to be one of {choices}, got {wanted!r}: choose one")


def _plain(name: str) -> str:
    return "".join(char for char in name.lower() if char.isalnum())
