"""Sizes in bytes as people write them."""

import pytest

from xclass.units import format_decimal_bytes, format_seconds, parse_bytes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2GB", 2 * 10**9), ("2 gb", 2 * 10**9), ("2GiB", 2 << 30), ("1500MB", 1_500_000_000),
        ("512MiB", 512 << 20), ("1.5e9", 1_500_000_000), ("1_500_000_000", 1_500_000_000),
        ("0.5TB", 5 * 10**11), ("1.1GB", 1_100_000_000), ("1.5e3MB", 1_500_000_000),
    ],
)  # fmt: skip
def test_every_spelling_is_exact(text, expected):
    assert parse_bytes(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "GB", "2G", "2Gb it", "-1GB", "nan", "inf", "1e99", "1e99999999", "2", "0GB", "1..5GB"],
)
def test_nonsense_is_refused(text):
    with pytest.raises(ValueError):
        parse_bytes(text)


@pytest.mark.parametrize(
    ("num_bytes", "expected"),
    [(None, "-"), (0, "0 B"), (999, "999 B"), (1_310_000_000, "1.31 GB"), (35_000_000, "35.0 MB"),
     (999_400, "999 kB"), (1.2e12, "1,200 GB")],
)  # fmt: skip
def test_bytes_in_thousands_are_rendered(num_bytes, expected):
    assert format_decimal_bytes(num_bytes) == expected


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"), (0.0013, "1.3 ms"), (4.2, "4.2 s"), (185, "3 min 05 s"), (10_799, "179 min 59 s"),
        (10_800, "3 h 00 min"), (25_320, "7 h 02 min"), (259_200, "3 days"), (1_080_000, "12.5 days"),
        (1e9, "11,574 days"),
    ],
)  # fmt: skip
def test_a_duration_is_told_in_the_units_of_its_size(seconds, text):
    assert format_seconds(seconds) == text
