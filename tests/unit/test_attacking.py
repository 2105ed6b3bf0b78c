"""Many samples under attack: groups, workers, resuming; the same outcomes whatever the number of processes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pytest

from attacks import recipes
from attacks.checks import CHECKS
from bench.networks.models import build, save
from bench.networks.vocabularies import train_tokenizer
from bench.results import Outcome
from bench.running.attacking import GROUP, Assault, outcomes
from bench.running.students import Stored
from bench.types import Classifier, Probabilities, Recipe, Sample, StudentSpec, UsageError

TEMPLATE = "int fill_%d(char *buf, int size) { int total = %d; while (size) { buf[--size] = total; } return total; }"
SAMPLES = [Sample(f"t/{n}", TEMPLATE % (n, n), (0, 1)[n % 2]) for n in range(GROUP + 5)]


@dataclass(frozen=True)
class Odd:
    """Judges by the number of characters; breaks when it meets a word."""

    broken: str = "no such word"

    def __call__(self) -> Classifier:
        return self

    def probabilities(self, programs: Sequence[str]) -> Probabilities:
        ones = np.array([0.3 + 0.4 * (len(program) % 2) for program in programs])
        ones[[self.broken in program for program in programs]] = np.nan
        return np.stack([1 - ones, ones], axis=1)


ASSAULT = Assault(Odd(), recipes.alert_greedy(), "alert-greedy", 40, 0, tuple(CHECKS))


def timeless(found: Sequence[Outcome]) -> list[Outcome]:
    return [replace(outcome, seconds=0.0) for outcome in found]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    """A small network, whose scores depend on their batch in the last bit."""
    folder = tmp_path_factory.mktemp("victim")
    tokenizer = train_tokenizer("bpe", 300, [sample.code for sample in SAMPLES])
    save(build(StudentSpec(300, 2, 32, 4, 48, 64), Recipe(1, 1e-3, initializer_range=0.5), tokenizer, 0), folder)
    return Stored(str(folder), "cpu")


def test_an_attack_goes_on_in_the_middle_of_a_group(network: Stored) -> None:
    assault = replace(ASSAULT, victim=network)
    whole = timeless(list(outcomes(assault, SAMPLES, 0, 1)))
    assert [outcome.sample_id for outcome in whole] == [sample.id for sample in SAMPLES]
    assert {"fooled", "already_wrong"} <= {outcome.verdict for outcome in whole}
    for done in (3, GROUP, GROUP + 2, len(SAMPLES)):
        assert timeless(list(outcomes(assault, SAMPLES, done, 1))) == whole[done:]


@pytest.mark.slow
def test_workers_change_nothing(network: Stored) -> None:
    assault = replace(ASSAULT, victim=network)
    alone, both = (timeless(list(outcomes(assault, SAMPLES, 0, workers))) for workers in (1, 2))
    assert alone == both


def test_a_victim_that_breaks_keeps_the_groups_before() -> None:
    found: list[Outcome] = []
    assault = replace(ASSAULT, victim=Odd(broken=f"fill_{GROUP + 1}"))
    with pytest.raises(UsageError, match="mend the model's classifier"):
        found.extend(outcomes(assault, SAMPLES, 0, 1))
    assert len(found) == GROUP


@pytest.mark.slow
def test_a_worker_that_dies_is_one_clear_error() -> None:
    with pytest.raises(UsageError, match="give fewer --workers"):
        list(outcomes(replace(ASSAULT, victim=partial(os._exit, 1)), SAMPLES, 0, 2))


def test_nothing_to_attack_is_no_error() -> None:
    assert list(outcomes(ASSAULT, [], 0, 2)) == []
