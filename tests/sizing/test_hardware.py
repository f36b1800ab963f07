"""What of a server may be counted on, and in which order servers are looked at."""

import pytest

from xclass.sizing.hardware import HOURS_PER_MONTH, Hardware, Server
from xclass.units import GIB


def server(instance, ram_bytes=16 * GIB, **facts):
    return Server(vendor="v", instance=instance, vcpus=2, ram_bytes=ram_bytes, **facts)


def test_reserve_and_headroom_are_taken_off_in_this_order():
    hardware = Hardware(name="h", date="", reserve_share=0.1, reserve_bytes=GIB, headroom_share=0.5)
    machine = server("a", 10 * GIB)
    assert hardware.usable_bytes(machine) == 8 * GIB
    assert hardware.offered_bytes(machine) == 4 * GIB


def test_a_server_smaller_than_the_reserve_offers_nothing():
    hardware = Hardware(name="h", date="", reserve_share=0.0, reserve_bytes=GIB)
    assert hardware.offered_bytes(server("a", GIB // 2)) == 0


def test_less_is_counted_on_by_default_than_any_ec2_machine_has():
    """7.5 % by karpenter-provider-aws issue 7929, and something for the operator."""
    assert Hardware(name="h", date="").usable_bytes(server("a", 64 * GIB)) == int(64 * GIB * 0.925) - GIB // 2


def test_gb_offers_less_than_gib():
    hardware = Hardware(name="h", date="")
    assert hardware.offered_bytes(server("a", 64 * 10**9)) < hardware.offered_bytes(server("b", 64 * GIB))


def test_a_month_has_730_hours_and_no_price_is_not_a_free_month():
    assert HOURS_PER_MONTH == 730
    assert server("a", usd_per_hour=0.1).usd_per_month == pytest.approx(73.0)
    assert server("a").usd_per_month is None


def test_servers_are_ranked_by_price_then_size_and_unpriced_ones_come_last():
    servers = (
        server("unpriced-large", 64 * GIB),
        server("unpriced-small", 8 * GIB),
        server("dear", 8 * GIB, usd_per_hour=2.0),
        server("tied-small", 8 * GIB, usd_per_hour=1.0),
        server("tied-large", 32 * GIB, usd_per_hour=1.0),
    )
    hardware = Hardware(name="h", date="", servers=servers)
    assert [found.instance for found in hardware.ranked()] == [
        "tied-large", "tied-small", "dear", "unpriced-small", "unpriced-large",
    ]  # fmt: skip


def test_prices_are_as_old_as_the_oldest_and_as_new_as_the_newest():
    old, new = (
        server("a", usd_per_hour=1.0, date="2020-06-30"),
        server("b", usd_per_hour=1.0, date="2025-03-02"),
    )
    unpriced = server("c", date="2026-01-01")
    assert Hardware(name="h", date="", servers=(new, unpriced, old)).price_dates == "2020-06-30 to 2025-03-02"
    assert Hardware(name="h", date="", servers=(new,)).price_dates == "2025-03-02"
    assert Hardware(name="h", date="", servers=(unpriced,)).price_dates == ""
