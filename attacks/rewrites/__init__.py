"""Meaning-preserving rewrites of C, one class each; every one names the condition under which it keeps the meaning."""

from __future__ import annotations

from attacks.deadnames import NEUTRAL_COMMENTS
from attacks.places import Rewrite
from attacks.rewrites.branches import AddBraces, InvertIf, MergeIfs, RemoveBraces, SplitIf, SwapIfElse
from attacks.rewrites.choices import IfToTernary, ReturnsToTernary, TernaryToIf
from attacks.rewrites.constants import Fold, Unfold
from attacks.rewrites.declarations import (
    JoinInitialisation,
    MergeDeclarations,
    SpellType,
    SplitDeclaration,
    SplitInitialisation,
)
from attacks.rewrites.layout import InsertComment, MoveBrace, RemoveComment, Space
from attacks.rewrites.loops import DoToWhile, ForToDo, ForToWhile, WhileToDo, WhileToFor
from attacks.rewrites.operators import (
    COMMUTATIVE,
    MIRRORED,
    ContractAssignment,
    ExpandAssignment,
    Increment,
    SwapOperands,
)
from attacks.rewrites.pointers import ArrayToPointer, PointerToArray
from attacks.rewrites.returns import ElseToJump, JumpToElse
from attacks.rewrites.statements import DeadCode, Parenthesise, SwapStatements, Unparenthesise
from attacks.rewrites.switches import IfsToSwitch, SwitchToIfs

REWRITES: tuple[Rewrite, ...] = (
    ForToWhile(),
    ForToDo(),
    WhileToFor(),
    WhileToDo(),
    DoToWhile(),
    SwapIfElse(),
    InvertIf(),
    MergeIfs(),
    SplitIf(),
    IfToTernary(),
    TernaryToIf(),
    ReturnsToTernary(),
    JumpToElse(),
    ElseToJump(),
    SwitchToIfs(),
    IfsToSwitch(),
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
    ArrayToPointer(),
    PointerToArray(),
    Unfold("unfold_sum", product=False),
    Unfold("unfold_product", product=True),
    Fold(),
    SplitDeclaration(),
    MergeDeclarations(),
    SplitInitialisation(),
    JoinInitialisation(),
    SpellType(),
    SwapStatements(),
    Parenthesise(),
    Unparenthesise(),
    DeadCode("dead_if", "if (0) { int {x} = 0; {x}++; }"),
    DeadCode("dead_while", "while (0) { int {x} = 1; {x} -= 1; }"),
    DeadCode("dead_for", "for (; 0; ) { char {x}[8]; {x}[0] = 0; }"),
    DeadCode("dead_do", "do { } while (0);"),
)
"""All of them, in the order in which they are offered at one place."""

LAYOUT: tuple[Rewrite, ...] = (
    *(InsertComment(f"insert_comment_{k}", text) for k, text in enumerate(NEUTRAL_COMMENTS, 1)),
    RemoveComment(),
    Space("join_lines"),
    Space("part_lines"),
    Space("indent_otherwise"),
    MoveBrace("brace_on_own_line"),
    MoveBrace("brace_on_same_line"),
)
"""Changes of comments and white space alone: not among REWRITES, because many victims do not see them."""
