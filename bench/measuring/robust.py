"""Outcomes of attacks, as numbers on their way to records: every share with its 95% interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.measuring.evaluate import Measured, share
from bench.measuring.robustness import EXACT, STOPPED, by_sample, robustness
from bench.measuring.stats import ratio, wilson
from bench.results import Outcome


def robust(outcomes: Sequence[Outcome]) -> list[Measured]:
    """Turn the outcomes of one attack on one student into numbers."""
    found = robustness(outcomes)
    return [
        share("asr", found.asr, found.attacked, found.asr_interval),
        share("asr_all", found.asr_all, found.right, found.asr_all_interval),
        share("asr_untruncated", found.asr_untruncated, found.attacked, found.asr_untruncated_interval),
        share("robust_accuracy", found.robust_accuracy, found.total, found.robust_interval),
        Measured("attacked", found.attacked, n=len(outcomes)),
        Measured("no_sites", found.no_sites, n=len(outcomes)),
        Measured("unparsable", found.unparsable, n=len(outcomes)),
        Measured("too_large", found.too_large, n=len(outcomes)),
        Measured("truncated", found.truncated, n=found.fooled),
        Measured("queries_mean", found.queries_mean, n=found.attacked),
        Measured("queries_median", found.queries_median, n=found.attacked),
        Measured("queries_fooled_mean", found.queries_fooled_mean, n=found.fooled),
        Measured("queries_fooled_median", found.queries_fooled_median, n=found.fooled),
        Measured("distinct_mean", found.distinct_mean, n=found.attacked),
        share("loci_changed", found.loci_changed, found.fooled),
        share("tokens_changed", found.tokens_changed, found.fooled),
        share("parse_rate", found.parse_rate, found.attacked),
        *(Measured(f"{STOPPED}{check}", count, n=len(outcomes)) for check, count in found.stopped.items()),
    ]


def optimum(by_attack: Mapping[str, Sequence[Outcome]], exact: str = EXACT) -> dict[str, list[Measured]]:
    """Compare every other attack with the exhaustive one, on the samples whose bounded space that one exhausted.

    Returns by attack `optimum_share`: of the samples that some program of the bounded space fools, those that the
    attack fooled too (%), and `optimum_extra`: how many it fooled of those that no program of that space fools, which
    takes a search outside it. Empty where there is no attack named `exact`.

    Raises ValueError where the attacks judged different samples.
    """
    if exact not in by_attack:
        return {}
    samples = by_sample(by_attack)
    can = [sample for sample in samples if sample[exact].verdict == "fooled"]
    cannot = [sample for sample in samples if sample[exact].verdict == "resisted" and not sample[exact].refused]

    def compare(attack: str) -> list[Measured]:
        found = sum(sample[attack].verdict == "fooled" for sample in can)
        extra = sum(sample[attack].verdict == "fooled" for sample in cannot)
        shared = share("optimum_share", ratio(found, len(can)), len(can), wilson(found, len(can)))
        return [shared, Measured("optimum_extra", extra, n=len(cannot))]

    return {attack: compare(attack) for attack in by_attack if attack != exact}
