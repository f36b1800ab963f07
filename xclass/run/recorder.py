"""The records of one run: made with all that is known, kept at once, found again when the run is resumed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from xclass.config import RunConfig
from xclass.errors import ConfigError
from xclass.measure.conditions import machine_conditions
from xclass.measure.limits import AvailableMemory
from xclass.measure.machine import machine_facts
from xclass.records.record import Pass, Phase, Record, Verdict
from xclass.records.store import RECORDS_FOLDER, read_records, write_record
from xclass.run.spec import rank_environment
from xclass.sizing.plan import PhasePlan

_Key = tuple[str, Phase, Pass, int]


class Recorder:
    """Makes and keeps the records of one run folder.

    Attributes:
        config_json: the configuration as the child will read it: enumerations are their values.
        facts: what the prepare phase found; in every record that is made afterwards.
        num_found: records of an earlier start of this run that can be used.
    """

    def __init__(
        self,
        config: RunConfig,
        *,
        run_dir: Path,
        environment: dict[str, str],
        invocation: str,
        verdicts: list[Verdict],
        is_resumed: bool,
    ) -> None:
        """Read what the folder holds of this very configuration, if the run is resumed.

        Args:
            config: of the run.
            run_dir: its folder.
            environment: variables pinned for the children.
            invocation: what the user typed.
            verdicts: is appended to with every record that is kept or recalled.
            is_resumed: the folder may hold records, and those of this configuration are not made again.

        Raises:
            ConfigError: it holds records and is not resumed: they would be mixed with others, or lost.
        """
        if not is_resumed and any((run_dir / RECORDS_FOLDER).glob("*.json")):
            raise ConfigError(
                "hydra.run.dir",
                run_dir,
                allowed="a folder without records of another run",
                remedy=f"choose another, or go on with that run: python -m xclass.resume {run_dir}",
            )
        self._config = config
        self._run_dir = run_dir
        self._environment = environment
        self._of_ranks = rank_environment(config)
        self._invocation = invocation
        self._verdicts = verdicts
        self._machine = machine_facts()
        self.config_json: dict[str, Any] = json.loads(json.dumps(asdict(config)))
        self.facts: dict[str, Any] = {}
        self._found = {
            (record.method, record.phase, record.pass_, record.repeat): record
            for record in (read_records(run_dir, damaged=[]) if is_resumed else [])
            if self._is_usable(record)
        }
        self._counted: set[_Key] = set()
        self.num_found = len(self._found)

    def _is_usable(self, record: Record) -> bool:
        """It is a measurement that this run would make. What failed is tried again."""
        return (
            record.verdict is Verdict.MEASURED
            and record.config == self.config_json
            and record.environment == self._environment | (self._of_ranks if record.ranks else {})
        )

    def recall(self, method: str, phase: Phase, pass_: Pass, repeat: int = 0) -> Record | None:
        """The record of an earlier, unfinished run; None where there is none that can be used."""
        key = (method, phase, pass_, repeat)
        record = self._found.get(key)
        if record is not None and key not in self._counted:
            self._counted.add(key)
            self._verdicts.append(record.verdict)
        return record

    def has_all(self, method: str, plans: Sequence[PhasePlan], passes: Sequence[tuple[Pass, int]]) -> bool:
        """Whether all phases of all these passes, each with the number of its repeat, are on record."""
        keys = [(plan.phase, pass_, repeat) for plan in plans for pass_, repeat in passes]
        if not all((method, *key) in self._found for key in keys):
            return False
        for key in keys:
            self.recall(method, *key)
        return True

    def make(
        self,
        method: str,
        phase: Phase,
        pass_: Pass,
        repeat: int = 0,
        *,
        plan: PhasePlan | None = None,
        memory: AvailableMemory | None = None,
        conditions: dict[str, Any] | None = None,
    ) -> Record:
        """A record with all that does not come from the child; ``failed`` until its verdict is known."""
        return Record(
            method=method,
            phase=phase,
            pass_=pass_,
            repeat=repeat,
            verdict=Verdict.FAILED,
            classes=self.facts.get("num_classes", self._config.classes or 0),
            dim=self._config.dim,
            data=self._config.data.name,
            seed=self._config.seed,
            predicted=plan.to_json() if plan else None,
            available_bytes=memory.available_bytes if memory else None,
            conditions=dict(conditions or {}),
            data_facts=self.facts,
            config=self.config_json,
            machine=self._machine,
            environment=self._environment,
            invocation=self._invocation,
            started_at=(conditions or machine_conditions())["began_at"],
        )

    def keep(self, record: Record) -> None:
        """Write a new record and count its verdict."""
        self.write(record)
        self._verdicts.append(record.verdict)

    def write(self, record: Record) -> None:
        """Write a record, also one that was kept and has changed since."""
        write_record(self._run_dir, record)
