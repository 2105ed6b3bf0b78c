"""The forward pass of a training step: the same scores and gradients as transformers', and dropout that is dropout."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models
from torch.nn import functional

from bench.distillation.training import _DroppedAttention, dropped_attention, in_halves, scores
from bench.networks.models import Network, build
from bench.types import Recipe, StudentSpec

PLAIN = Recipe(epochs=1, learning_rate=1e-3, hidden_dropout=0.0, attention_dropout=0.0)
SPEC = StudentSpec(300, 3, 24, 4, 48, 40)


def network(spec: StudentSpec = SPEC, recipe: Recipe = PLAIN) -> Network:
    made = build(spec, recipe, Tokenizer(models.BPE()), 0)
    made.model.train()
    return made


def batch(made: Network, *lengths: int) -> dict[str, torch.Tensor]:
    rng = np.random.default_rng(0)
    return made.inputs.collate([{"input_ids": rng.integers(5, 300, length)} for length in lengths])


def gradients(made: Network, pairs: torch.Tensor) -> dict[str, torch.Tensor]:
    made.model.zero_grad()
    pairs.square().sum().backward()
    named = made.model.named_parameters()
    return {name: parameter.grad.clone() for name, parameter in named if parameter.grad is not None}


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("lengths", [(20, 20), (9, 40, 23)])
@pytest.mark.parametrize("dropout", [0.0, 1e-6])
def test_scores_and_gradients_are_those_of_transformers(layers, lengths, dropout):
    made = network(replace(SPEC, layers=layers))
    for layer in made.model.roberta.encoder.layer:
        layer.attention.self.dropout.p = dropout  # too small to drop anything, but takes the other attention
    given = batch(made, *lengths)
    ours, theirs = scores(made.model, given), made.model.eval()(**given).logits
    made.model.train()
    assert torch.allclose(ours, theirs, atol=1e-6)
    found, expected = gradients(made, ours), gradients(made, theirs)
    assert found.keys() == expected.keys() == dict(made.model.named_parameters()).keys()
    assert all(torch.allclose(found[name], expected[name], atol=1e-6) for name in expected)


@pytest.mark.parametrize("position", ["absolute", "relative_key"])
def test_a_pass_in_halves_teaches_the_whole_weights(position):
    made = network(replace(SPEC, position=position, position_rows=0 if position != "absolute" else SPEC.position_rows))
    given = batch(made, 9, 40, 23)
    halves, whole = in_halves(made.model, given), scores(made.model, given)
    assert halves.dtype == torch.bfloat16
    assert torch.allclose(halves.float(), whole, atol=0.02)
    found, expected = gradients(made, halves.float()), gradients(made, whole)
    assert found.keys() == expected.keys()
    assert all(one.dtype == torch.float32 for one in found.values())
    far = [float((found[name] - expected[name]).norm() / expected[name].norm().clamp(min=1e-6)) for name in expected]
    assert np.median(far) < 0.05


def test_models_that_are_not_plain_take_their_own_pass():
    made = network(replace(SPEC, position="relative_key", position_rows=0))
    given = batch(made, 9, 30)
    assert torch.equal(scores(made.model, given), made.model(**given).logits)


def parts(dtype: torch.dtype = torch.float32) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(2, 3, 7, 4, dtype=dtype, generator=generator, requires_grad=True) for _ in range(3)]


def test_the_gradient_of_dropped_attention_is_that_of_finite_differences():
    apply = _DroppedAttention.apply
    assert torch.autograd.gradcheck(lambda *three: apply(*three, [7, 4], 0.3, 5), parts(torch.float64))


def test_dropped_attention_is_unbiased_and_drops_the_share_that_it_says():
    query, key, value = (part.detach() for part in parts())
    ones = torch.ones_like(value)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        draws = torch.stack([dropped_attention(query, key, value, None, 0.25) for _ in range(1000)])
        kept = torch.stack([dropped_attention(query * 0, key, ones, None, 0.25) for _ in range(300)])
    expected = functional.scaled_dot_product_attention(query, key, value)
    assert torch.allclose(draws.mean(dim=0), expected, atol=0.08)
    shares = kept * 0.75  # equal weights of which each is kept or not: the share that was kept
    assert float(shares.mean()) == pytest.approx(0.75, abs=0.01)
    assert float(shares.std()) > 0.1


def test_dropped_attention_follows_torchs_seed_and_ignores_padding():
    query, key, value = (part.detach() for part in parts())
    attended = torch.tensor([[1] * 7, [1] * 4 + [0] * 3])

    def made(seed: int, key: torch.Tensor = key) -> torch.Tensor:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return dropped_attention(query, key, value, attended, 0.3)

    other = key.clone()
    other[1, :, 4:] = 100.0
    assert torch.equal(made(0), made(0))
    assert torch.equal(made(0), made(0, other))
    assert not torch.equal(made(0), made(1))
    assert not made(0)[1, :, 4:].any()
