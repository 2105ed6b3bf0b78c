"""Cost of an architecture: against the published reference values, and against networks that are really built."""

import pytest

from bench.measuring.cost import (
    SIZE_TOLERANCE,
    answer_gflops,
    fits,
    gflops,
    megabytes,
    paper_gflops,
    paper_megabytes,
    paper_parameters,
    parameters,
)
from bench.types import Activation, PositionKind, StudentSpec

COMPRESSOR_3MB = StudentSpec(1000, 12, 96, 8, 64, max_tokens=400, position_rows=514)
AVATAR_3MB = StudentSpec(19_302, 7, 18, 6, 1491, max_tokens=351, activation="gelu_new")
CODEBERT = StudentSpec(50_265, 12, 768, 12, 3072, max_tokens=512)

SMALL = StudentSpec(300, 2, 24, 4, 40, max_tokens=30)
ODD = [
    SMALL,
    StudentSpec(300, 1, 24, 4, 40, max_tokens=30, position_rows=50),
    StudentSpec(261, 3, 21, 7, 33, max_tokens=17, position="relative_key"),
    StudentSpec(300, 2, 24, 3, 40, max_tokens=30, position_rows=40, position="relative_key_query", activation="relu"),
]


def build(spec):
    transformers = pytest.importorskip("transformers")
    config = transformers.RobertaConfig(
        vocab_size=spec.vocab_size,
        hidden_size=spec.hidden,
        num_hidden_layers=spec.layers,
        num_attention_heads=spec.heads,
        intermediate_size=spec.ffn,
        max_position_embeddings=spec.position_rows,
        type_vocab_size=1,
        position_embedding_type=spec.position,
        hidden_act=spec.activation,
        num_labels=2,
        attn_implementation="eager",
    )
    return transformers.RobertaForSequenceClassification(config).eval()


def test_true_parameters_of_the_released_students():
    assert parameters(COMPRESSOR_3MB) == 756_098
    assert parameters(AVATAR_3MB) == 750_599
    assert AVATAR_3MB.position_rows == 353


def test_formula_parameters_of_the_released_students():
    assert paper_parameters(COMPRESSOR_3MB) == 765_410
    assert paper_parameters(AVATAR_3MB, AVATAR_3MB.max_tokens) == 750_905
    assert paper_megabytes(AVATAR_3MB, 351) == pytest.approx(3.004, abs=5e-4)


def test_formula_gflops_of_the_released_students():
    assert paper_gflops(COMPRESSOR_3MB) == pytest.approx(2.253, abs=5e-4)
    assert paper_gflops(AVATAR_3MB, 351) == pytest.approx(0.667, abs=5e-4)


def test_codebert_by_truth_and_by_formula():
    assert parameters(CODEBERT) == pytest.approx(124.65e6, rel=1e-4)
    assert paper_parameters(CODEBERT) == pytest.approx(125.24e6, rel=1e-4)
    assert paper_gflops(CODEBERT) == pytest.approx(138.4, abs=0.05)


def test_megabytes_are_four_bytes_a_parameter_and_a_million_bytes():
    assert megabytes(COMPRESSOR_3MB) == pytest.approx(756_098 * 4 / 1e6)


def test_the_published_3_mb_students_fit_3_mb_thanks_to_the_tolerance():
    assert megabytes(COMPRESSOR_3MB) > 3.0
    assert fits(COMPRESSOR_3MB, 3.0)
    assert fits(AVATAR_3MB, 3.0)
    assert not fits(COMPRESSOR_3MB, megabytes(COMPRESSOR_3MB) / (1 + SIZE_TOLERANCE) - 1e-6)


@pytest.mark.parametrize("spec", [COMPRESSOR_3MB, AVATAR_3MB, *ODD])
def test_true_parameters_are_those_of_the_built_network(spec):
    assert parameters(spec) == sum(parameter.numel() for parameter in build(spec).parameters())


@pytest.mark.parametrize("spec", [SMALL, *ODD[2:], StudentSpec(1000, 2, 96, 8, 64, max_tokens=120)])
def test_gflops_are_the_matrix_products_of_the_built_network_and_little_more(spec):
    """PyTorch counts products only: ours may exceed it by element-wise work, never fall below."""
    torch = pytest.importorskip("torch")
    from torch.utils.flop_counter import FlopCounterMode

    tokens = spec.max_tokens
    ids = torch.randint(5, spec.vocab_size, (1, tokens))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        build(spec)(input_ids=ids, attention_mask=torch.ones_like(ids))
    products = counter.get_total_flops() / 1e9
    assert products <= gflops(spec) <= 2 * products


@pytest.mark.parametrize("layers", [1, 2, 5])
def test_an_answer_needs_what_a_training_step_computes(layers):
    torch = pytest.importorskip("torch")
    from torch.utils.flop_counter import FlopCounterMode

    from bench.distillation.training import scores

    spec = StudentSpec(1000, layers, 96, 8, 64, max_tokens=120)
    ids = torch.randint(5, spec.vocab_size, (1, spec.max_tokens))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        scores(build(spec), {"input_ids": ids, "attention_mask": torch.ones_like(ids)})
    products = counter.get_total_flops() / 1e9
    assert products <= answer_gflops(spec, spec.max_tokens) <= 2 * products
    assert answer_gflops(spec, spec.max_tokens) < gflops(spec)


def test_gflops_grow_with_the_tokens_and_ignore_the_vocabulary():
    assert gflops(COMPRESSOR_3MB, 100) < gflops(COMPRESSOR_3MB, 200) < gflops(COMPRESSOR_3MB)
    bigger = StudentSpec(9000, 12, 96, 8, 64, max_tokens=400, position_rows=514)
    assert gflops(bigger) == gflops(COMPRESSOR_3MB)
    assert paper_gflops(bigger) > paper_gflops(COMPRESSOR_3MB)


@pytest.mark.parametrize(("cheap", "dear"), [("relu", "silu"), ("silu", "gelu")])
def test_dearer_activations_cost_more(cheap: Activation, dear: Activation):
    one, two = (StudentSpec(300, 2, 24, 4, 40, max_tokens=30, activation=kind) for kind in (cheap, dear))
    assert gflops(one) < gflops(two)


@pytest.mark.parametrize(("cheap", "dear"), [("absolute", "relative_key"), ("relative_key", "relative_key_query")])
def test_relative_positions_cost_more(cheap: PositionKind, dear: PositionKind):
    one, two = (StudentSpec(300, 2, 24, 4, 40, max_tokens=30, position=kind) for kind in (cheap, dear))
    assert gflops(one) < gflops(two)
