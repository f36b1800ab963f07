"""What a report says, before it is Markdown or HTML: sections in Markdown, and the figures that they show.

Markdown is the one model of the content. Whatever comes from data passes through ``report.text`` on its way
into it, and :mod:`xclass.report.page.html` turns the very same text into the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

CALCULATOR = "Calculator"
"""Title of the section that the page replaces by one that can be moved."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A heading and what stands below it."""

    title: str
    """One of ours, never from data; empty for what opens the document."""
    body: str
    """Markdown; an image whose path is a key of the document's figures is that figure. Empty: left out."""
    is_folded: bool = False
    """On the page shown only when it is opened, or printed: long, and of interest to few."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """A report."""

    title: str
    sections: tuple[Section, ...]
    figures: Mapping[str, str] = field(default_factory=dict)
    """Path relative to the report -> SVG."""

    @property
    def shown(self) -> list[Section]:
        """Those that have something to say."""
        return [section for section in self.sections if section.body]

    def to_markdown(self) -> str:
        """The document as GitHub-flavoured Markdown, which shows the figures from their files."""
        parts = [
            f"## {section.title}\n\n{section.body}" if section.title else section.body
            for section in self.shown
        ]
        return "\n\n".join([f"# {self.title}", *parts]) + "\n"
