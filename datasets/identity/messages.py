"""Messages: what of a function is the wording of its errors alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence, Set

from datasets.identity.definitions import children

PURE = {"dict", "len", "list", "max", "min", "repr", "round", "set", "sorted", "str", "sum", "tuple", "type"}
"""Built-in functions that a message may call without changing anything."""

_CHECKS = (ast.Raise, ast.Assert)


def is_text(node: ast.expr) -> bool:
    """Whether an expression is wording: a literal, an f-string, a sum, choice, format or join of such, ``str(...)``."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str)
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.Add | ast.Mod) and (is_text(node.left) or is_text(node.right))
    if isinstance(node, ast.IfExp):
        return is_text(node.body) and is_text(node.orelse)
    if isinstance(node, ast.BoolOp):
        return is_text(node.values[0])
    if isinstance(node, ast.Call):
        function = node.func
        named = isinstance(function, ast.Name) and function.id in ("repr", "str")
        return named or (isinstance(function, ast.Attribute) and is_text(function.value))
    return isinstance(node, ast.JoinedStr)


def without_words(error: ast.expr, names: Set[str]) -> list[ast.expr]:
    """The class of what is raised, then what it is given besides wording, which `names` may hold."""
    if not isinstance(error, ast.Call):
        return [error]
    given = (*error.args, *(keyword.value for keyword in error.keywords))
    return [error.func, *(part for part in given if not (is_text(part) or is_one_of(part, names)))]


def assignments(statement: ast.AST) -> list[tuple[ast.expr, ast.expr]]:
    """``a, b = c, d`` and ``a = c`` as pairs of target and value; empty for whatever is no such statement."""
    if not (isinstance(statement, ast.Assign) and len(statement.targets) == 1):
        return []
    target, value = statement.targets[0], statement.value
    if not (isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts)):
        return [(target, value)]
    if any(isinstance(part, ast.Starred) for part in (*target.elts, *value.elts)):
        return []
    return list(zip(target.elts, value.elts, strict=True))


def message_names(function: ast.AST, nodes: Sequence[ast.AST]) -> frozenset[str]:
    """Local names of a function that hold wording for errors and are used for nothing else.

    Args:
        function: all of it.
        nodes: what of it belongs to its own scope, see `same_scope`.
    """
    if not any(isinstance(node, _CHECKS) for node in nodes):
        return frozenset()
    pairs = [pair for node in nodes for pair in assignments(node)]
    worded = {id(target): target.id for target, value in pairs if isinstance(target, ast.Name) and _is_harmless(value)}
    names = set(worded.values())
    for node in nodes:
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load) and id(node) not in worded:
            names.discard(node.id)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            names -= set(node.names)
    while used := names & set(_used(function, names)):
        names -= used
    return frozenset(names)


def _is_harmless(value: ast.expr) -> bool:
    """Whether wording can be made without changing anything that it is made from."""
    if not is_text(value):
        return False
    for node in ast.walk(value):
        if isinstance(node, ast.NamedExpr | ast.Await | ast.Yield | ast.YieldFrom):
            return False
        if isinstance(node, ast.Call):
            function = node.func
            named = isinstance(function, ast.Name) and function.id in PURE
            if not (named or (isinstance(function, ast.Attribute) and is_text(function.value))):
                return False
    return True


def _used(node: ast.AST, names: Set[str]) -> Iterator[str]:
    """Names that are loaded for more than the wording of errors, and of what `names` hold."""
    if isinstance(node, ast.Name):
        yield from [node.id] if isinstance(node.ctx, ast.Load) else []
        return
    parts = list(children(node))
    if isinstance(node, ast.Raise):
        parts = [*without_words(node.exc, names)] if node.exc else []
    elif isinstance(node, ast.Assert):
        parts = [node.test]
    elif pairs := assignments(node):
        parts = [part for pair in pairs if not is_one_of(pair[0], names) for part in pair]
    for part in parts:
        yield from _used(part, names)


def is_one_of(node: ast.expr, names: Set[str]) -> bool:
    """Whether an expression is one of these names and nothing more."""
    return isinstance(node, ast.Name) and node.id in names
