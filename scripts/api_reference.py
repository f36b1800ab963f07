"""Builds the API reference from the docstrings: ``python scripts/api_reference.py [FOLDER]``.

Every module of the package, one page each, into FOLDER (build/api unless named); nothing is fetched, and the
pages open offline. A module or docstring that cannot be read ends it with an error.
"""

import pkgutil
import sys
import warnings
from pathlib import Path

import pdoc

import xclass
from xclass import estimators

ROOT = Path(__file__).parent.parent


def build(folder: Path) -> None:
    """Write the pages; every warning of pdoc is an error."""
    # Its __all__ names the estimators, and pdoc takes that for everything.
    hidden = [f"xclass.estimators.{one.name}" for one in pkgutil.iter_modules(estimators.__path__)]
    footer = f"xclass {xclass.__version__}"
    pdoc.render.configure(docformat="google", show_source=False, footer_text=footer)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pdoc.pdoc("xclass", *hidden, output_directory=folder)


def main() -> None:
    """Build into the folder that was named."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "api"
    build(folder)
    print(f"API reference: {folder / 'index.html'}")


if __name__ == "__main__":
    main()
