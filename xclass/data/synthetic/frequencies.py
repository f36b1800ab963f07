"""How often each class of the synthetic data occurs: a uniform share plus a Zipf share, in closed form."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from xclass.data.base import IntArray

Float64Array = npt.NDArray[np.float64]


def zipf_class(uniform: Float64Array, num_classes: int, exponent: float) -> IntArray:
    """Classes of the continuous Zipf law on [1, C + 1] for uniform values in (0, 1), int64.

    Class c has the mass of x**-exponent on [c + 1, c + 2]; for exponent 1 this is the log-uniform law.

    Source:
        TensorFlow's log_uniform_candidate_sampler documents the exponent-1 case:
        P(c) = (log(c + 2) - log(c + 1)) / log(C + 1).
    """
    if abs(exponent - 1.0) < 1e-9:
        position = np.exp(uniform * np.log(num_classes + 1.0))
    else:
        power = 1.0 - exponent
        position = (1.0 + uniform * ((num_classes + 1.0) ** power - 1.0)) ** (1.0 / power)
    classes: IntArray = np.clip(position.astype(np.int64) - 1, 0, num_classes - 1)
    return classes


def class_probabilities(
    classes: Float64Array, num_classes: int, exponent: float, uniform_share: float
) -> Float64Array:
    """Probability of each given class id (as float64), of the mixture.

    The Zipf part is the law of :func:`zipf_class`, written so that the digits which a difference of its
    distribution function loses at large c are kept: else rarer classes may come out ahead.
    """
    step = np.log1p(1.0 / (classes + 1.0))
    if abs(exponent - 1.0) < 1e-9:
        zipf = step / np.log(num_classes + 1.0)
    else:
        power = 1.0 - exponent
        zipf = (classes + 1.0) ** power * np.expm1(power * step) / ((num_classes + 1.0) ** power - 1.0)
    return np.asarray(uniform_share / num_classes + (1.0 - uniform_share) * zipf)
