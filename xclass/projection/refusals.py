"""What is not projected: an index that cannot be built, and a size too far from what was measured."""

from __future__ import annotations

from xclass.classifiers.nearest_neighbour.index_kind import INDEX_KEY
from xclass.config import RunConfig
from xclass.errors import ConfigError
from xclass.projection.phase_fit import PhaseFit
from xclass.projection.result import REFUSED_BEYOND
from xclass.shapes import ProblemShape
from xclass.units import format_count


def refuse_misfit(config: RunConfig, method: str, shape: ProblemShape) -> None:
    """What FAISS would refuse to build has a closed form all the same.

    Raises:
        ConfigError: the index cannot be built over so many classes or dimensions.
    """
    if index := config.sections_of(method).get("index"):
        allowed = index.misfit(shape.num_classes, shape.dim)
        if allowed:
            remedy = "choose another index, or leave it out with methods=[...]"
            raise ConfigError(INDEX_KEY, index.factory, allowed=allowed, remedy=remedy)


def too_far(fit: PhaseFit, extrapolation: float, shape: ProblemShape) -> ConfigError:
    """The refusal of a size, with the largest that was measured."""
    classes, dim, batch = (max(axis) for axis in zip(*(p.axes for p in fit.points), strict=True))
    return ConfigError(
        "classes",
        f"{shape.num_classes}, dim={shape.dim}",
        allowed=f"up to {REFUSED_BEYOND:g}x beyond what was measured, and this is {extrapolation:.3g}x: "
        f"{fit.largest.phase} of {fit.largest.variant} was measured up to {format_count(classes)} classes, "
        f"dim {dim}, batch {batch}",
        remedy="measure a larger size, or add far=true for a figure that is marked as a guess",
    )
