"""The files of ``templates/``, and how Jinja2 reads them: whatever comes from data is escaped."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined


@cache
def environment() -> Environment:
    """One for the whole page; a name that a template does not get is an error."""
    return Environment(
        loader=PackageLoader("xclass.report.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def text_of(name: str) -> str:
    """A file as it stands."""
    loader = environment().loader
    assert loader is not None
    return loader.get_source(environment(), name)[0]
