"""Identity: a hash of the code behind a result, which tells whether results of an earlier day still hold."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cached_property, partial
from pathlib import PurePath
from types import CellType, FunctionType, MethodType, ModuleType

from datasets.files import sha256_bytes
from datasets.identity.canonical import read
from datasets.identity.definitions import Definition, find_module, forget_changed, members, resolve

PLAIN = (type(None), bool, int, float, complex, str, bytes)


def code_fingerprint(subject: object) -> str:
    """SHA-256 of the definitions that a function or class reaches: its own, those of the names in it, and so on.

    A definition is a function, a class or an assignment at the top of a module of this project, or of one outside the
    Python installation (a user's own). It counts when code names it, however deep: as a global name, as
    ``module.name``, through imports at the top of a module or in a function, as a base class, decorator, default value
    or class attribute. A class counts as a whole, with its bases, so that ``self.method``, properties and attributes
    do; so does a function with all that is nested in it. The hash is the same wherever definitions stand, and whatever
    stands beside them; see `datasets.identity.canonical` for what of a definition counts.

    Some things cannot be told from source, and are for the caller to add to `subject`:

    - Methods of objects that come from outside count where the code names their class: makes one, checks for it, or
      annotates a parameter, result or attribute with it. A subclass that only the caller knows of does not.
    - What is looked up by a string (a registry, ``importlib.import_module``, an entry of a table that decorators fill)
      does not count; nor do files that are read, and attributes that are set from other modules.
    - Installed packages count by name: their versions are provenance, not identity. So does code without source.

    Args:
        subject: a function, class, method, property or module; what decorators and `functools.partial` make of one; a
            dataclass instance (its class and fields); a plain value; or a collection of these. Of other objects the
            class counts alone, as their state has to be described in another way (see `FusionMethod.state`).
    """
    return sha256_bytes("\n".join(_Walk().visit(subject)).encode("utf-8", "surrogatepass"))


def reached(subject: object) -> list[Definition]:
    """The definitions behind the hash of a subject: its own first, then in the order in which they are met."""
    walk = _Walk()
    walk.visit(subject)
    return walk.reached


@contextmanager
def _no_collection() -> Iterator[None]:
    """Syntax trees are many objects and none of them garbage: looking for some takes as long as reading them."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _Walk:
    """Definitions by the order in which they were reached, which says how they hang together without their names."""

    def __init__(self) -> None:
        self.reached: list[Definition] = []
        self._numbers: dict[Definition, int] = {}
        self._open: list[int] = []

    def visit(self, subject: object) -> list[str]:
        """Go wherever a subject leads, and tell what is there."""
        forget_changed()
        with _no_collection():
            lines = [self.describe(subject)]
            for definition in self.reached:  # grows meanwhile
                reading = read(definition)
                lines.append(f"{reading.digest} {[self.number(used) for used in reading.uses]}")
        return lines

    def number(self, definition: Definition) -> int:
        """Which definition it is; a new one will be visited."""
        if definition not in self._numbers:
            self._numbers[definition] = len(self.reached)
            self.reached.append(definition)
        return self._numbers[definition]

    def describe(self, value: object) -> str:
        """An object as text, with numbers for the definitions that it reaches."""
        if type(value) in PLAIN:
            return repr(value)
        if id(value) in self._open:
            return f"around {self._open.index(id(value))}"
        self._open.append(id(value))
        kind = type(value)
        text = self._class(value) if isinstance(value, type) else f"{self._class(kind)} {self._content(value)}"
        self._open.pop()
        return text

    def _content(self, value: object) -> str:
        if isinstance(value, FunctionType):
            return self._function(value)
        if isinstance(value, ModuleType):
            return self._module(value)
        parts = _parts(value)
        if parts is not None:
            return f"({', '.join(map(self.describe, parts))})"
        return _full_name(value) if hasattr(value, "__name__") else ""

    def _class(self, value: type) -> str:
        found = self._find(value.__module__, value.__qualname__)
        if found:
            return found
        made = [part for part in vars(value).values() if isinstance(part, FunctionType)]
        own = made if value.__module__ and find_module(value.__module__) else []
        return f"{_full_name(value)} {[self.describe(part) for part in (*value.__bases__, *own)]}"

    def _function(self, value: FunctionType) -> str:
        code, module = value.__code__, value.__globals__.get("__name__", "")
        found = self._find(module, code.co_qualname, code.co_firstlineno) or f"{module}.{code.co_qualname}"
        cells = zip(code.co_freevars, value.__closure__ or (), strict=True)
        captured = [_content_of(cell) for name, cell in cells if name != "__class__"]
        wrapped = [value.__wrapped__] if hasattr(value, "__wrapped__") else []
        return f"{found} {[self.describe(part) for part in (*captured, *wrapped)]}"

    def _module(self, value: ModuleType) -> str:
        module = find_module(value.__name__)
        return f"{self.number(module.whole)}" if module else value.__name__

    def _find(self, module_name: str | None, qualified_name: str, line: int = 0) -> str:
        """The definitions of a name, as numbers; "" if there is no source that tells."""
        module = find_module(module_name) if module_name else None
        head, *rest = qualified_name.split(".")
        bindings = (module.lambdas(line) if head == "<lambda>" else module.lookup(head)) if module else ()
        numbers = []
        for definition, left in resolve(bindings, tuple(rest)):
            parts = members(definition, left[0]) if definition and left else []
            used = parts or ([definition] if definition else [])
            numbers.append(f"{[self.number(part) for part in used]} {left}")
        return " ".join(numbers)


def _parts(value: object) -> Iterable[object] | None:
    """What decides an object's behaviour; None if that cannot be told."""
    if isinstance(value, MethodType):
        return value.__self__, value.__func__
    if isinstance(value, partial):
        return value.func, value.args, value.keywords
    if isinstance(value, property):
        return value.fget, value.fset, value.fdel
    if isinstance(value, cached_property):
        return (value.func,)
    if isinstance(value, Mapping):
        return value.items()
    if isinstance(value, list | tuple):
        return value
    if isinstance(value, set | frozenset):
        return sorted(value, key=repr)
    if isinstance(value, Enum):
        return (value.name,)
    if isinstance(value, PurePath):
        return (value.as_posix(),)
    if is_dataclass(value):
        return [getattr(value, item.name) for item in fields(value)]
    return [value.__wrapped__] if hasattr(value, "__wrapped__") else None


def _content_of(cell: CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:
        return "nothing yet"


def _full_name(value: object) -> str:
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", "")
    return f"{getattr(value, '__module__', '')}.{name}"
