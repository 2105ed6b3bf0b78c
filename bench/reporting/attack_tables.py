"""What a report says about attacks in tables: what they did, what they cost, how near they come to the optimum."""

from __future__ import annotations

from bench.measuring.robustness import EXACT, STOPPED, WORST_CASE
from bench.reporting.columns import ASR, ATTACKS, COLLAPSED, INTERVALS, OPTIMUM, RATES, ROBUSTNESS, Column, titles
from bench.reporting.runs import Row
from bench.reporting.significance import BOLD, Best, crown
from bench.reporting.summary import Summary, counted
from bench.reporting.tables import Entry, Number, Table

TOO_LARGE = Column("too_large", "too large", 0)
LEFT_OUT = {
    Column("no_sites", "no place", 0): "No place: programs classified correctly in which nothing may be changed.",
    Column("unparsable", "unparsable", 0): (
        "Unparsable: programs that cannot be analysed (too long, too deep, NUL bytes); they are not attacked and count "
        "as not robust."
    ),
    TOO_LARGE: (
        "Too large: programs whose space is too large to exhaust; they are in no rate, so that those of that attack "
        "are over other programs than those of the rest."
    ),
}
"""Programs that were not attacked: a column and its note where there is any."""
ON_ATTACKS = ("teacher", "method", "attack")


def asr(run: Summary) -> Table:
    """Return attack success rates, a row for each student and a column for each attack: the heat map."""
    shown = (*run.attacks, WORST_CASE)
    rows = tuple((*run.label(row), *(run.number(row, ASR, attack) for attack in shown)) for row in run.rows())
    caption = (*run.setting, run.attack_setting, INTERVALS, RATES[0], COLLAPSED)
    return Table("asr", "Attack success rate (%), student by attack", ("teacher", "method", *shown), rows, caption)


def robustness(run: Summary, best: Best = frozenset()) -> Table:
    """Return what the attacks did to each student."""
    notes = (
        "ASR of all correct: fooled over classified correctly; a program without a place to change is robust.",
        "ASR without truncation: a success that truncation alone explains counts as none.",
        "Changes are means over fooled programs; parse is the share of attacked programs that parse.",
        BOLD,
        COLLAPSED,
    )
    caption = (*run.setting, run.attack_setting, INTERVALS, *RATES, *notes)
    rows = [
        (*run.label(row), attack, *(crown(run, best, row, column, attack) for column in ROBUSTNESS))
        for row in run.rows()
        for attack in (*run.attacks, WORST_CASE)
    ]
    return Table("robustness", "Robustness", (*ON_ATTACKS, *titles(ROBUSTNESS)), tuple(rows), caption)


def attacks(run: Summary) -> Table:
    """Return what the attacks cost, and which of their successes did not count or hardly do."""
    counts = _counts(run)
    notes = [
        "Queries: programs put to a student, the original and repetitions included, over attacked programs and over "
        "the fooled ones alone; the worst case adds up those of all attacks.",
        "Distinct: different programs among them.",
        "Truncated: successes that truncation alone explains.",
        "Stopped: programs that fooled the student and did not count, by the check that stopped them.",
    ]
    notes += [note for column, note in LEFT_OUT.items() if column in counts]
    caption = (*run.setting, run.attack_setting, INTERVALS, *notes, COLLAPSED)
    rows = [
        (*run.label(row), attack, *run.numbers(row, ATTACKS, attack), *(_count(run, row, c, attack) for c in counts))
        for row in run.rows()
        for attack in (*run.attacks, WORST_CASE)
    ]
    return Table("attacks", "Cost of attacks", (*ON_ATTACKS, *titles(ATTACKS), *titles(counts)), tuple(rows), caption)


def optimum(run: Summary) -> list[Table]:
    """Return how near each attack comes to the exhaustive one, where a run has that."""
    pairs = [(row, attack) for row in run.rows() for attack in run.attacks if attack != EXACT]
    if not any(run.seeded(row, OPTIMUM[0].metric, attack) for row, attack in pairs):
        return []
    notes = (
        f"The attack {EXACT} puts every program of its bounded space to the student: its ASR over the programs whose "
        "space it exhausted is exact, and the rest of them, which nothing in that space fools, is the exact robust "
        "accuracy (of them; other tables' robust accuracy is over all programs).",
        "Share of optimum: of the programs that something in that space fools, those that this attack fooled too.",
        "Extra: programs fooled from outside that space which nothing in it fools.",
        "Exhausted and too large: programs classified correctly of which that attack decided, and did not, for size.",
    )
    columns = (*titles(OPTIMUM), "exact ASR %", "exact robust accuracy %", "exhausted", TOO_LARGE.title)
    rows = tuple(
        (*run.label(row), attack, *run.numbers(row, OPTIMUM, attack), *_exact(run, row)) for row, attack in pairs
    )
    caption = (*run.setting, run.attack_setting, INTERVALS, *notes, COLLAPSED)
    return [Table("optimum", "Share of the exact optimum", (*ON_ATTACKS, *columns), rows, caption)]


def _counts(run: Summary) -> list[Column]:
    """Return a column for each check that stopped something, after those for programs that were not attacked."""
    present = {metric for (*_, metric), found in run.index.items() if any(record.value for record in found.values())}
    checks = sorted(metric for metric in present if metric.startswith(STOPPED))
    left_out = [column for column in LEFT_OUT if column.metric in present]
    return [*left_out, *(Column(name, f"stopped by {name.removeprefix(STOPPED)}", 0) for name in checks)]


def _count(run: Summary, row: Row, column: Column, attack: str) -> Number:
    """Return the mean count over the finished seeds; what is not in the records of a seed did not happen in it."""
    seeds = len(run.seeded(row, ASR.metric, attack))
    counts = [record.value for record in run.seeded(row, column.metric, attack)]
    return counted(sum(counts) / seeds, column.digits) if seeds else Number(None)


def _exact(run: Summary, row: Row) -> tuple[Entry, ...]:
    """Return the exact rates of a student and over how many programs they are."""
    asr = run.number(row, ASR, EXACT)
    robust = asr if asr.value is None else Number(100 - asr.value, 100 - asr.high, 100 - asr.low, asr.digits)
    return asr, robust, run.number(row, ROBUSTNESS[0], EXACT), run.number(row, TOO_LARGE, EXACT)
