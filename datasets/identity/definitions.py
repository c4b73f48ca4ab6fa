"""Definitions: which statements of a module give each of its names a meaning, read from source; nothing is run.

Modules count that belong to this project or lie outside the Python installation (a user's own). A name's definitions
are the top-level statements that bind it and those that change what it stands for:

- ``X = ...``, ``X += ...``, ``def X``, ``class X``, or a whole ``if``, ``try``, ``for``, ``with`` that does so inside;
- ``X[...] = ...``, ``X.a = ...``, ``X.append(...)``, ``fill(X)``, and what is decorated with ``@X.register`` where X is
  a function. So an import that is set up at the top of a module (``torch.backends.x = ...``) counts for its users.

What functions add while a program runs does not: a registry that decorators fill is an empty dict here.
"""

from __future__ import annotations

import ast
import importlib.util
import site
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

PROJECT = ("benchmark", "datasets", "downstream", "fusion")
"""This project's own packages, wherever they are installed."""

MACHINERY = __name__.rpartition(".")[0]
"""The package that computes hashes, which decides no other result."""

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
NAMED = (*FUNCTIONS, ast.ClassDef)
IMPORTS = (ast.Import, ast.ImportFrom)
_CLOSED = (*NAMED, ast.Lambda, ast.Name)
_EMPTY = (ast.expr_context, ast.Constant, ast.operator, ast.unaryop)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_PARTS = (ast.Attribute, ast.Subscript)
_CAPTURES = (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)


class Import(NamedTuple):
    """A name that stands for a module, or for what is called `name` there."""

    module: str
    name: str | None = None


class Reading(NamedTuple):
    """Hash of a definition's canonical text, and the definitions that its places stand for, in order."""

    digest: str
    uses: tuple[Definition, ...]


@dataclass(eq=False)
class Definition:
    """A top-level statement of a module; a whole module; a statement in a class; or a function without a name.

    Attributes:
        module: where it stands.
        node: its syntax.
        owner: of a statement in a class: the class that uses it.
        home: the class in which it stands, which is `owner` or one of its bases.
        reading: what it says, once somebody has asked.
        parts: members of a class, by name, likewise.
    """

    module: Module
    node: ast.stmt | ast.Module | ast.Lambda
    owner: Definition | None = None
    home: Definition | None = None
    reading: Reading | None = None
    parts: dict[str, list[Definition]] = field(default_factory=dict)


Binding = Definition | Import


@dataclass(eq=False)
class Module:
    """A module's source by names.

    Attributes:
        name: as it is imported.
        package: to which its relative imports refer.
        whole: all of it.
        names: what each name is bound to, in the order of the source; several where it is bound or changed again.
        stars: modules of which all names are imported.
    """

    name: str
    package: str
    whole: Definition = field(init=False)
    names: dict[str, list[Binding]] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    _lambdas: dict[int, list[Binding]] = field(default_factory=dict)

    def lookup(self, name: str, seen: frozenset[str] = frozenset()) -> list[Binding]:
        """What a name is bound to; empty if it is unknown. `seen` are modules that import all names of this one."""
        if name in self.names:
            return self.names[name]
        seen |= {self.name}
        others = (find_module(star) for star in self.stars if star not in seen)
        return next((found for other in others if other and (found := other.lookup(name, seen))), [])

    def lambdas(self, line: int) -> list[Binding]:
        """The functions without a name that begin in a line of the source."""
        if line not in self._lambdas:
            found = (node for node in ast.walk(self.whole.node) if isinstance(node, ast.Lambda))
            self._lambdas[line] = [Definition(self, node) for node in found if node.lineno == line]
        return self._lambdas[line]


def members(owner: Definition, name: str) -> list[Definition]:
    """What defines an attribute in a class or in the first of its bases that has it; empty if nothing does.

    An inherited one is read as the class that inherits it uses it, so that ``self.name`` in it is that class's.
    """
    if name not in owner.parts:
        home, found = _inherited(owner, name)
        owner.parts[name] = [Definition(home.module, node, owner, home) for node in found]
    return owner.parts[name]


def _inherited(owner: Definition, name: str) -> tuple[Definition, list[ast.stmt]]:
    """The class in which an attribute is defined, and by what."""
    if not isinstance(owner.node, ast.ClassDef):
        return owner, []
    own = [node for node in owner.node.body if name in bound_names(same_scope(node))]
    if own:
        return owner, own
    for path in filter(None, map(dotted, owner.node.bases)):
        for base, rest in resolve(owner.module.lookup(path[0]), path[1:]):
            home, found = _inherited(base, name) if base and not rest else (owner, [])
            if found:
                return home, found
    return owner, []


