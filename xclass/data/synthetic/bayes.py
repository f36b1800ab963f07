"""The accuracy of the best possible classifier on the synthetic data, and the noise that gives it.

Class c has the unit vector ``mu = sqrt(s) g + sqrt(1 - s) z``: g is the direction of its group, uniform on
the sphere of R^D, and z its own direction, uniform on the unit sphere orthogonal to g (s = group_share). An
example is ``x = mu + sigma e``, e standard normal. The Bayes rule picks the class with the largest
``x.mu + sigma^2 log p``. Given an example of class c, a rival c' wins with a probability that is the tail of
a Beta law, since the cosine t of a fixed direction with a uniform one in R^n has
``P(cos > t) = I_{1 - t^2}((n - 1) / 2, 1 / 2) / 2`` for t >= 0. Rivals are independent given the example
(those of one foreign group only nearly so), hence

    accuracy = E[ prod_{c'} (1 - P(c' wins | x)) ]

where the expectation runs over class, noise along g, along z, and orthogonal to both: four dimensions,
integrated with a rank-1 lattice. The average is over the random class vectors too; a draw of thousands of
classes is within the Monte Carlo error of it (tests/data/test_bayes.py compares with the exact rule).

Source:
    Li, "Concise formulas for the area and volume of a hyperspherical cap", 2011 (the tail);
    Roberts, "The unreasonable effectiveness of quasirandom sequences", 2018 (the lattice).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from xclass.data.synthetic.config import SyntheticConfig
from xclass.data.synthetic.frequencies import Float64Array, class_probabilities, zipf_class
from xclass.errors import ConfigError

_NUM_POINTS = 1 << 12
_NUM_BINS = 32
_SIGMA_RANGE = (1e-3, 10.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Geometry:
    """What the accuracy depends on, besides the noise."""

    num_classes: int
    dim: int
    num_groups: int
    group_share: float
    own_log_p: Float64Array
    """Shape (points,): log probability of the class of each lattice point."""
    bin_log_p: Float64Array
    """Shape (bins,): log probability of the rivals of each bin."""
    own_bin: npt.NDArray[np.intp]
    """Shape (points,): the bin of the class of each lattice point, which is no rival of itself."""
    bin_count: Float64Array
    """Shape (bins,): how many classes each bin holds."""
    normals: Float64Array
    """Shape (points, 2): noise along g and along z, in units of sigma."""
    chi_square: Float64Array
    """Shape (points,): squared length of the noise orthogonal to both, in units of sigma^2."""


def num_groups(config: SyntheticConfig, num_classes: int) -> int:
    """Groups of about ``classes_per_group`` classes; class c belongs to group c mod this number."""
    return max(1, num_classes // config.classes_per_group)


def make_geometry(config: SyntheticConfig, num_classes: int, dim: int) -> Geometry:
    """Lay the lattice and bin the classes by frequency (geometric bins of ranks)."""
    lattice = _lattice(_NUM_POINTS, 4)
    exponent, share = config.zipf_exponent, config.uniform_share
    is_uniform = lattice[:, 0] < share
    rescaled = np.where(
        is_uniform, lattice[:, 0] / max(share, 1e-12), (lattice[:, 0] - share) / max(1.0 - share, 1e-12)
    )
    rescaled = np.clip(rescaled, 1e-9, 1 - 1e-9)
    own = np.where(is_uniform, rescaled * num_classes, zipf_class(rescaled, num_classes, exponent))
    own = np.floor(own)
    edges = np.unique(np.geomspace(1, num_classes + 1, _NUM_BINS + 1).astype(np.int64)) - 1
    centres = np.sqrt((edges[:-1] + 1.0) * edges[1:]) - 1.0
    return Geometry(
        num_classes=num_classes,
        dim=dim,
        num_groups=num_groups(config, num_classes),
        group_share=config.group_share,
        own_log_p=np.log(class_probabilities(own, num_classes, exponent, share)),
        own_bin=np.searchsorted(edges, own, side="right") - 1,
        bin_log_p=np.log(class_probabilities(centres, num_classes, exponent, share)),
        bin_count=np.diff(edges).astype(np.float64),
        normals=special.ndtri(lattice[:, 1:3]),
        chi_square=2.0 * special.gammaincinv((dim - 2) / 2.0, lattice[:, 3]),
    )


def bayes_accuracy(geometry: Geometry, sigma: float) -> float:
    """Accuracy of the Bayes rule at noise ``sigma`` (standard deviation per coordinate)."""
    shared = np.sqrt(geometry.group_share)
    own = np.sqrt(1.0 - geometry.group_share)
    along_g = shared + sigma * geometry.normals[:, 0]
    along_z = own + sigma * geometry.normals[:, 1]
    beside_g = np.sqrt(along_z**2 + sigma**2 * geometry.chi_square)
    length = np.sqrt(along_g**2 + beside_g**2)
    handicap = sigma**2 * (geometry.own_log_p[:, None] - geometry.bin_log_p[None, :])
    near = (along_z[:, None] + handicap / own) / beside_g[:, None]
    far = (shared * along_g + own * along_z)[:, None] + handicap
    rivals = np.tile(geometry.bin_count, (len(near), 1))
    rivals[np.arange(len(near)), geometry.own_bin] -= 1.0
    group_size = geometry.num_classes / geometry.num_groups
    near_share = (group_size - 1.0) / (geometry.num_classes - 1.0)
    log_win = near_share * _log_no_rival(near, geometry.dim - 1)
    log_win += (1.0 - near_share) * _log_no_rival(far / length[:, None], geometry.dim)
    return float(np.exp(np.einsum("pb,pb->p", log_win, rivals)).mean())


def solve_noise(config: SyntheticConfig, num_classes: int, dim: int) -> tuple[float, float]:
    """Find the noise at which the Bayes rule has ``config.bayes_accuracy``.

    Returns:
        (sigma, accuracy at sigma): bisection to a relative width of 1e-4; the lattice is fixed, so equal
        settings give equal bits.

    Raises:
        ConfigError: no noise in reach gives this accuracy.
    """
    geometry = make_geometry(config, num_classes, dim)
    low, high = _SIGMA_RANGE
    best, worst = bayes_accuracy(geometry, low), bayes_accuracy(geometry, high)
    if not worst <= config.bayes_accuracy <= best:
        raise ConfigError(
            "data.bayes_accuracy",
            config.bayes_accuracy,
            allowed=f"{worst:.3f} to {best:.3f} with {num_classes} classes and dim={dim}",
            remedy="give a share in that range, or other classes or dim",
        )
    while high / low > 1.0001:
        middle = float(np.sqrt(low * high))
        if bayes_accuracy(geometry, middle) >= config.bayes_accuracy:
            low = middle
        else:
            high = middle
    return low, bayes_accuracy(geometry, low)


def _log_no_rival(cosine: Float64Array, dim: int) -> Float64Array:
    """Log P(a uniform direction in R^dim has a cosine below ``cosine``), elementwise."""
    squared = np.clip(1.0 - np.square(cosine), 0.0, 1.0)
    tail = 0.5 * special.betainc((dim - 1) / 2.0, 0.5, squared)
    tail = np.where(cosine >= 0.0, tail, 1.0 - tail)
    result: Float64Array = np.log1p(-np.minimum(tail, 1.0 - 1e-15))
    return result


def _lattice(num_points: int, dims: int) -> Float64Array:
    """Additive recurrence of the generalised golden ratio: low-discrepancy points in (0, 1)^dims."""
    ratio = 2.0
    for _ in range(60):
        ratio = (1.0 + ratio) ** (1.0 / (dims + 1))
    steps = (1.0 / ratio) ** np.arange(1, dims + 1)
    points: Float64Array = (0.5 + np.outer(np.arange(1, num_points + 1), steps)) % 1.0
    return np.clip(points, 1e-9, 1.0 - 1e-9)
