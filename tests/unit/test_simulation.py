"""The simulated run: what must hold whatever the durations are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.running.simulation import EVENTS, Load, simulate

LOAD = Load(
    models=4,
    functions=160,
    attacks=2,
    workers=3,
    training_seconds=100.0,
    queries=50.0,
    queries_per_second=10.0,
    driver_seconds=0.0,
    job_seconds=0.0,
    job_bytes=1000.0,
    outcome_bytes=1000.0,
)
WORK = 4 * (100.0 + 2 * 160 * 50.0 / 10.0)
"""Seconds of all workers, on average."""


def test_all_work_is_done_once_and_no_worker_is_busier_than_always() -> None:
    course = simulate(LOAD)
    assert course.lumps == 4 * (1 + 2 * 10)
    assert course.worker_seconds == pytest.approx(WORK, rel=0.2)
    assert course.seconds >= course.worker_seconds / 3
    assert course.workers_busy == pytest.approx(course.worker_seconds / (3 * course.seconds))
    assert course.workers_busy > 0.8
    assert course.driver_busy == 0


def test_one_worker_does_one_thing_after_the_other() -> None:
    course = simulate(replace(LOAD, workers=1))
    assert course.seconds == pytest.approx(course.worker_seconds)


def test_the_same_arguments_give_the_same_course() -> None:
    assert simulate(LOAD) == simulate(LOAD) != simulate(LOAD, seed=1)


def test_more_workers_help_until_the_driver_is_what_they_wait_for() -> None:
    slow = replace(LOAD, driver_seconds=1.0)
    least = slow.outcomes * 1.0
    times = [simulate(replace(slow, workers=count)).seconds for count in (1, 4, 64, 256)]
    assert times == sorted(times, reverse=True)
    assert times[-1] >= least
    assert simulate(replace(slow, workers=256)).driver_busy > 0.5


def test_a_hundred_million_jobs_are_played_in_lumps() -> None:
    course = simulate(replace(LOAD, models=100, functions=10**6, attacks=20, workers=512))
    assert course.lumps <= 1.1 * EVENTS
    assert course.worker_seconds == pytest.approx(100 * (100 + 20 * 10**6 * 5.0), rel=0.02)
