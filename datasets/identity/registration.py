"""Registration: decorators that note what they are given and give it back as it was."""

from __future__ import annotations

import ast
from functools import lru_cache

from datasets.identity.definitions import FUNCTIONS, Definition, Found, Module, resolve, same_scope

KEEPING = ("add", "append", "insert", "setdefault", "update")
"""Methods of containers that keep what they are given."""

ASKING = ("callable", "getattr", "hasattr", "id", "isinstance", "issubclass", "repr", "str")
"""Built-in functions that leave alone what they are given."""


def gives_back(decorator: ast.expr, found: list[Found]) -> bool:
    """Whether a decorator surely leaves alone what it decorates.

    Args:
        decorator: as it stands above a definition: ``register`` or ``metric("en", ...)``.
        found: where its name leads.
    """
    if len(found) != 1 or found[0].definition is None or found[0].rest:
        return False
    return _gives_back(found[0].definition, isinstance(decorator, ast.Call))


@lru_cache(maxsize=64)
def _gives_back(definition: Definition, is_factory: bool) -> bool:
    function = _returned_function(definition.node) if is_factory else definition.node
    return function is not None and _returns_argument(function, definition.module)


def _returned_function(factory: ast.AST) -> ast.AST | None:
    """The function that ``@factory(...)`` decorates with."""
    if not isinstance(factory, ast.FunctionDef) or factory.decorator_list:
        return None
    inner = {node.name: node for node in factory.body if isinstance(node, ast.FunctionDef)}
    returned = [node.value for node in same_scope(*factory.body) if isinstance(node, ast.Return)]
    names = {value.id if isinstance(value, ast.Name) else "" for value in returned}
    return inner.get(names.pop()) if len(names) == 1 else None


def _returns_argument(function: ast.AST, module: Module) -> bool:
    if not isinstance(function, ast.FunctionDef) or function.decorator_list or not function.args.args:
        return False
    name = function.args.args[0].arg
    if not isinstance(function.body[-1], ast.Return):
        return False
    parents = {child: node for node in ast.walk(function) for child in ast.iter_child_nodes(node)}
    uses = [node for node in ast.walk(function) if isinstance(node, ast.Name) and node.id == name]
    returns = [node for node in same_scope(*function.body) if isinstance(node, ast.Return)]
    given_back = all(isinstance(node.value, ast.Name) and node.value.id == name for node in returns)
    return given_back and all(_is_harmless(use, parents, module) for use in uses)


def _is_harmless(use: ast.Name, parents: dict[ast.AST, ast.AST], module: Module) -> bool:
    """Whether a use of what is decorated only returns, asks or keeps it."""
    if not isinstance(use.ctx, ast.Load):
        return False
    parent = parents[use]
    if isinstance(parent, ast.Attribute):
        above = parents[parent]
        changing = isinstance(above, ast.Attribute | ast.Subscript) and above.value is parent
        called = isinstance(above, ast.Call) and above.func is parent
        return isinstance(parent.ctx, ast.Load) and not changing and not called
    if isinstance(parent, ast.Assign):
        return all(isinstance(target, ast.Subscript) for target in parent.targets)
    call = parents[parent] if isinstance(parent, ast.keyword) else parent
    if isinstance(call, ast.Call):
        return call.func is not use and _only_keeps(call.func, module)
    return isinstance(parent, ast.Return | ast.Compare | ast.FormattedValue)


def _only_keeps(function: ast.expr, module: Module) -> bool:
    """Whether a function surely leaves its arguments alone; records, classes that only hold fields, do."""
    if isinstance(function, ast.Attribute):
        return function.attr in KEEPING
    if not isinstance(function, ast.Name):
        return False
    found = resolve(module.lookup(function.id))
    classes = [part.definition.node if part.definition else None for part in found]
    return function.id in ASKING or (bool(classes) and all(map(_is_record, classes)))


def _is_record(node: ast.AST | None) -> bool:
    methods = ("__init__", "__new__", "__post_init__")
    return isinstance(node, ast.ClassDef) and not any(
        isinstance(part, FUNCTIONS) and part.name in methods for part in node.body
    )
