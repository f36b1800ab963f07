"""The processes that train one head together, and the few things that they tell each other.

Each rank owns the classes ``class_slice(C, rank, size)``; nothing of size C or B C ever crosses. torch is
loaded only where there is more than one rank.

Source: torch.distributed, whose environment variables (RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR,
MASTER_PORT) ``torchrun`` sets: https://docs.pytorch.org/docs/stable/elastic/run.html
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from xclass.classifiers.class_slices import class_slice
from xclass.classifiers.device import Device
from xclass.classifiers.ranks.traffic import gather_bytes, reduce_bytes, tell_bytes
from xclass.errors import ConfigError, RankHangsError, RanksError

if TYPE_CHECKING:
    import torch


class Ranks(Protocol):
    """What a head asks of the processes it is trained in: all ranks make the same calls in the same order."""

    rank: int
    """This process, 0 to ``size - 1``."""
    size: int
    """Processes that there are."""
    traffic_bytes: int
    """Bytes that crossed between ranks so far, of all of them together, by the closed forms of
    :mod:`xclass.classifiers.ranks.traffic`."""

    def maximum_(self, values: torch.Tensor) -> torch.Tensor:
        """The largest of each value over the ranks, in place."""
        ...

    def sum_(self, values: torch.Tensor) -> torch.Tensor:
        """The sum of each value over the ranks, in place; the same bits on every rank."""
        ...

    def sum_numbers(self, numbers: Sequence[float]) -> list[float]:
        """Sums of a few numbers over the ranks, in float64: whole ones are exact up to 2**53."""
        ...

    def gather(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The arrays of all ranks, which have one shape and dtype: shape (size, ...)."""
        ...

    def agree(self, number: float) -> float:
        """What rank 0 gave: a reading of its clock, on which the ranks decide the same."""
        ...

    def wait(self) -> None:
        """Until every rank is here."""
        ...

    def close(self) -> None:
        """Leave the others."""
        ...


