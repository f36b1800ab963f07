"""A terminal on which text is shown as it is: paths and names write no markup and no control codes."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from xclass.report.text import plain_text


class PlainConsole(Console):
    """As rich's, but for strings: ``[red]`` in a path is part of the path, an escape sequence a blank."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Show strings as they are, everything else as rich does."""
        plain = [plain_text(each) if isinstance(each, str) else each for each in objects]
        super().print(*plain, **options | {"markup": False})
