"""Identity: a hash of the code behind a result, which tells whether results of an earlier day still hold.

Source is read, not run. Its unit is the definition: a top-level statement that binds a name (also in ``if``, ``try``,
``with``) or changes what one stands for (``X[...] = ...``, ``X.append(...)``), in a module that belongs to this project
or lies outside the Python installation (a user's own).
"""

from __future__ import annotations

import ast
import os
import re
import sys
import sysconfig
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cached_property, lru_cache, partial
from importlib.metadata import distribution, packages_distributions
from importlib.util import find_spec, resolve_name
from itertools import chain
from pathlib import Path
from types import CellType, CodeType, FunctionType, MethodType, ModuleType

from ivif.datasets.files import sha256_bytes

PROJECT = "ivif"
"""The package of this project, wherever it is installed."""

NOTING = ("metric", "register", "register_recipe", "variant")
"""Decorators that note what they decorate and give it back: what they are told decides no result."""

Import = tuple[str, ...]
"""What an imported name stands for: a module, or a module and the name of what is found there."""

_INSTALLED = (sysconfig.get_path("stdlib"), f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_HOLDERS = (FunctionType, MethodType, partial, property, cached_property, type(lru_cache(len)))
_HELD = ("__wrapped__", "__self__", "__func__", "func", "args", "keywords", "fget", "fset", "fdel")


def code_fingerprint(subject: object) -> str:
    """SHA-256 of the definitions that a function or class reaches: its own, those of the names in it, and so on.

    Names lead through imports, ``module.name``, bases, decorators, default values, and annotations, as these name the
    classes whose methods are called. A class or function counts as a whole, with what is nested in it. Comments,
    layout, docstrings, annotations, words of errors, and where a definition stands don't count.

    What source doesn't tell is for the caller to add to `subject`: a class that no code names, what is looked up by a
    string (a registry that decorators fill is an empty dict here), files. Installed code counts by its name.

    Args:
        subject: a function, class, property or module; what decorators and `functools.partial` make of one; a dataclass
            instance; a plain value; or a collection of these. Of other objects the class counts, and not their state.
    """
    numbers = reached(subject)
    lines = [_describe(subject), *(definition.reading for definition in numbers)]
    words = ([part if isinstance(part, str) else f"#{numbers[part]}" for part in line] for line in lines)
    return sha256_bytes("\n".join(map(" ".join, words)).encode())


def reached(subject: object) -> dict[Definition, int]:
    """The definitions behind the hash of a subject, numbered in the order in which they are met."""
    if any(module and module.place != _locate(name) for name, module in _modules.items()):
        _modules.clear()
    numbers: dict[Definition, int] = {}
    waiting = list(_describe(subject))
    for part in waiting:  # grows meanwhile
        if isinstance(part, Definition) and part not in numbers:
            numbers[part] = len(numbers)
            waiting += part.reading
    return numbers


def _describe(value: object, around: tuple[int, ...] = ()) -> Iterator[Definition | str]:
    """What an object is: text, and definitions where it has source."""
    if value is None or isinstance(value, bool | int | float | complex | str | bytes | Enum | Path):
        yield repr(value)
    elif id(value) in around:
        yield f"around {around.index(id(value))}"
    else:
        module, name = _address(value)
        yield from (own := defined(module, name))
        yield f"{name.partition('.')[2] if own else f'{module}.{name}'} {type(value).__name__}("
        for part in _parts(value):
            yield from _describe(part, (*around, id(value)))
        yield ")"


def _address(value: object) -> tuple[str, str]:
    """Module and name in it of an object; of one without a name those of its class. Lambdas are told apart by lines."""
    if isinstance(value, FunctionType):  # not `__qualname__`, which `functools.wraps` makes another's
        name, line = value.__code__.co_qualname, value.__code__.co_firstlineno
        return value.__globals__.get("__name__", ""), f"<lambda> {line}" if name == "<lambda>" else name
    if isinstance(value, ModuleType):
        return value.__name__, ""
    named: object = value if hasattr(value, "__name__") else type(value)
    return getattr(named, "__module__", None) or "", getattr(named, "__qualname__", getattr(named, "__name__", ""))


def _parts(value: object) -> Iterable[object]:
    """What decides what an object does besides its source."""
    if isinstance(value, Mapping):
        return value.items()
    if isinstance(value, list | tuple | set | frozenset):
        return sorted(value, key=repr) if isinstance(value, set | frozenset) else value
    if is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, part.name) for part in fields(value)]
    held = [getattr(value, name) for name in _HELD if isinstance(value, _HOLDERS) and hasattr(value, name)]
    return [*held, *(cell.cell_contents for cell in getattr(value, "__closure__", None) or () if cell != CellType())]