class SingleRank:
    """One process, which owns all classes and tells nobody anything."""

    rank = 0
    size = 1
    traffic_bytes = 0

    def maximum_(self, values: torch.Tensor) -> torch.Tensor:
        """The values."""
        return values

    def sum_(self, values: torch.Tensor) -> torch.Tensor:
        """The values."""
        return values

    def sum_numbers(self, numbers: Sequence[float]) -> list[float]:
        """The numbers."""
        return list(numbers)

    def gather(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The values."""
        return values[None]

    def agree(self, number: float) -> float:
        """The number."""
        return number

    def wait(self) -> None:
        """At once."""

    def close(self) -> None:
        """There are no others."""


SINGLE_RANK = SingleRank()
"""It has no state, so one is enough."""


class ProcessRanks:
    """Ranks of a process group of torch.distributed: gloo on the CPU, NCCL on GPUs.

    Memory:
        gloo's own buffers of a reduction, about its payload; what is gathered.
    """

    def __init__(self, group: Any = None, *, device: Device = Device.cpu) -> None:
        """Take over a group that exists.

        Args:
            group: of torch.distributed; None: all processes.
            device: where its backend wants the values: NCCL takes nothing from the host.
        """
        import torch.distributed

        self._distributed: Any = torch.distributed
        self._group = group
        self._device = device.value
        self.rank: int = self._distributed.get_rank(group)
        self.size: int = self._distributed.get_world_size(group)
        self.traffic_bytes = 0

    def maximum_(self, values: torch.Tensor) -> torch.Tensor:
        """The largest of each value, in place."""
        return self._reduce(values, self._distributed.ReduceOp.MAX)

    def sum_(self, values: torch.Tensor) -> torch.Tensor:
        """The sum of each value, in place."""
        return self._reduce(values, self._distributed.ReduceOp.SUM)

    def sum_numbers(self, numbers: Sequence[float]) -> list[float]:
        """Sums in float64."""
        import torch

        values = torch.tensor(numbers, dtype=torch.float64, device=self._device)
        sums: list[float] = self.sum_(values).tolist()
        return sums

    def gather(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The arrays of all ranks."""
        import torch

        mine = torch.from_numpy(np.ascontiguousarray(values)).to(self._device)
        everyone = torch.empty((self.size, *values.shape), dtype=mine.dtype, device=self._device)
        with self._named("gather"):
            self._distributed.all_gather(list(everyone.unbind()), mine, group=self._group)
        self.traffic_bytes += gather_bytes(self.size, mine.nbytes)
        gathered: npt.NDArray[Any] = everyone.cpu().numpy()
        return gathered

    def agree(self, number: float) -> float:
        """What rank 0 gave."""
        import torch

        value = torch.tensor([number], dtype=torch.float64, device=self._device)
        with self._named("broadcast"):
            self._distributed.broadcast(value, group_src=0, group=self._group)
        self.traffic_bytes += tell_bytes(self.size, value.nbytes)
        return float(value)

    def wait(self) -> None:
        """Until every rank is here."""
        with self._named("barrier"):
            self._distributed.barrier(group=self._group)

    def close(self) -> None:
        """End the group."""
        self._distributed.destroy_process_group(self._group)

    def _reduce(self, values: torch.Tensor, operation: Any) -> torch.Tensor:
        assert values.is_contiguous()
        with self._named("reduction"):
            self._distributed.all_reduce(values, op=operation, group=self._group)
        self.traffic_bytes += reduce_bytes(self.size, values.nbytes)
        return values

    @contextmanager
    def _named(self, what: str) -> Iterator[None]:
        """Turn what a backend raises when another rank is gone into one line."""
        try:
            yield
        except RuntimeError as error:
            raise _lost(
                f"rank {self.rank} of {self.size}: a {what} failed, because another rank is gone or "
                f"hangs ({_reason(error)}); look at what that rank said last",
                error,
            ) from error


@dataclass(frozen=True, kw_only=True, slots=True)
class Ownership:
    """Which classes this rank owns, and who has the others.

    Attributes:
        ranks: all of them.
        first_class: what row 0 of this rank is among all classes.
        num_classes: C, of all ranks.
    """

    ranks: Ranks
    first_class: int
    num_classes: int

    @classmethod
    def of_all(cls, num_classes: int) -> Ownership:
        """One process owns them all."""
        return cls(ranks=SINGLE_RANK, first_class=0, num_classes=num_classes)


def open_ranks(*, device: Device = Device.cpu, patience_seconds: float) -> Ranks:
    """The ranks that this process was started among; one that ``torchrun`` did not start is alone.

    With ``device=cuda`` the process takes the GPU of its number on this machine (LOCAL_RANK).

    Args:
        device: of the class vectors.
        patience_seconds: after which a rank that hangs ends the others; longer than the slowest rank works
            between two exchanges. One that dies closes its connections, which ends them at once.

    Raises:
        RankHangsError: the others did not come in time.
        RanksError: they cannot be reached.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return SINGLE_RANK
    import torch.distributed

    if device is not Device.cpu:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    try:
        torch.distributed.init_process_group(
            "gloo" if device is Device.cpu else "nccl", timeout=timedelta(seconds=patience_seconds)
        )
    except (RuntimeError, ValueError) as error:
        raise _lost(
            f"rank {os.environ.get('RANK')} of {os.environ['WORLD_SIZE']} cannot reach the others at "
            f"{os.environ.get('MASTER_ADDR')}:{os.environ.get('MASTER_PORT')} ({_reason(error)}); start all "
            "of them with torchrun",
            error,
        ) from error
    return ProcessRanks(device=device)


def own_classes(ranks: Ranks, num_classes: int) -> range:
    """The classes of this rank.

    Raises:
        ConfigError: a rank would have none.
    """
    if ranks.size > num_classes:
        raise ConfigError(
            "ranks", ranks.size, allowed=f"1 to {num_classes}, the number of classes", remedy="take fewer"
        )
    return class_slice(num_classes, ranks.rank, ranks.size)


def rank_facts(ranks: Ranks, classes: range) -> dict[str, Any]:
    """Facts for the record of one of several ranks; none of a single one."""
    if ranks.size == 1:
        return {}
    return {
        "rank": ranks.rank,
        "ranks": ranks.size,
        "first_class": classes.start,
        "own_classes": len(classes),
        "traffic_bytes": ranks.traffic_bytes,
    }


def _lost(message: str, error: Exception) -> RanksError:
    """What has happened, by what a backend says: gloo "Timed out waiting", NCCL and the store "timeout"."""
    has_waited = re.search(r"time(d )?-?out", str(error), re.IGNORECASE)
    return (RankHangsError if has_waited else RanksError)(message)


def _reason(error: Exception) -> str:
    """The first sentence of what a backend says, without the place in its source."""
    first_line = (str(error).splitlines() or ["no reason given"])[0]
    return re.sub(r"^\[[^\]]*\] *", "", first_line).split(". ")[0]
