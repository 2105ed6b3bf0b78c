"""What the short way of asking a classifier may not change: its answer."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from transformers import RobertaForSequenceClassification

from bench.networks import compiled
from bench.networks.compiled import ACTIVATIONS, WIDEST
from bench.networks.encode import BOS, EOS, PAD
from bench.networks.inference import logits
from bench.networks.models import roberta_config
from bench.types import Recipe, StudentSpec

NO_KERNEL = "needs a C compiler when the package is installed, and a processor with AVX2"
BEYOND = 10**12
"""A token that no vocabulary has."""
SPEC = StudentSpec(60, 3, 24, 2, 32, 40)
SPECS = {
    "narrow heads": SPEC,
    "one layer": replace(SPEC, layers=1),
    "Compressor's heads": replace(SPEC, hidden=96, heads=8),
    "odd heads": replace(SPEC, hidden=57, heads=3),
    "heads as wide as the kernel": replace(SPEC, hidden=2 * WIDEST),
    "heads wider than the kernel": replace(SPEC, hidden=2 * WIDEST + 16),
    "relative positions": replace(SPEC, position="relative_key"),
    "an inner width that no block divides": replace(SPEC, ffn=37),
    "as wide inside as CodeBERT": replace(SPEC, ffn=4 * SPEC.hidden),
    **{name: replace(SPEC, activation=name) for name in ACTIVATIONS},
}


def model_of(spec: StudentSpec) -> RobertaForSequenceClassification:
    """Weights large enough for attention to matter."""
    torch.manual_seed(0)
    recipe = Recipe(1, 1e-3, initializer_range=0.3)
    return RobertaForSequenceClassification(roberta_config(spec, recipe)).eval()


def batch_of(lengths: list[int]) -> dict[str, torch.Tensor]:
    """Programs of these lengths, one of which spells the padding token."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(EOS, 60, (len(lengths), max(lengths)), generator=generator)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    ids[:, 0], ids[0, lengths[0] // 2], ids[~mask] = BOS, PAD, PAD
    return {"input_ids": ids} if mask.all() else {"input_ids": ids, "attention_mask": mask.long()}


@pytest.fixture(params=["kernel", "avx2", "torch"])
def by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The layers by our kernel, where it was built and runs, and by torch."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    if request.param == "torch":
        monkeypatch.setattr(compiled, "kernel", lambda: None)
    elif compiled.kernel() is None:
        pytest.skip(NO_KERNEL)
    elif request.param == "avx2":
        older = compiled.kernel("encode_avx2")
        monkeypatch.setattr(compiled, "kernel", lambda: older)
    yield request.param
    torch.set_num_threads(before)


@torch.inference_mode()
@pytest.mark.parametrize("lengths", [[40, 3, 17, 16, 1], [33, 33]], ids=["padded", "even"])
@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
def test_scores_are_those_of_transformers(by: str, spec: StudentSpec, lengths: list[int]) -> None:
    model, batch = model_of(spec), batch_of(lengths)
    single = model(**batch).logits
    exact = copy.deepcopy(model).double()(**batch).logits
    assert (logits(model, batch) - exact).abs().max() < max(3e-5, 2 * (single - exact).abs().max())
    assert exact.std() > 1e-2


@torch.inference_mode()
@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0], ids=["flat", "usual", "peaked"])
def test_the_layers_are_as_exact_as_single_precision(by: str, scale: float) -> None:
    model, batch = model_of(replace(SPEC, hidden=96, heads=8)), batch_of([40, 3, 17, 16, 1])
    for layer in model.roberta.encoder.layer:
        layer.attention.self.query.weight *= scale
    single = model(**batch).logits
    exact = copy.deepcopy(model).double()(**batch).logits
    assert (logits(model, batch) - exact).abs().max() < 4 * max(1e-6, (single - exact).abs().max())


@torch.inference_mode()
def test_padding_and_company_change_no_answer(by: str) -> None:
    model, batch = model_of(SPEC), batch_of([13, 29])
    alone = logits(model, {"input_ids": batch["input_ids"][:1, :13]})
    assert (logits(model, batch)[:1] - alone).abs().max() < 1e-5


@torch.inference_mode()
@pytest.mark.parametrize("name", ["encode", "encode_avx2"])
def test_the_kernel_looks_at_no_padding(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = compiled.kernel(name)
    if chosen is None:
        pytest.skip(NO_KERNEL)
    monkeypatch.setattr(compiled, "kernel", lambda: chosen)
    model, ids, lengths = model_of(SPEC), batch_of([29, 29, 29])["input_ids"], torch.tensor([13, 29, 0])
    attended = (torch.arange(29) < lengths[:, None]).long()
    ids[attended == 0] = BEYOND
    found = compiled.first_rows(model, {"input_ids": ids, "attention_mask": attended})
    assert torch.equal(found[:1], compiled.first_rows(model, {"input_ids": ids[:1, :13]}))
    assert torch.equal(found[1:2], compiled.first_rows(model, {"input_ids": ids[1:2]}))
    assert found[:2].isfinite().all()
    assert found[2].isnan().all(), "a program without tokens has no answer"


@torch.inference_mode()
@pytest.mark.parametrize("odd", [BEYOND, -1, "too long", "type"])
def test_what_has_no_embedding_is_an_error(by: str, odd: int | str) -> None:
    model, batch = model_of(SPEC), batch_of([20, 9])
    if odd == "too long":
        batch = batch_of([model.config.max_position_embeddings + 1])
    elif odd == "type":
        batch["token_type_ids"] = torch.ones_like(batch["input_ids"])
    else:
        batch["input_ids"][1, 8] = odd
    with pytest.raises((IndexError, RuntimeError)):
        logits(model, batch)


@torch.inference_mode()
@pytest.mark.parametrize("name", ["query", "key", "value"])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_broken_weight_shows_in_the_answer(by: str, name: str, bad: float) -> None:
    model, batch = model_of(SPEC), batch_of([20, 9])
    getattr(model.roberta.encoder.layer[0].attention.self, name).weight[0, 0] = bad
    assert logits(model, batch).isnan().all()


@torch.inference_mode()
def test_types_of_tokens_are_read(by: str) -> None:
    torch.manual_seed(0)
    config = roberta_config(SPEC, Recipe(1, 1e-3, initializer_range=0.3))
    config.type_vocab_size = 2
    model, batch = RobertaForSequenceClassification(config).eval(), batch_of([20, 9])
    typed = {**batch, "token_type_ids": torch.ones_like(batch["input_ids"])}
    assert (logits(model, typed) - model(**typed).logits).abs().max() < 1e-5
    assert (logits(model, typed) - logits(model, batch)).abs().max() > 1e-3


def test_training_and_gradients_are_left_to_torch(by: str) -> None:
    model, batch = model_of(SPEC), batch_of([20, 9])
    logits(model, batch).sum().backward()
    assert model.roberta.encoder.layer[0].attention.self.query.weight.grad.abs().sum() > 0
    model.train()
    torch.manual_seed(1)
    dropped = logits(model, batch)
    torch.manual_seed(1)
    assert torch.equal(dropped, model(**batch).logits)


def test_a_model_that_was_trained_on_is_read_anew(by: str) -> None:
    model, batch = model_of(SPEC), batch_of([20, 9])
    with torch.inference_mode():
        before = logits(model, batch)
    with torch.no_grad():
        model.roberta.encoder.layer[1].attention.self.value.weight *= 2
        assert (logits(model, batch) - before).abs().max() > 1e-4
        assert (logits(model, batch) - model(**batch).logits).abs().max() < 1e-5
