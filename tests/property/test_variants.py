"""Specs, over all settings: what is written is read back, and a canonical spec stays what it is."""

from __future__ import annotations

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from bench.config import Experiment
from bench.presets import SMOKE
from bench.variants import parse, resolve, split, write
from moekd.aggregate import Aggregation
from moekd.method import MoEKD
from moekd.router import RouterKind

BUDGET = Experiment(preset=SMOKE).budget
Numbers = st.floats(1e-6, 1e6, allow_nan=False)
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "experts": st.integers(1, 64),
        "outside_weight": Numbers,
        "balance": Numbers,
        "router": st.sampled_from(get_args(RouterKind)),
        "aggregation": st.sampled_from(get_args(Aggregation)),
        "perturbed": st.booleans(),
        "size_mb": Numbers,
        "temperature": Numbers,
        "epochs": st.integers(1, 100),
    },
)


@given(SETTINGS)
def test_a_canonical_spec_resolves_to_itself_and_keeps_every_value(
    settings: dict[str, int | float | bool | str],
) -> None:
    found = resolve(write("moekd", settings), MoEKD(), BUDGET)
    again = resolve(found.spec, MoEKD(), BUDGET)
    assert again == found
    for key, value in settings.items():
        where = found.method if hasattr(found.method, key) else found.budget
        assert getattr(where if hasattr(where, key) else found.budget.recipe, key) == value
    assert set(parse(found.spec)[1]) <= set(settings)


@given(st.lists(SETTINGS, max_size=4))
def test_a_list_of_specs_is_split_where_it_was_joined(many: list[dict[str, int | float | bool | str]]) -> None:
    specs = [write("moekd", settings) for settings in many]
    assert split(",".join(specs)) == specs
