"""What a training of a classifier took, and the architecture of a network read back.

Model FLOPs are three times those that the answers over the real tokens need (`bench.measuring.cost.answer_gflops`):
padding is no work, nor is what a backward pass recomputes, nor what the last layer would say of tokens that nobody
reads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import torch

from bench.measuring import cost
from bench.measuring.hardware import peak_gflops
from bench.networks.encode import Encoded
from bench.networks.models import Network
from bench.results import Training
from bench.types import StudentSpec

BACKWARD = 3
"""Forward, and a backward pass of twice its FLOPs."""


def architecture(network: Network) -> StudentSpec:
    """Read the architecture back from a network."""
    config = network.model.config
    return StudentSpec(
        vocab_size=config.vocab_size,
        layers=config.num_hidden_layers,
        hidden=config.hidden_size,
        heads=config.num_attention_heads,
        ffn=config.intermediate_size,
        max_tokens=network.inputs.max_tokens,
        position_rows=config.max_position_embeddings,
        activation=config.hidden_act,
        position=config.position_embedding_type,
    )


def trained(network: Network, encoded: Sequence[Encoded], epochs: int, seconds: float) -> Training:
    """Describe a training of so many epochs over these programs."""
    spec, lengths = architecture(network), Counter(len(one["input_ids"]) for one in encoded)
    forward = sum(count * cost.answer_gflops(spec, length) for length, count in lengths.items())
    return Training(seconds, BACKWARD * epochs * forward, peak_gflops(network.device, torch.get_num_threads()))
