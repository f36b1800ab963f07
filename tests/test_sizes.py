"""Sizes in bytes as people write them."""

import pytest

from xclass.units import format_decimal_bytes, parse_bytes


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
