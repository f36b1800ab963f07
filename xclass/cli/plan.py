"""``python -m xclass.plan``: what a comparison will need, before it runs and before there is data.

Exit codes: 0 all of it fits; 3 something does not; 2 the command was wrong; 1 a run could not be read.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from xclass.cli.hardware_words import HARDWARE_HELP
from xclass.cli.parser import EXIT_DOES_NOT_FIT, run_words, say
from xclass.cli.plan_words import HELP, PlanWords, parse_words
from xclass.config import RunConfig
from xclass.errors import ConfigError, RecordError
from xclass.projection.duration import prepare_seconds
from xclass.projection.estimate import Context, Estimate, MethodEstimate, estimate_method
from xclass.projection.projector import Projector
from xclass.projection.reference import Reference
from xclass.records.store import write_json
from xclass.report.plan_json import as_json
from xclass.report.plan_sections import plan_text
from xclass.run.room import place_here
from xclass.sizing.naive import naive
from xclass.sizing.place import Place, rented_place


def main() -> NoReturn:
    """The entry point of ``python -m xclass.plan``."""
    run_words(
        lambda words: _carry_out(parse_words(words)),
        HELP + HARDWARE_HELP,
        disk_remedy="free space there or choose another out=FILE.json",
        interrupted="interrupted; nothing was written",
    )


def _carry_out(words: PlanWords) -> int:
    estimate = make_estimate(words)
    if words.out is not None:
        _write(words.out, estimate)
    say(plan_text(estimate, has_details=words.has_details).rstrip("\n"))
    return 0 if estimate.fits else EXIT_DOES_NOT_FIT


def _write(path: Path, estimate: Estimate) -> None:
    try:
        write_json(path, as_json(estimate))
    except RecordError as error:
        remedy = f"choose another place ({error.__cause__})"
        raise ConfigError("out", path, allowed="a file that can be written", remedy=remedy) from error


def make_estimate(words: PlanWords) -> Estimate:
    """What the command answers.

    Raises:
        RecordError: a run cannot be read.
        ConfigError: a size too far beyond the measured ones.
    """
    projector = Projector(words.runs) if words.runs else Projector.without_runs()
    config, reference, place = words.config, Reference.load(), _place(words)
    context = Context(place=place, reference=reference, hardware=words.hardware)
    methods: list[MethodEstimate] = []
    room = place.room
    for name, changed, method in _subjects(words):
        phases = projector.project(
            changed, method, is_far_allowed=words.is_far_allowed, num_machines=room.num_machines
        )
        found = estimate_method(changed, method, context, room, name=name, phases=phases)
        methods.append(found)
        is_kept = config.keep_models or method == config.lender
        if is_kept and found.fits and name == method:
            # As in a run: what is saved stays there while the next method is measured.
            room = replace(room, free_disk_bytes=max(0, room.free_disk_bytes - found.saved_bytes))
    assert config.classes is not None
    return Estimate(
        config=config,
        place=place,
        methods=tuple(methods),
        naive=naive(
            config.classes,
            words.hardware,
            num_features=words.features,
            num_examples=config.data.num_train(config.classes),
        ),
        hardware=words.hardware,
        prepare_seconds=prepare_seconds(config, reference),
        reference_words=f"{reference.processor} with {reference.num_cpus} CPUs",
        has_runs=bool(words.runs),
    )


def _subjects(words: PlanWords) -> list[tuple[str, RunConfig, str]]:
    """Name, configuration and method of every row; kinds of index stand for nearest_neighbour."""
    own = [(method, words.config, method) for method in words.config.methods]
    if not words.indexes:
        return own
    kinds = [(f"index={name}", config, "nearest_neighbour") for name, config in words.indexes.items()]
    return [subject for subject in own if subject[2] != "nearest_neighbour"] + kinds


def _place(words: PlanWords) -> Place:
    reserve_share = words.config.measure.reserve_share
    place = (
        place_here(Path.cwd(), reserve_share)
        if words.ram_bytes is None
        else rented_place(words.ram_bytes, words.hardware, reserve_share, num_machines=words.config.ranks)
    )
    return place if words.disk_bytes is None else place.with_disk(words.disk_bytes)
