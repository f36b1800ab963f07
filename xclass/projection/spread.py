"""What no machine holds: a head on several of them, a rank on each, or an index in shards."""

from __future__ import annotations

from dataclasses import dataclass, replace

from xclass.classifiers.class_slices import largest_slice
from xclass.classifiers.ranks.memory import slice_shape
from xclass.classifiers.registry import METHOD_CONFIGS, MethodConfig
from xclass.classifiers.work import STEP
from xclass.config import RunConfig
from xclass.projection.phase_estimate import PhaseEstimate
from xclass.projection.reference import Reference
from xclass.projection.result import ProjectedPhase, ProjectedTime, TimeRange
from xclass.shapes import ProblemShape
from xclass.sizing.choice import Choice, choose
from xclass.sizing.cluster import Cluster, cluster, least_ranks, least_shards
from xclass.sizing.hardware import Hardware
from xclass.sizing.place import Place
from xclass.sizing.plan import make_shape


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """A head that is trained on several machines of one kind, a rank on each."""

    cluster: Cluster
    """The machines that were asked for, where they do; else the fewest that do."""
    server: Choice
    """The cheapest that holds one rank."""
    step_seconds: TimeRange | None
    """Computing of one step in each rank, on the machine of the reference; None where nobody measured it."""

    @property
    def usd_per_month(self) -> float | None:
        """Of all servers; None where none fits or its price is not known."""
        price = self.server.usd_per_month
        return None if price is None else self.cluster.num_ranks * price

    @property
    def is_network_bound(self) -> bool:
        """What ranks send takes longer than what they compute."""
        seconds = self.step_seconds
        return seconds is not None and self.cluster.network_seconds > seconds.value


def spread_over_machines(
    config: RunConfig,
    method: str,
    fit: PhaseEstimate,
    place: Place,
    hardware: Hardware,
    reference: Reference,
) -> Spread | None:
    """Of a method that is trained in ranks on machines of their own, or that one machine does not hold.

    Args:
        config: of the run, its number of classes given.
        method: its name.
        fit: its training.
        place: machines of one kind.
        hardware: servers to choose from.
        reference: times.

    Returns:
        None where one machine does, for a method that cannot be sharded, and where no number of ranks fits.
    """
    if not METHOD_CONFIGS[method].can_shard:
        return None
    found, room = None, place.room
    shape = _shape(config)
    if fit.required_bytes > room.usable_bytes:
        found = least_ranks(config, method, shape, room.usable_bytes)
    elif fit.projected.layout.num_machines > 1:
        found = cluster(config, method, shape, config.ranks)
    if found is None:
        return None
    return Spread(
        cluster=found,
        server=choose(hardware, found.promised_bytes),
        step_seconds=_step_seconds(config, method, reference, found.num_ranks),
    )


def spread_over_servers(
    config: RunConfig, method: str, alone: Choice, hardware: Hardware, reference: Reference
) -> Spread | None:
    """The same on servers of a catalogue, which decide how much memory a machine has.

    Args:
        config: of the run, its number of classes given.
        method: its name.
        alone: the server that holds one rank, or the whole.
        hardware: the catalogue.
        reference: times.
    """
    if not METHOD_CONFIGS[method].can_shard:
        return None
    found, shape = None, _shape(config)
    if alone.server is None:
        found = least_ranks(config, method, shape, alone.offered_bytes, is_all_resident=True)
    elif config.ranks > 1:
        found = cluster(config, method, shape, config.ranks)
    if found is None:
        return None
    server = alone if alone.server is not None else choose(hardware, found.promised_bytes)
    step_seconds = _step_seconds(config, method, reference, found.num_ranks)
    return Spread(cluster=found, server=server, step_seconds=step_seconds)


def shards_that_fit(config: RunConfig, method: str, fit: PhaseEstimate, place: Place) -> int | None:
    """The fewest shards in which an index that one machine cannot build whole is built there."""
    if fit.required_bytes <= place.room.usable_bytes or config.index.shard is not None:
        return None
    return least_shards(config, method, _shape(config), place.room.usable_bytes)


def divided_step(
    config: RunConfig, method: str, shape: ProblemShape, phase: ProjectedPhase
) -> tuple[ProjectedTime, ...]:
    """Times of a fit phase; a step that several machines take together is that of the largest share."""
    num_machines = phase.layout.num_machines
    if num_machines == 1:
        return phase.times
    settings: MethodConfig = getattr(config.method, method)
    sections = config.sections_of(method)
    whole, part = (
        settings.works(one, shape.num_examples, **sections)[STEP].amount
        for one in (shape, slice_shape(shape, num_machines))
    )
    return tuple(_times(time, part / whole) if time.quantity == STEP else time for time in phase.times)


def _times(time: ProjectedTime, factor: float) -> ProjectedTime:
    whole = time.seconds
    part = TimeRange(value=factor * whole.value, low=factor * whole.low, high=factor * whole.high)
    return replace(time, seconds=part)


def _step_seconds(config: RunConfig, method: str, reference: Reference, num_ranks: int) -> TimeRange | None:
    classes = max(2, largest_slice(_shape(config).num_classes, num_ranks))
    times = reference.times(replace(config, classes=classes, ranks=1), method)
    found = [time.seconds for phase in times.values() for time in phase if time.quantity == STEP]
    return found[0] if found else None


def _shape(config: RunConfig) -> ProblemShape:
    assert config.classes is not None
    return make_shape(config, config.classes)