def defined(module: str, qualified_name: str) -> list[Definition]:
    """The definitions of a name, see `_address`, or of all of a module if there is no name."""
    name = qualified_name.partition(".")[0]
    return [part for part in _follow([(module, name) if name else (module,)]) if isinstance(part, Definition)]


class Module:
    """A module's source by names: what binds or changes each. ``*`` is bound to modules with all their names."""

    def __init__(self, name: str, place: tuple[str, int, int]) -> None:
        self.place, file = place, place[0]
        self.spec = getattr(sys.modules.get(name), "__spec__", None)  # kept, so that no other gets its id
        self.package = name if file.endswith("__init__.py") else name.rpartition(".")[0]
        self.names: dict[str, list[Definition | Import]] = defaultdict(list)
        for statement in ast.parse(Path(file).read_bytes() if file.endswith(".py") else "", file).body:
            if not (isinstance(statement, ast.If) and "__main__" in ast.unparse(statement.test)):
                self._note(statement)

    def _note(self, statement: ast.stmt) -> None:
        whole, decorators = Definition(self, statement), getattr(statement, "decorator_list", None)
        for node in ast.walk(statement) if decorators is None else chain([statement], *map(ast.walk, decorators)):
            match node:
                case ast.Import() | ast.ImportFrom():
                    for name, found in _imported(node, self.package):
                        self.names[name] += [found] if node is statement else [found, whole]
                case ast.Lambda():
                    alone = ast.copy_location(ast.Expr(node), node)
                    self.names[f"<lambda> {node.lineno}"].append(Definition(self, alone))
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                    self.names[name].append(whole)
                case _ if isinstance(node, ast.Expr) or isinstance(getattr(node, "ctx", None), ast.Store | ast.Del):
                    for name in {part.id: None for part in ast.walk(node) if isinstance(part, ast.Name)}:
                        self.names[name].append(whole)

    def lookup(self, name: str) -> list[Definition | Import]:
        """What a name is bound to; empty if it is unknown here."""
        return self.names.get(name) or [(*star, name) for star in self.names.get("*", ()) if isinstance(star, tuple)]


def _imported(node: ast.Import | ast.ImportFrom, package: str) -> Iterator[tuple[str, Import]]:
    """The names that an import binds, and what they stand for."""
    for alias in node.names:
        bound = alias.asname or alias.name.partition(".")[0]
        if isinstance(node, ast.Import):
            yield bound, (alias.name if alias.asname else bound,)
        else:
            source = resolve_name("." * node.level + (node.module or ""), package)
            yield bound, (source, alias.name) if alias.name != "*" else (source,)


_modules: dict[str, Module | None] = {}
"""Modules by name, as far as anybody asked; None for what is installed, has no source, or is not there."""


def _module(name: str) -> Module | None:
    if name not in _modules:
        _modules[name] = Module(name, place) if (place := _locate(name)) and name != __name__ else None
    return _modules[name]


def _locate(name: str) -> tuple[str, int, int] | None:
    """File of a module of this project or of a user (of some packages the folder), and what tells its versions apart.

    Of a module that has been imported, what runs counts, whatever becomes of the file: it changes when it is reloaded.
    """
    loaded, root = sys.modules.get(name), name.partition(".")[0]
    file = getattr(loaded, "__file__", None) or ""
    try:
        if not file and (name == root or _locate(root)) and (spec := find_spec(name)):  # imports packages around it
            file = spec.origin or f"{next(iter(spec.submodule_search_locations or ['']))}{os.sep}"
        status = os.stat(file)  # noqa: PTH116 - asked again for each hash, and a path takes thrice the time
    except (ImportError, ValueError, OSError):
        return None
    own = file.endswith((".py", os.sep)) and (root == PROJECT or not is_installed(root, file))
    if not own:
        return None
    return (file, id(loaded.__spec__), 0) if loaded else (file, status.st_mtime_ns, status.st_size)


def is_installed(root: str, file: str) -> bool:
    """Whether a file of the package `root` came with Python or an installer, wherever this put it (``--target``)."""
    if any(part in file for part in _INSTALLED):
        return True
    return any(Path(file).is_relative_to(folder) for folder in _folders_of_installers().get(root, ()))


