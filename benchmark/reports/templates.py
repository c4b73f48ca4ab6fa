"""Templates: HTML pages that open from disk, made of files of this project's packages."""

from __future__ import annotations

from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

REPORT_PACKAGE = "ivif.benchmark.reports.html"
"""Where the style and the libraries of all pages are."""


def environment_of(package: str) -> Environment:
    """Templates in a package's folder ``templates``: all that they are given is escaped, and nothing may lack."""
    loader = PackageLoader(package)
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def packaged(package: str, name: str) -> Markup:
    """A file of a package that becomes part of a page as it is, such as ``templates/report.css``."""
    return Markup(files(package).joinpath(name).read_text(encoding="utf-8"))  # a file of this project  # nosec B704


def library(name: str) -> Markup:
    """A vendored library without the address of its source map, which a browser would ask for."""
    lines = packaged(REPORT_PACKAGE, f"vendor/{name}").splitlines()
    return Markup("\n").join(line for line in lines if not line.startswith("//# sourceMappingURL"))
