"""AVATAR's constraint pruning as its paper does it: with an SMT solver (z3, extra `smt`).

Optional, for fidelity: `baselines.avatar_space.pruned_box` gives the same box by arithmetic. Differences from the
released code: the space is cut by hidden width and layers (the paper: tokens, layers, vocabulary, heads), which makes
every chunk linear; and after each model the solver is asked for any model outside the box so far, whereas the paper's
clause (some gene strictly greater) can miss models.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from baselines.avatar_space import lattice
from bench.measuring.cost import BYTES_PER_MB, BYTES_PER_PARAMETER, Sizes, paper_parameters_of
from bench.types import UsageError


def pruned_box_by_smt(size_mb: float, max_tokens: int) -> dict[str, tuple[int, int]]:
    """Return the least and greatest value of each gene over all lattice points of at most `size_mb` by formula."""
    axes = lattice(max_tokens)
    box: dict[str, tuple[int, int]] = {}
    for hidden in axes["hidden"]:
        for layers in axes["layers"]:
            fixed = {"layers": layers, "hidden": hidden}
            for model in _models(axes, fixed, size_mb, box):
                box.update({name: _widened(box.get(name), value) for name, value in model.items()})
    if not box:
        raise UsageError(f"expected a size that AVATAR's space can reach, got {size_mb} MB: raise size_mb")
    return {name: box[name] for name in axes}


def _models(
    axes: Mapping[str, tuple[int, ...]], fixed: dict[str, int], size_mb: float, box: Mapping[str, tuple[int, int]]
) -> Iterator[dict[str, int]]:
    """Yield models of one chunk, each outside the box as it stands when the solver is asked."""
    import z3

    free = {name: z3.Int(name) for name in axes if name not in fixed}
    solver = z3.Solver()
    for name, variable in free.items():
        solver.add(_on_axis(variable, axes[name]))
    solver.add(z3.Or([free["heads"] == heads for heads in axes["heads"] if fixed["hidden"] % heads == 0]))
    solver.add(_parameters({**free, **fixed}) * BYTES_PER_PARAMETER <= round(size_mb * BYTES_PER_MB))
    while True:
        solver.push()
        solver.add(_outside({**free, **fixed}, box))
        if solver.check() != z3.sat:
            return
        model = solver.model()
        solver.pop()
        yield {**{name: model.eval(variable).as_long() for name, variable in free.items()}, **fixed}


def _parameters(genes: Mapping[str, Any]) -> Any:
    sizes = {name: genes[name] for name in ("vocab_size", "layers", "hidden", "heads", "ffn")}
    return paper_parameters_of(Sizes[Any](**sizes, length=genes["max_tokens"]))


def _on_axis(variable: Any, axis: tuple[int, ...]) -> Any:
    """Say that the variable is one of the axis' values: equal steps, the last perhaps shorter."""
    import z3

    step = axis[1] - axis[0] if len(axis) > 1 else 1
    regular = z3.And(variable >= axis[0], variable <= axis[-1], (variable - axis[0]) % step == 0)
    return z3.Or(regular, variable == axis[-1])


def _outside(genes: Mapping[str, Any], box: Mapping[str, tuple[int, int]]) -> Any:
    """Say that some gene is outside the box so far; with no box yet, anything is."""
    import z3

    outside = [z3.Or(genes[name] < low, genes[name] > high) for name, (low, high) in box.items()]
    return z3.Or(outside) if box else z3.BoolVal(True)


def _widened(bounds: tuple[int, int] | None, value: int) -> tuple[int, int]:
    return (value, value) if bounds is None else (min(bounds[0], value), max(bounds[1], value))
