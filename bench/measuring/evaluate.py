"""Clean performance of a `Classifier` on samples, as numbers with intervals. Robustness never stands alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.measuring.metrics import checked, clean, clean_intervals
from bench.plugins import PluginError
from bench.results import Predictions
from bench.types import Classifier, Sample

PURE = ("mcc", "auroc", "ece")
"""Metrics that are numbers, not shares in %."""


@dataclass(frozen=True)
class Measured:
    """A number on its way to becoming a `Record`."""

    metric: str
    value: float
    unit: str = ""
    n: int = 1
    low: float | None = None
    high: float | None = None
    source: str = ""


def share(metric: str, value: float, n: int, interval: tuple[float, float] | None = None) -> Measured:
    """Return a fraction as a percentage."""
    low, high = (100 * interval[0], 100 * interval[1]) if interval else (None, None)
    return Measured(metric, 100 * value, "%", n, low, high)


def predict(classifier: Classifier, samples: Sequence[Sample]) -> Predictions:
    """Judge every sample once."""
    try:
        found = classifier.probabilities([sample.code for sample in samples])
    except PluginError as error:
        raise (error if error.place is None else error.about(samples[error.place].id)) from error
    vulnerable = checked(found, len(samples))[:, 1]
    return Predictions(
        tuple(sample.id for sample in samples),
        tuple(sample.label for sample in samples),
        tuple(np.clip(vulnerable, 0.0, 1.0).tolist()),  # a user's model may round to a little more than 1
    )


def performance(predictions: Predictions) -> list[Measured]:
    """Return all clean metrics of the protocol."""
    labels, vulnerable, n = predictions.labels, predictions.vulnerable, len(predictions.labels)
    intervals = clean_intervals(labels, vulnerable)

    def measured(name: str, value: float) -> Measured:
        if name not in PURE:
            return share(name, value, n, intervals.get(name))
        low, high = intervals.get(name, (None, None))
        return Measured(name, value, n=n, low=low, high=high)

    return [measured(name, value) for name, value in clean(labels, vulnerable).items()]
