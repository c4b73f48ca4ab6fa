"""Canonical text: what a definition says, in a form that changes only when what it does may change.

Left out are comments, layout, docstrings, annotations, the wording of errors, and decorators that give back what they
are given. Names of what is defined elsewhere become places that `Reading.uses` fills, so that a helper may move to
another module or be imported under another name. Annotations name the classes of objects that come from outside: these
classes are used, although the annotation is no part of the text.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256

from datasets.identity.definitions import (
    FUNCTIONS,
    IMPORTS,
    Binding,
    Definition,
    Found,
    Reading,
    bound_names,
    dotted,
    imported,
    members,
    resolve,
    same_scope,
)
from datasets.identity.messages import assignments, is_one_of, message_names, without_words
from datasets.identity.registration import gives_back

PLACE = "@"
"""Stands in the text for a definition."""

NOT_FIELDS = ("ClassVar", "InitVar", "KW_ONLY")
"""Words of an annotation that decide what a dataclass makes of it."""

_SKIPPED = {"ctx", "kind", "type_comment", "type_ignores"}


def read(definition: Definition) -> Reading:
    """The canonical text of a definition, kept with it."""
    if definition.reading is None:
        writer = _Writer(definition)
        writer.write(definition.node)
        digest = sha256(" ".join(writer.parts).encode("utf-8", "surrogatepass")).hexdigest()
        definition.reading = Reading(digest, tuple(writer.uses))
    return definition.reading


@dataclass
class _Scope:
    """Names that are local somewhere.

    Attributes:
        names: bound there.
        imports: what imports bind there.
        outside: declared global.
        words: names that hold the wording of errors.
        is_class: a class's own names, which its methods don't see.
    """

    names: set[str] = field(default_factory=set)
    imports: dict[str, list[Binding]] = field(default_factory=dict)
    outside: set[str] = field(default_factory=set)
    words: frozenset[str] = frozenset()
    is_class: bool = False


class _Writer:
    """Writes text to `parts` and notes definitions in `uses`; one method for each kind of node that is special.

    Of a member of a class that is read by itself, ``self.name`` is what defines the name in that class and its bases;
    whatever else is done with ``self`` uses all of the class.
    """

    def __init__(self, definition: Definition) -> None:
        self.module, self.owner = definition.module, definition.owner
        self.parts: list[str] = []
        self.uses: list[Definition] = []
        self.scopes: list[_Scope] = []
        if definition.home and isinstance(definition.home.node, ast.ClassDef):
            self.scopes = [_Scope(set(bound_names(same_scope(*definition.home.node.body))), is_class=True)]
        self.object = _first_parameter(definition.node) if self.owner else ""

    def write(self, node: ast.AST) -> None:
        """Write a node: its kind, and what it consists of."""
        kind = type(node).__name__
        special: Callable[[_Writer, ast.AST], None] | None = _SPECIAL.get(kind)
        if special is not None:
            special(self, node)
            return
        self.parts.append(f"{kind}(")
        for name in node._fields:
            value = getattr(node, name, None)
            if name in _SKIPPED or value is None or value == []:
                continue
            self.parts.append(f"{name}=")
            self._value(value)
        self.parts.append(")")

    def _value(self, value: object) -> None:
        if isinstance(value, ast.AST):
            self.write(value)
        elif isinstance(value, list) and value and isinstance(value[0], ast.stmt):
            self._block(value)
        elif isinstance(value, list):
            self.parts.append("[")
            for part in value:
                self._value(part)
            self.parts.append("]")
        else:
            self.parts.append(repr(value))

    def _block(self, body: Iterable[ast.stmt]) -> None:
        """Statements, without those that do nothing."""
        self.parts.append("[")
        for statement in body:
            nothing = isinstance(statement, (*IMPORTS, ast.Pass))
            if not nothing and not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
                self.write(statement)
        self.parts.append("]")

    @contextmanager
    def _scope(self, scope: _Scope) -> Iterator[None]:
        self.scopes.append(scope)
        yield
        self.scopes.pop()

    def _scope_of(self, nodes: Sequence[ast.AST]) -> _Scope:
        scope = _Scope(set(bound_names(nodes)))
        for node in nodes:
            if isinstance(node, ast.Global):
                scope.outside |= set(node.names)
            elif isinstance(node, ast.Nonlocal):
                scope.names -= set(node.names)
            elif isinstance(node, IMPORTS):
                for name, found in imported(node, self.module.package):
                    scope.imports.setdefault(name, []).append(found)
        return scope

    # Names

    def _find(self, name: str) -> Sequence[Binding] | None:
        """What a name means outside of the definition; nothing for built-in names, None for local ones."""
        for depth, scope in enumerate(reversed(self.scopes)):
            if scope.is_class and depth:
                continue
            if name in scope.outside:
                break
            if name in scope.imports:
                return scope.imports[name]
            if name in scope.names:
                return None
        return self.module.lookup(name)

    def _refer(self, name: str, attributes: tuple[str, ...]) -> None:
        bindings = self._find(name)
        if name == "globals" and not bindings:
            bindings = [self.module.whole]
        if not bindings:
            self.parts.append(repr((name, *attributes)))
            if self.owner and (name == "super" or (bindings is None and name == self.object)):
                self._use_member(self.owner, attributes)
            elif self.owner and bindings is None and len(self.scopes) == 1:
                self._use_member(self.owner, (name,))
            return
        for definition, rest in resolve(bindings, attributes):
            if definition is None:
                self.parts.append(repr(rest))
            else:
                self.parts.append(f"{PLACE}{rest}")
                self.uses.append(definition)

    def _use_member(self, owner: Definition, attributes: tuple[str, ...]) -> None:
        for definition in (attributes and members(owner, attributes[0])) or [owner]:
            self.parts.append(PLACE)
            self.uses.append(definition)

    def _Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._refer(node.id, ())
        else:
            self.parts.append(f"Name {node.id}")

    def _Attribute(self, node: ast.Attribute) -> None:
        path = dotted(node) if isinstance(node.ctx, ast.Load) else ()
        if path:
            self._refer(path[0], path[1:])
        else:
            self.parts.append(f"Attribute {node.attr}")
            self.write(node.value)

    def _Constant(self, node: ast.Constant) -> None:
        self.parts.append(repr(node.value))

    # Scopes

    def _FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._decorators(node.decorator_list)
        self.parts.append(f"{type(node).__name__} {node.name}(")
        parameters = self._parameters(node.args)
        if node.returns:
            self._annotation(node.returns)
        nodes = list(same_scope(*node.body))
        scope = self._scope_of(nodes)
        scope.names |= parameters
        scope.words = message_names(node, nodes)
        with self._scope(scope):
            self._block(node.body)
        self.parts.append(")")

    _AsyncFunctionDef = _FunctionDef

    def _Lambda(self, node: ast.Lambda) -> None:
        self.parts.append("Lambda(")
        scope = self._scope_of(list(same_scope(node.body)))
        scope.names |= self._parameters(node.args)
        with self._scope(scope):
            self.write(node.body)
        self.parts.append(")")

    def _parameters(self, arguments: ast.arguments) -> set[str]:
        """Write parameters with their defaults, and give their names."""
        kinds = {
            "/": arguments.posonlyargs,
            "": arguments.args,
            "*": [arguments.vararg] if arguments.vararg else [],
            "k": arguments.kwonlyargs,
            "**": [arguments.kwarg] if arguments.kwarg else [],
        }
        for kind, parameters in kinds.items():
            for parameter in parameters:
                self.parts.append(f"{kind}{parameter.arg}")
                if parameter.annotation:
                    self._annotation(parameter.annotation)
        self._value(arguments.defaults)
        self._value(arguments.kw_defaults)
        return {parameter.arg for parameters in kinds.values() for parameter in parameters}

    def _ClassDef(self, node: ast.ClassDef) -> None:
        self._decorators(node.decorator_list)
        self.parts.append(f"class {node.name}(")
        self._value(node.bases)
        self._value(node.keywords)
        scope = self._scope_of(list(same_scope(*node.body)))
        scope.is_class = True
        with self._scope(scope):
            self._block(node.body)
        self.parts.append(")")

    def _decorators(self, decorators: Iterable[ast.expr]) -> None:
        for decorator in decorators:
            if not gives_back(decorator, self._callee(decorator)):
                self.parts.append("decorator")
                self.write(decorator)

    def _callee(self, decorator: ast.expr) -> list[Found]:
        function = decorator.func if isinstance(decorator, ast.Call) else decorator
        path = dotted(function)
        return resolve(self._find(path[0]) or (), path[1:]) if path else []

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        self.parts.append(f"{type(node).__name__}(")
        self.write(node.generators[0].iter)  # runs outside
        targets = [inner for part in node.generators for inner in ast.walk(part.target)]
        with self._scope(_Scope(set(bound_names(targets)))):
            for number, part in enumerate(node.generators):
                self.parts.append("async for" if part.is_async else "for")
                self.write(part.target)
                if number:
                    self.write(part.iter)
                self._value(part.ifs)
            for value in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
                self.write(value)
        self.parts.append(")")

    _ListComp = _SetComp = _DictComp = _GeneratorExp = _comprehension

    # Statements

    @property
    def _words(self) -> frozenset[str]:
        return self.scopes[-1].words if self.scopes else frozenset()

    def _Raise(self, node: ast.Raise) -> None:
        self.parts.append("Raise(")
        for part in without_words(node.exc, self._words) if node.exc else ():
            self.write(part)
        self.parts.append(")")

    def _Assert(self, node: ast.Assert) -> None:
        self.parts.append("Assert")
        self.write(node.test)

    def _Assign(self, node: ast.Assign) -> None:
        pairs = assignments(node)
        kept = [pair for pair in pairs if not is_one_of(pair[0], self._words)]
        if len(kept) == len(pairs):
            self._assignment(node.targets, node.value)
        for target, value in kept if len(kept) < len(pairs) else ():
            self._assignment([target], value)

    def _assignment(self, targets: list[ast.expr], value: ast.expr) -> None:
        self.parts.append("Assign(")
        self._value(targets)
        self.write(value)
        self.parts.append(")")

    def _AnnAssign(self, node: ast.AnnAssign) -> None:
        """As if there were no annotation, but in a class, where one makes a field."""
        self._annotation(node.annotation)
        if self.scopes and self.scopes[-1].is_class:
            words = ast.dump(node.annotation)
            self.parts += ["field", *(word for word in NOT_FIELDS if word in words)]
            self.write(node.target)
            if node.value:
                self.write(node.value)
        elif node.value:
            self._assignment([node.target], node.value)

    # Annotations

    def _annotation(self, node: ast.expr) -> None:
        for definition in self.classes(node, set()):
            self.parts.append(PLACE)
            self.uses.append(definition)

    def classes(self, annotation: ast.expr, seen: set[Definition]) -> Iterator[Definition]:
        """Classes that an annotation names, also through other names for types."""
        for path in _paths(annotation):
            for definition, _ in resolve(self._find(path[0]) or (), path[1:]):
                if definition is None or definition in seen:
                    continue
                seen.add(definition)
                meaning = definition.node
                if isinstance(meaning, ast.ClassDef):
                    yield definition
                elif isinstance(meaning, ast.Assign | ast.AnnAssign) and meaning.value:
                    yield from _Writer(definition).classes(meaning.value, seen)


def _first_parameter(node: ast.AST) -> str:
    """What a method calls its object or class."""
    parameters = [*node.args.posonlyargs, *node.args.args] if isinstance(node, FUNCTIONS) else []
    return parameters[0].arg if parameters else ""


_SPECIAL = {name.removeprefix("_"): method for name, method in vars(_Writer).items() if name[1:2].isupper()}
"""How kinds of nodes are written that are special."""


def _paths(node: ast.AST) -> Iterator[tuple[str, ...]]:
    """Names with their attributes in an annotation, those in quotes too."""
    if isinstance(node, ast.expr) and (path := dotted(node)):
        yield path
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            yield from _paths(ast.parse(node.value, mode="eval"))
        except SyntaxError:
            return
    else:
        for part in ast.iter_child_nodes(node):
            yield from _paths(part)
