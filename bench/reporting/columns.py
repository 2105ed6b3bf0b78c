"""The columns of a report: which metric stands under which title, and the sentences that say what they mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bench.reporting.tables import MARK


@dataclass(frozen=True)
class Column:
    """A metric as a table shows it."""

    metric: str
    title: str
    digits: int = 1
    ends: tuple[float, float] = (-math.inf, math.inf)
    """Between which its values lie, where the unit does not say so."""


ACCURACY, F1 = Column("accuracy", "accuracy %"), Column("f1", "F1 %")
BALANCED = Column("balanced_accuracy", "balanced accuracy %")
AUROC = Column("auroc", "AUROC", 3, (0.0, 1.0))
ASR, ROBUST = Column("asr", "ASR %"), Column("robust_accuracy", "robust accuracy %")
PARAMETERS, SIZE, GFLOPS = (
    Column("parameters", "parameters", 0),
    Column("size_mb", "MB", 2),
    Column("gflops", "GFLOPs", 3),
)
CLEAN = (
    ACCURACY,
    Column("precision", "precision %"),
    Column("recall", "recall %"),
    F1,
    BALANCED,
    Column("mcc", "MCC", 3, (-1.0, 1.0)),
    AUROC,
    Column("positive_rate", "positive rate %"),
    Column("ece", "ECE", 3),
)
ROBUSTNESS = (
    Column("attacked", "attacked", 0),
    ASR,
    Column("asr_all", "ASR of all correct %"),
    Column("asr_untruncated", "ASR without truncation %"),
    ROBUST,
    Column("loci_changed", "loci changed %"),
    Column("tokens_changed", "tokens changed %"),
    Column("parse_rate", "parse %"),
)
ATTACKS = (
    Column("queries_mean", "queries mean"),
    Column("queries_median", "queries median"),
    Column("queries_fooled_mean", "queries mean (fooled)"),
    Column("queries_fooled_median", "queries median (fooled)"),
    Column("distinct_mean", "distinct mean"),
    Column("truncated", "truncated", 0),
)
OPTIMUM = (Column("optimum_share", "share of optimum %"), Column("optimum_extra", "extra", 0))
COMPRESSION = (PARAMETERS, SIZE, GFLOPS, Column("paper_gflops", "GFLOPs (paper formula)", 3))
EFFICIENCY = (
    Column("latency_p50", "latency p50 ms", 2),
    Column("latency_p90", "latency p90 ms", 2),
    Column("latency_p99", "latency p99 ms", 2),
    Column("cpu_p50", "CPU p50 ms", 2),
    Column("throughput", "programs/s", 0),
    Column("energy", "J per 1,000 inferences", 2),
    Column("training_seconds", "training s"),
    Column("training_utilisation", "training utilisation %"),
)
TITLES = {c.metric: c.title for c in (*CLEAN, *ROBUSTNESS, *ATTACKS, *COMPRESSION, *EFFICIENCY)}
INTERVALS = (
    "Means over seeds [95% interval: sampling and, with several seeds, training, given the one teacher that all seeds "
    "share; none where none is known]."
)
COLLAPSED = f"{MARK} collapsed: the 95% interval of its balanced accuracy is not above 50%; not to be ranked."
RATES = (
    "ASR: fooled over attacked, where attacked means classified correctly and offering a place to change.",
    "Robust accuracy: share of all programs still classified correctly under attack; higher is better.",
)


def titles(columns: Sequence[Column]) -> list[str]:
    """Return the titles in order."""
    return [column.title for column in columns]
