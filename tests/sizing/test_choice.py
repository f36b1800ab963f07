"""The cheapest server that offers enough, the next smaller one, and what replicas add."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xclass.sizing.choice import choose, describe, format_usd
from xclass.sizing.hardware import Hardware, Server
from xclass.units import GIB


def server(instance, ram_gib, price=None, **facts):
    return Server(
        vendor="v", instance=instance, vcpus=2, ram_bytes=ram_gib * GIB, usd_per_hour=price, **facts
    )


def catalogue(*servers):
    """Offers all of its RAM, so that tests can name bytes."""
    return Hardware(
        name="h", date="", reserve_share=0.0, reserve_bytes=0, headroom_share=0.0, servers=servers
    )


SMALL, MIDDLE, LARGE = server("small", 8, 1.0), server("middle", 16, 2.0), server("large", 64, 5.0)
THREE = catalogue(LARGE, SMALL, MIDDLE)
WITH_GPU = server("gpu", 16, 9.0, gpu_memory_bytes=24 * GIB, num_gpus=4)


@pytest.mark.parametrize(
    ("needed_bytes", "instance"),
    [(0, "small"), (8 * GIB, "small"), (8 * GIB + 1, "middle"), (64 * GIB, "large"), (64 * GIB + 1, None)],
)
def test_the_boundary_is_the_last_byte(needed_bytes, instance):
    chosen = choose(THREE, needed_bytes).server
    assert (chosen and chosen.instance) == instance


def test_headroom_and_reserve_count():
    thrifty = replace(THREE, headroom_share=0.5)
    assert choose(thrifty, 4 * GIB).server == SMALL
    assert choose(thrifty, 4 * GIB + 1).server == MIDDLE


def test_cheaper_wins_over_smaller():
    bargain = server("bargain", 32, 1.5)
    assert choose(catalogue(MIDDLE, bargain), 10 * GIB).server == bargain


def test_of_equal_prices_the_larger_one_is_taken_whatever_the_order():
    twin = server("twin", 12, 1.0)
    for servers in ((SMALL, twin), (twin, SMALL)):
        assert choose(catalogue(*servers), GIB).server == twin


def test_a_server_without_a_price_is_taken_only_where_no_priced_one_fits():
    unpriced = server("unpriced", 16)
    choice = choose(catalogue(unpriced, LARGE), GIB)
    assert choice.server == LARGE
    choice = choose(catalogue(unpriced, SMALL), 10 * GIB)
    assert choice.server == unpriced
    assert choice.usd_per_month is None
    assert choice.words.endswith("no price known")


def test_the_next_smaller_one_and_the_bytes_that_are_missing_for_it():
    choice = choose(THREE, 16 * GIB + 5)
    assert (choice.server, choice.smaller) == (LARGE, MIDDLE)
    assert choice.missing_bytes == 5
    assert choice.smaller_offered_bytes == 16 * GIB


def test_the_cheapest_server_has_no_smaller_one():
    choice = choose(THREE, GIB)
    assert choice.smaller is None
    assert choice.missing_bytes == 0


def test_where_nothing_fits_the_largest_is_named_with_what_it_offers():
    choice = choose(THREE, 65 * GIB)
    assert choice.server is None
    assert choice.largest == LARGE
    assert choice.missing_bytes == GIB
    assert choice.usd_per_month is None
    assert choice.words == (
        "no server of the catalogue offers 65 GiB of RAM; the largest, large, offers 64 GiB"
    )


def test_a_gpu_is_looked_for_only_where_one_is_needed_and_its_memory_is_that_of_one():
    hardware = catalogue(SMALL, WITH_GPU)
    assert choose(hardware, GIB).server == SMALL
    assert choose(hardware, GIB, gpu_bytes=24 * GIB).server == WITH_GPU
    choice = choose(hardware, GIB, gpu_bytes=24 * GIB + 1)
    assert (choice.server, choice.largest) == (None, None)
    assert choice.words.endswith("none has such a GPU")


def test_the_date_of_a_price_stands_beside_it_and_a_gpu_is_shown():
    dated = replace(WITH_GPU, date="2025-03-02")
    assert describe(dated) == (
        "v gpu (16 GiB, 2 vCPU, 4 GPU of 24 GiB): 6,570 USD a month (price of 2025-03-02)"
    )


@pytest.mark.parametrize(
    ("amount", "text"), [(None, "-"), (12345.6, "12,346 USD"), (386.3, "386 USD"), (65.15, "65.2 USD")]
)
def test_dollars(amount, text):
    assert format_usd(amount) == text


@given(
    st.lists(st.tuples(st.integers(1, 99), st.none() | st.floats(0.01, 99)), min_size=1, max_size=12),
    st.integers(0, 100),
)
def test_nothing_that_fits_is_cheaper_and_nothing_cheaper_fits(sizes, needed_gib):
    hardware = catalogue(*(server(str(number), *size) for number, size in enumerate(sizes)))
    choice = choose(hardware, needed_gib * GIB)
    fitting = [found for found in hardware.servers if found.ram_bytes >= needed_gib * GIB]
    if choice.server is None:
        assert fitting == []
        return
    prices = [found.usd_per_hour for found in fitting if found.usd_per_hour is not None]
    assert choice.server in fitting
    assert choice.server.usd_per_hour == (min(prices) if prices else None)
    assert choice.smaller is None or choice.smaller.ram_bytes < needed_gib * GIB
