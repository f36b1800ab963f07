"""What the plan says of several processes and machines: ranks of a head, shards of an index."""

from __future__ import annotations

import textwrap

from xclass.projection.estimate import Estimate, MethodEstimate
from xclass.projection.phase_estimate import PhaseEstimate
from xclass.projection.spread import Spread
from xclass.records.record import Phase
from xclass.sizing.choice import format_usd
from xclass.units import format_bytes, format_count, format_decimal_bytes, format_seconds

_WIDTH = 80


def rank_notes(method: MethodEstimate, phase: PhaseEstimate) -> list[str]:
    """Below the table: whose bytes the line shows, where the run has several ranks."""
    projected, asked = phase.projected, method.config.ranks
    if projected.phase in (Phase.LOAD, Phase.SERVE) or asked == 1:
        return []
    layout = projected.layout
    if layout.num_ranks == 1:
        return [f"{projected.phase}: cannot be divided over ranks: one process, with all classes"]
    here = "one of them" if layout.ranks_here == 1 else f"{layout.ranks_here} of them"
    needed = format_bytes(phase.required_bytes)
    return [
        f"{projected.phase}: bytes of each of {layout.num_ranks} ranks; a machine with {here} and torchrun's "
        f"own process needs {needed}"
    ]


def spread_lines(estimate: Estimate) -> list[str]:
    """For what one machine does not hold: how many would, their price, and what crosses between them."""
    lines: list[str] = []
    for method in estimate.methods:
        if method.spread is not None:
            lines += [_paragraph(text) for text in _spread_words(estimate, method, method.spread)]
        if method.shards is not None:
            lines.append(_paragraph(_shard_words(estimate, method.name, method.shards)))
    return ["on several machines, or piece by piece, by closed form", *lines] if lines else []


def server_words(method: MethodEstimate) -> str:
    """The server of the fit phase; where it is several, how many and what they cost together."""
    choice, layout = method.fit_server, method.phases[0].projected.layout
    if layout.num_machines == 1 or choice.server is None:
        return choice.words
    price = choice.usd_per_month
    in_all = "" if price is None else f", {format_usd(layout.num_machines * price)} in all"
    return f"{layout.num_machines} x {choice.words}{in_all}"


def rank_words(spread: Spread, *, batch_size: int) -> list[str]:
    """Bytes, price and traffic of a head in ranks."""
    found = spread.cluster
    each = f"{format_bytes(found.required_bytes)} on each, with {format_count(found.slice_classes)} classes"
    sent = format_bytes(found.step_bytes / found.num_ranks)
    text = (
        f"a step of {format_count(batch_size)} examples: each rank sends {sent}, "
        f"about {format_seconds(found.network_seconds)} at 10 Gbit/s and 50 us a message"
    )
    if spread.step_seconds is not None:
        text += f", and computes about {format_seconds(spread.step_seconds.value)}"
    if spread.is_network_bound:
        text += ": THE NETWORK TAKES LONGER, so that fewer ranks on larger machines are as fast"
    return [
        f"trained in {found.num_ranks} ranks, one on each machine (ranks={found.num_ranks}): {each}; the "
        "model is served by one machine",
        _price_words(spread),
        text,
    ]


def _spread_words(estimate: Estimate, method: MethodEstimate, spread: Spread) -> list[str]:
    ranks, size = spread.cluster.num_ranks, format_decimal_bytes(estimate.place.ram_bytes)
    least = "" if ranks == method.config.ranks else ", the fewest that do"
    words = rank_words(spread, batch_size=method.config.batch_size)
    return [f"  {method.name} needs {ranks} x {size}{least}", *(f"    {line}" for line in words)]


def _price_words(spread: Spread) -> str:
    server, ranks = spread.server.server, spread.cluster.num_ranks
    if server is None:
        return spread.server.words
    price = spread.usd_per_month
    in_all = "" if price is None else f", {format_usd(price)} in all"
    return f"{ranks} x {spread.server.words}{in_all}"


def _shard_words(estimate: Estimate, name: str, shards: int) -> str:
    room = estimate.place.room
    return (
        f"  {name}: built within {format_bytes(room.usable_bytes)} in {shards} shards, one after the other "
        f"(index.shards={shards}), or one shard on each of {shards} machines (index.shard=0 to {shards - 1}, "
        "then python -m xclass.merge)"
    )


def _paragraph(text: str) -> str:
    indent = " " * (len(text) - len(text.lstrip()) + 2)
    return "\n".join(textwrap.wrap(text, _WIDTH, subsequent_indent=indent, break_on_hyphens=False))
