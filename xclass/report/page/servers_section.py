"""Which server each phase needs, what it costs a month, and what keeps the next smaller one out."""

from __future__ import annotations

from dataclasses import replace

from xclass.projection.result import ProjectedPhase
from xclass.projection.spread import spread_over_servers
from xclass.report.page.study import PURPOSES, Study
from xclass.report.plan_ranks import rank_words
from xclass.report.text import code, escape, table
from xclass.sizing.alternatives import suggest
from xclass.sizing.choice import Choice, choose, format_usd
from xclass.sizing.hardware import HOURS_PER_MONTH, Hardware, Server
from xclass.units import format_bytes, format_count

_NUM_LEANER = 2
"""Cheaper ways that are named per phase, the cheapest first."""


def servers_section(study: Study) -> str:
    """Every variant and phase, at the largest measured size and at the one that was asked about."""
    phases = [phase for variant in study.configs for phase in _needs(study, variant)]
    headers = [
        "variant",
        "phase",
        "classes",
        "needs at most",
        "server",
        "a month",
        "price of",
        "next smaller one",
        "lacks",
    ]
    cells = [_cells(phase, choice_of(study.hardware, phase)) for phase in phases]
    shown = table(headers, cells, num_text_columns=2, text_columns=("server", "next smaller one"))
    return "\n\n".join([shown, *ranks_note(study), price_note(study.hardware)])


def ranks_note(study: Study) -> list[str]:
    """For heads that no server of the catalogue holds at the size asked about: how many would."""
    lines = []
    for variant, asked in study.asked.items():
        config, method = study.configs[variant]
        fit = None if isinstance(asked, str) else asked[0]
        if fit is not None and choice_of(study.hardware, fit).server is None:
            wanted = replace(config, classes=fit.classes, dim=fit.dim)
            alone, reference = choice_of(study.hardware, fit), study.projector.reference
            spread = spread_over_servers(wanted, method, alone, study.hardware, reference)
            if spread is not None:
                words = "; ".join(rank_words(spread, batch_size=wanted.batch_size))
                lines.append(f"- {code(variant)} {fit.phase}, by closed form: {escape(words)}")
    return ["\n".join(lines)] if lines else []


def leaner_section(study: Study) -> str:
    """What would bring each phase down to a cheaper server, at the size that was asked about."""
    lines = []
    for variant, asked in study.asked.items():
        config = study.configs[variant][0]
        for phase in [] if isinstance(asked, str) else asked:
            if phase.phase in PURPOSES:
                wanted = replace(config, classes=phase.classes, dim=phase.dim)
                found = suggest(wanted, phase.method, phase.phase, needed_of(phase), study.hardware)
                lines += [
                    f"- {code(variant)} {phase.phase}: {escape(one.words)}" for one in found[:_NUM_LEANER]
                ]
    heading = "Bytes are predicted by closed forms; what is lost was measured, at other sizes."
    return "\n".join([heading, "", *lines]) if lines else ""


def choice_of(hardware: Hardware, phase: ProjectedPhase) -> Choice:
    """The server for a phase: chosen for the upper end of its interval, which is what can be promised."""
    return choose(hardware, needed_of(phase))


def needed_of(phase: ProjectedPhase) -> int:
    """The upper end of its interval, of all ranks where it has several: they were measured on one machine."""
    return phase.layout.on_machine(phase.peak.high)


def price_note(hardware: Hardware) -> str:
    """What may be counted on, where the prices come from, and of when they are."""
    dates = sorted({server.date for server in hardware.servers if server.date and server.usd_per_hour})
    ends = " to ".join(escape(date) for date in dict.fromkeys([dates[0], dates[-1]])) if dates else ""
    dated = f"prices of {ends}" if ends else "no prices"
    return (
        f"Catalogue {code(hardware.name)}, {dated}, on demand, Linux, without tax; a month is "
        f"{HOURS_PER_MONTH} hours. Of each server's RAM {hardware.reserve_share * 100:.3g} % and "
        f"{format_bytes(hardware.reserve_bytes)} are kept for hypervisor, kernel and agents, and "
        f"{hardware.headroom_share * 100:.3g} % of the rest stays free. Each server is chosen for the upper "
        "end of the interval. Not counted: replicas, disks, traffic."
    )


def _needs(study: Study, variant: str) -> list[ProjectedPhase]:
    asked = study.asked[variant]
    both = [*study.measured[variant], *([] if isinstance(asked, str) else asked)]
    unique = {(phase.phase, phase.classes, phase.dim): phase for phase in both if phase.phase in PURPOSES}
    return list(unique.values())


def _cells(phase: ProjectedPhase, choice: Choice) -> list[str]:
    return [
        code(phase.variant),
        str(phase.phase),
        format_count(phase.classes),
        f"{format_bytes(needed_of(phase))} ({phase.basis})",
        server_text(choice),
        format_usd(choice.usd_per_month),
        escape(choice.server.date) if choice.server and choice.usd_per_month else "-",
        _smaller_text(choice),
        format_bytes(choice.missing_bytes) if choice.missing_bytes else "-",
    ]


def server_text(choice: Choice) -> str:
    """Its name and RAM, or that there is none."""
    return escape(choice.words) if choice.server is None else _name(choice.server)


def _name(server: Server) -> str:
    return f"{escape(server.vendor)} {code(server.instance)}, {format_bytes(server.ram_bytes)}"


def month_text(choice: Choice) -> str:
    """USD a month, and the date of the price."""
    if choice.server is None or choice.usd_per_month is None:
        return "-"
    date = f" (price of {escape(choice.server.date)})" if choice.server.date else ""
    return f"**{format_usd(choice.usd_per_month)} a month**{date}"


def _smaller_text(choice: Choice) -> str:
    if choice.smaller is None:
        return "-"
    month = choice.smaller.usd_per_month
    return _name(choice.smaller) + ("" if month is None else f", {format_usd(month)}")