@lru_cache(maxsize=1)
def _folders_of_installers() -> Mapping[str, set[Path]]:
    """Where distributions lie, by the packages in them; those installed in editable form have their code elsewhere.

    What has no record of its files was not put there by an installer: builds leave such descriptions beside sources.
    """
    return {
        package: {
            Path(str(found.locate_file(""))).absolute()
            for found in map(distribution, names)
            if found.read_text("RECORD") is not None
        }
        for package, names in packages_distributions().items()
    }


def _follow(
    bindings: Iterable[Definition | Import], path: tuple[str, ...] = (), seen: frozenset[Import] = frozenset()
) -> Iterator[Definition | str]:
    """Definitions behind ``name.attribute``; its full name if it has no source; all of a module used as an object."""
    for binding in bindings:
        if isinstance(binding, Definition):
            yield binding
            continue
        here = name, *rest = (*binding, *path)
        module = _module(name)
        if module is None:
            yield ".".join(here)
        elif rest and here not in seen and (further := module.lookup(rest[0])):
            yield from _follow(further, tuple(rest[1:]), seen | {here})
        elif rest and _module(below := f"{name}.{rest[0]}"):
            yield from _follow([(below,)], tuple(rest[1:]), seen)
        elif (name,) not in seen:
            yield from _follow(chain(*module.names.values()), (), seen | {(name,)})


class Definition(ast.NodeTransformer):
    """A top-level statement of a module, or a lambda in one; its visitor takes out what decides no result."""

    def __init__(self, module: Module, node: ast.stmt) -> None:
        self.module, self.tree = module, ast.Module([node], [])
        self.annotations: list[ast.expr] = []
        self.imports: list[tuple[str, Import]] = []

    @cached_property
    def reading(self) -> list[Definition | str]:
        """Hash of what it says, then what its names stand for elsewhere, see `_follow`."""
        loaded = _loaded(compile(self.tree, "", "exec", dont_inherit=True, optimize=0))
        self.visit(self.tree)
        text, loaded = ast.unparse(self.tree), loaded.union(dict(self.imports))
        self.tree.body.clear()  # not needed any more, and many objects
        uses = [part for name in _dotted_names(text) if name[0] in loaded for part in self._meanings(*name)]
        annotations = _dotted_names(ast.unparse(ast.List(self.annotations)))
        types = [part for name in annotations for part in self._meanings(*name)]
        return [sha256_bytes(text.encode()), *uses, *(part for part in types if isinstance(part, Definition))]

    def _meanings(self, name: str, *attributes: str) -> Iterator[Definition | str]:
        here = [found for bound, found in self.imports if bound == name]
        return _follow([*here, *self.module.lookup(name)], attributes)

    def visit(self, node: ast.AST) -> ast.AST | None:
        """What is left of a part; annotations and imports are put aside."""
        match node:
            case ast.expr():  # nothing in there
                return node
            case ast.Expr(value=ast.Constant()):
                return None
            case ast.Import() | ast.ImportFrom():
                self.imports += _imported(node, self.module.package)
                return None
            case ast.Raise(exc=ast.Call(func=error)):
                node.exc, node.cause = error, None
            case ast.Assert():
                node.msg = None
            case ast.FunctionDef(decorator_list=made) | ast.ClassDef(decorator_list=made):
                node.decorator_list = [part for part in made if ast.unparse(part).partition("(")[0] not in NOTING]
        for name in ("annotation", "returns"):
            if annotation := getattr(node, name, None):
                self.annotations.append(annotation)
                is_field = isinstance(node, ast.AnnAssign)  # a field of a dataclass, perhaps, but not with these words:
                words = re.findall("ClassVar|InitVar|KW_ONLY", ast.unparse(annotation)) if is_field else []
                setattr(node, name, ast.Name(" ".join(words)) if is_field else None)
        return self.generic_visit(node)


def _loaded(code: CodeType) -> set[str]:
    """Names that are not local where they are used, among names of attributes, which do no harm."""
    return set(code.co_names).union(*(_loaded(part) for part in code.co_consts if isinstance(part, CodeType)))


def _dotted_names(code: str) -> list[list[str]]:
    """The different names in code, each with its attributes, among words of strings."""
    return [name.split(".") for name in dict.fromkeys(re.findall(r"(?<![\w.])[^\W\d]\w*(?:\.\w+)*", code))]