def dotted(node: ast.expr) -> tuple[str, ...]:
    """A name and its attributes, of ``name.attribute.attribute``; empty for whatever is more than that."""
    attributes: list[str] = []
    while isinstance(node, ast.Attribute):
        attributes.append(node.attr)
        node = node.value
    return (node.id, *reversed(attributes)) if isinstance(node, ast.Name) else ()


class Found(NamedTuple):
    """Where a dotted name leads: a definition and what is left of the name; or to no definition, by its full name."""

    definition: Definition | None
    rest: tuple[str, ...]


def resolve(bindings: Iterable[Binding], attributes: tuple[str, ...] = ()) -> list[Found]:
    """Follow ``name.attribute.attribute`` through imports to the definitions behind it.

    A module that is used as an object, or that does not tell statically what an attribute is, counts as a whole.
    """
    return _resolve(bindings, attributes, set())


def _resolve(bindings: Iterable[Binding], path: tuple[str, ...], seen: set[tuple[str, ...]]) -> list[Found]:
    found: list[Found] = []
    for binding in bindings:
        if isinstance(binding, Definition):
            found.append(Found(binding, path))
        else:
            found += _member(binding.module, (*(() if binding.name is None else (binding.name,)), *path), seen)
    return found


def _member(name: str, path: tuple[str, ...], seen: set[tuple[str, ...]]) -> list[Found]:
    module = find_module(name)
    if module is None or name == MACHINERY or name.startswith(f"{MACHINERY}."):
        return [Found(None, (name, *path))]
    if (name, *path) in seen:
        return []
    seen.add((name, *path))
    if not path:
        return [Found(module.whole, ())]
    head, *rest = path
    if bindings := module.lookup(head):
        return _resolve(bindings, tuple(rest), seen)
    below = f"{name}.{head}"
    if find_module(below):
        return _member(below, tuple(rest), seen)
    return [Found(None, path)] if head.startswith("__") else [Found(module.whole, path)]


class _Place(NamedTuple):
    """Where a module is, whether it has been imported or not; `folders` of a package."""

    spec: ModuleSpec | None = None
    file: str | None = None
    folders: tuple[str, ...] = ()


class _Mark(NamedTuple):
    """What changes when a module is imported anew or, before it is imported, edited."""

    module: ModuleType | None
    spec: ModuleSpec | None
    edited: int = 0

    def holds(self, name: str) -> bool:
        """Whether nothing has changed since."""
        module = sys.modules.get(name)
        if module is None and self.edited:
            return self.module is None and _mark(name).edited == self.edited
        return self.module is module and self.spec is getattr(module, "__spec__", None)


_known: dict[str, tuple[_Mark, Module | None]] = {}
"""Modules by name, as far as anybody asked."""


def forget_changed() -> None:
    """Read everything again if a module has changed; call it before a series of questions."""
    if not all(mark.holds(name) for name, (mark, _) in _known.items()):
        _known.clear()


def _mark(name: str) -> _Mark:
    module = sys.modules.get(name)
    if module is not None:
        return _Mark(module, getattr(module, "__spec__", None))
    file = _place(name).file
    try:
        return _Mark(None, None, Path(file).stat().st_mtime_ns if file else 0)
    except OSError:
        return _Mark(None, None)


def find_module(name: str) -> Module | None:
    """A module's source by names; None for what is installed, has no source, or is not there."""
    if name not in _known:
        _known[name] = _mark(name), _read(name)
    return _known[name][1]


def _is_own(name: str, place: _Place) -> bool:
    """Whether a module is this project's or lies outside the Python installation."""
    if name.partition(".")[0] in PROJECT:
        return True
    paths = [path for path in (place.file, *place.folders) if path]
    return bool(paths) and not any(path.startswith(_INSTALLED) for path in paths)


_INSTALLED = tuple(
    str(Path(path, "_"))[:-1]
    for path in (
        *(path for key, path in sysconfig.get_paths().items() if key.endswith(("stdlib", "lib"))),
        *site.getsitepackages(),
        site.getusersitepackages(),
    )
)


def _place(name: str) -> _Place:
    module = sys.modules.get(name)
    if module is not None:
        folders = tuple(getattr(module, "__path__", ()))
        return _Place(getattr(module, "__spec__", None), getattr(module, "__file__", None), folders)
    parent = name.rpartition(".")[0]
    folders = _place(parent).folders if parent else ()
    if parent and not folders:
        return _Place()
    for finder in sys.meta_path:
        spec = finder.find_spec(name, folders if parent else None) if hasattr(finder, "find_spec") else None
        if spec is not None:
            file = spec.origin if spec.has_location else None
            return _Place(spec, file, tuple(spec.submodule_search_locations or ()))
    return _Place()


def _read(name: str) -> Module | None:
    place = _place(name)
    text = _text(name, place) if _is_own(name, place) else None
    if text is None and not (place.folders and _is_own(name, place)):
        return None
    try:
        tree = ast.parse(text or "")
    except SyntaxError:
        return None
    module = Module(name, name if place.folders else name.rpartition(".")[0])
    module.whole = Definition(module, tree)
    for statement in tree.body:
        _index(module, statement)
    return module


