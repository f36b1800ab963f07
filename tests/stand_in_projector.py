"""A projector of closed forms alone, whose every answer is known: for what shows projections."""

from dataclasses import replace

from xclass.config import RunConfig
from xclass.errors import ConfigError
from xclass.projection.reference import Reference
from xclass.projection.refusals import refuse_misfit
from xclass.projection.result import (
    MARKED_BEYOND,
    REFUSED_BEYOND,
    Basis,
    ByteRange,
    ProjectedPhase,
    ProjectedTime,
    TimeRange,
)
from xclass.sizing.hardware import Hardware, Server
from xclass.sizing.plan import make_shape, plan_method
from xclass.units import GIB

HOSTILE = "</script><img src=x onerror=alert(1)>"
MEASURED_CLASSES, MEASURED_DIM = 100_000, 64


class StandInProjector:
    """Measured at 100 000 classes x 64; the base has an odd byte count, so that nothing is round."""

    def __init__(self, *, is_hostile=False):
        self.suffix = HOSTILE if is_hostile else ""
        self.reference = Reference.load()
        config = RunConfig(classes=MEASURED_CLASSES, dim=MEASURED_DIM)
        low = replace(config, weights=replace(config.weights, dtype=type(config.weights.dtype)("bfloat16")))
        self.configs = {
            self.key(config, "dense_softmax"): (config, "dense_softmax"),
            self.key(low, "dense_softmax"): (low, "dense_softmax"),
            self.key(config, "nearest_neighbour"): (config, "nearest_neighbour"),
        }

    def key(self, config, method):
        if method == "nearest_neighbour":
            return f"{method}, {config.index.factory}{self.suffix}"
        dtype = config.weights.dtype.value
        return method + self.suffix if dtype == "float32" else f"{method}, {dtype}{self.suffix}"

    def project(self, config, method, *, is_far_allowed=False):
        refuse_misfit(config, method, make_shape(config, config.classes))
        key = self.key(config, method)
        far = max(1.0, config.classes / MEASURED_CLASSES) * max(1.0, config.dim / MEASURED_DIM)
        is_known = key in self.configs
        if is_known and far > REFUSED_BEYOND and not is_far_allowed:
            raise ConfigError("classes", config.classes, allowed="no more", remedy="far=true")
        basis = Basis.PROJECTED if is_known else Basis.PREDICTED
        if is_known and (config.classes, config.dim) == (MEASURED_CLASSES, MEASURED_DIM):
            basis = Basis.MEASURED
        share = 0.25 if not is_known else 0.02 if far <= MARKED_BEYOND else 0.07
        return [
            self._phase(plan, config, key, basis, far if is_known else float("inf"), share)
            for plan in plan_method(config, method, make_shape(config, config.classes))
        ]

    def _phase(self, plan, config, key, basis, far, share):
        peak = plan.peak_bytes + 77
        seconds = 1e-5 + 3e-9 * config.classes * config.dim
        return ProjectedPhase(
            variant=key, method=plan.method, phase=plan.phase, classes=config.classes, dim=config.dim,
            basis=basis, base_bytes=plan.base_bytes + 77, components=dict(plan.regime.components), factors={},
            peak=ByteRange(value=peak, low=int(peak * (1 - share)), high=int(peak * (1 + share))),
            mapped_bytes=plan.mapped_bytes, disk_bytes=plan.disk_bytes,
            times=(
                ProjectedTime(
                    quantity="step", meaning=f"a made-up step of {plan.phase}",
                    seconds=TimeRange(value=seconds, low=seconds * 0.8, high=seconds * 1.25), count=4.0,
                    form="linear in classes x dim x batch", basis=basis, error_words="made up",
                ),
            ),
            extrapolation=far, error_words=f"the worst of 3 hold-outs was {100 * share:g} %",
            caveats=(self.suffix,) if self.suffix else (),
        )  # fmt: skip


def catalogue(*, suffix=""):
    """Seven machines, one of them without a price and one dearer than a larger one."""
    rows = [("s", 4, 0.05), ("m", 16, 0.2), ("dear", 32, 0.9), ("l", 64, 0.8), ("free?", 64, None),
            ("xl", 256, 3.2), ("huge", 1024, 13.0)]  # fmt: skip
    return Hardware(
        name="made up", date="2026-01-02",
        servers=tuple(
            Server(vendor="cloud", instance=name + suffix, vcpus=4, ram_bytes=ram * GIB, usd_per_hour=price,
                   region="here", source="made up", date="2026-01-02")
            for name, ram, price in rows
        ),
    )  # fmt: skip
