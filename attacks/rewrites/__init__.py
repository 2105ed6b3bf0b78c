"""Meaning-preserving rewrites of C, one class each; every one names the condition under which it keeps the meaning."""

from __future__ import annotations

from attacks.places import Rewrite
from attacks.rewrites.branches import AddBraces, InvertIf, RemoveBraces, SwapIfElse
from attacks.rewrites.loops import ForToWhile, WhileToFor
from attacks.rewrites.operators import (
    COMMUTATIVE,
    MIRRORED,
    ContractAssignment,
    ExpandAssignment,
    Increment,
    SwapOperands,
)
from attacks.rewrites.statements import DeadCode, Parenthesise, SplitDeclaration, Unparenthesise

REWRITES: tuple[Rewrite, ...] = (
    ForToWhile(),
    WhileToFor(),
    SwapIfElse(),
    InvertIf(),
    AddBraces(),
    RemoveBraces(),
    SwapOperands("swap_comparison", tuple(MIRRORED.items())),
    SwapOperands("swap_operands", tuple(COMMUTATIVE.items())),
    Increment("prefix_increment", "{op}{op}{x}"),
    Increment("postfix_increment", "{x}{op}{op}"),
    Increment("increment_to_compound", "{x} {op}= 1"),
    Increment("increment_to_sum", "{x} = {x} {op} 1"),
    ExpandAssignment(),
    ContractAssignment(),
    SplitDeclaration(),
    Parenthesise(),
    Unparenthesise(),
    DeadCode("dead_if", "if (0) { int {x} = 0; {x}++; }"),
    DeadCode("dead_while", "while (0) { int {x} = 1; {x} -= 1; }"),
    DeadCode("dead_for", "for (; 0; ) { char {x}[8]; {x}[0] = 0; }"),
    DeadCode("dead_do", "do { } while (0);"),
)
"""All of them, in the order in which they are offered at one place."""