def _text(name: str, place: _Place) -> str | None:
    try:
        if place.file and place.file.endswith(".py"):
            return importlib.util.decode_source(Path(place.file).read_bytes())
    except (OSError, UnicodeDecodeError):
        pass  # in an archive, perhaps
    loader = place.spec.loader if place.spec else None
    try:
        return loader.get_source(name) if loader is not None and hasattr(loader, "get_source") else None
    except (ImportError, OSError):
        return None


def _index(module: Module, statement: ast.stmt) -> None:
    """Note what a top-level statement binds and changes."""
    if _is_main_block(statement):
        return
    nodes = [statement] if isinstance(statement, NAMED) else list(same_scope(statement))
    definition = Definition(module, statement)
    names = dict.fromkeys((*bound_names(nodes), *_changed(module, nodes)))
    for node in nodes:
        if isinstance(node, IMPORTS):
            for name, found in imported(node, module.package):
                if name == "*":
                    module.stars.append(found.module)
                    continue
                module.names.setdefault(name, []).append(found)
                if node is not statement:
                    names[name] = None  # the condition counts as well
    for name in names:
        module.names.setdefault(name, []).append(definition)


def _is_main_block(statement: ast.stmt) -> bool:
    """``if __name__ == "__main__":``, which an import passes over."""
    if not (isinstance(statement, ast.If) and isinstance(statement.test, ast.Compare)):
        return False
    return isinstance(statement.test.left, ast.Name) and statement.test.left.id == "__name__"


def imported(node: ast.Import | ast.ImportFrom, package: str) -> Iterator[tuple[str, Import]]:
    """The names that an import binds; ``*`` for all of a module's."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            root = alias.name.partition(".")[0]
            yield (alias.asname, Import(alias.name)) if alias.asname else (root, Import(root))
        return
    base = package.rsplit(".", node.level - 1)[0] if node.level else ""
    source = ".".join(part for part in (base, node.module) if part)
    for alias in node.names:
        yield alias.asname or alias.name, Import(source, None if alias.name == "*" else alias.name)


def same_scope(*roots: ast.AST) -> Iterator[ast.AST]:
    """Nodes whose names belong to the scope of `roots`: nothing inside functions, classes and comprehensions."""
    waiting = list(reversed(roots))
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, _COMPREHENSIONS):
            waiting += [inner for inner in ast.walk(node) if isinstance(inner, ast.NamedExpr)]
        elif not isinstance(node, _CLOSED):
            waiting += children(node)[::-1]


def children(node: ast.AST) -> list[ast.AST]:
    """The nodes right below a node, those apart that have none themselves and name nothing."""
    found: list[ast.AST] = []
    for name in node._fields:
        value = getattr(node, name, None)
        if type(value) is list:
            found += [part for part in value if isinstance(part, ast.AST) and type(part) is not ast.Constant]
        elif isinstance(value, ast.AST) and not isinstance(value, _EMPTY):
            found.append(value)
    return found


def bound_names(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Names that nodes of one scope bind, those of imports apart."""
    for node in nodes:
        if isinstance(node, ast.Name):
            if not isinstance(node.ctx, ast.Load):
                yield node.id
        elif isinstance(node, (*NAMED, *_CAPTURES)):
            if node.name:
                yield node.name
        elif isinstance(node, ast.MatchMapping) and node.rest:
            yield node.rest


def _changed(module: Module, nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Names whose objects a top-level statement changes."""
    for node in nodes:
        places: list[ast.AST] = []
        if isinstance(node, _PARTS) and not isinstance(node.ctx, ast.Load):
            places = [node]
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            call = node.value
            given = (*call.args, *(keyword.value for keyword in call.keywords))
            places = [call.func] if isinstance(call.func, ast.Attribute) else []
            places += [argument for argument in given if isinstance(argument, ast.Name)]
        elif isinstance(node, FUNCTIONS):
            places = [place for place in map(_register, node.decorator_list) if place is not None]
            places = [place for place in places if _is_function(module, _root(place))]
        yield from filter(None, map(_root, places))


def _register(decorator: ast.expr) -> ast.expr | None:
    """X of ``@X.register`` and ``@X.register(...)``."""
    function = decorator.func if isinstance(decorator, ast.Call) else decorator
    return function.value if isinstance(function, ast.Attribute) and function.attr == "register" else None


def _is_function(module: Module, name: str) -> bool:
    return any(isinstance(found, Definition) and isinstance(found.node, FUNCTIONS) for found in module.lookup(name))


def _root(node: ast.AST) -> str:
    """The name at the beginning of ``name.attribute[index](...).attribute``."""
    while isinstance(node, (*_PARTS, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""
