"""hardware=: by name, by file, and every mistake in a file as one line."""

from textwrap import dedent

import pytest

from xclass.cli.hardware_words import HARDWARE_HELP, catalogue_names, load_hardware, take_hardware
from xclass.errors import ConfigError
from xclass.units import GIB

OURS = """\
date: 2026-11-01
reserve: 2GiB
reserve_share: 0
headroom_share: 0.1
servers:
  - {vendor: ours, instance: rack-7, ram: 384GB, vcpus: 48, usd_per_hour: 1.10}
  - {vendor: ours, instance: gpu-2, ram: 512GiB, gpu_memory: 80GiB, num_gpus: 4, date: 2026-10-01}
"""


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "ours.yaml"
        path.write_text(text)
        return str(path)

    return write


def test_other_words_are_left_and_clouds_is_the_default():
    hardware, rest = take_hardware(["+classes=5e6", "dim=8"])
    assert hardware.name == "clouds"
    assert rest == ["+classes=5e6", "dim=8"]
    hardware, rest = take_hardware(["dim=8", "+hardware=bare"])
    assert hardware.name == "bare"
    assert rest == ["dim=8"]


def test_a_file_of_ones_own(written):
    hardware, _ = take_hardware([f"hardware={written(OURS)}"])
    assert (hardware.name, hardware.date) == ("ours", "2026-11-01")
    assert (hardware.reserve_bytes, hardware.reserve_share, hardware.headroom_share) == (2 * GIB, 0.0, 0.1)
    rack, gpu = hardware.servers
    assert (rack.ram_bytes, rack.vcpus, rack.usd_per_hour, rack.date) == (384 * 10**9, 48, 1.1, "2026-11-01")
    assert (gpu.ram_bytes, gpu.gpu_memory_bytes, gpu.num_gpus) == (512 * GIB, 80 * GIB, 4)
    assert (gpu.usd_per_hour, gpu.date) == (None, "2026-10-01")


def test_the_example_of_the_help_is_a_file_that_is_read(written):
    example = HARDWARE_HELP.partition(":\n\n")[2].partition("\n\n")[0]
    hardware = load_hardware(written(dedent(example)))
    assert (hardware.headroom_share, hardware.reserve_bytes) == (0.1, 2 * GIB)
    assert [server.instance for server in hardware.servers] == ["rack-7", "gpu-2"]


def entry(**changes):
    values = {"instance": "rack-7", "ram": "384GB"} | changes
    inner = ", ".join(f"{key}: {value}" for key, value in values.items() if value is not None)
    return f"servers:\n  - {{instance: first, ram: 8GB}}\n  - {{{inner}}}\n"


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        (entry(ram="64"), "servers[1].ram=64", "the unit is missing"),
        (entry(ram="64G"), "servers[1].ram=64G", "write GB or GiB"),
        (entry(ram=None), "servers[1].ram=(nothing)", "64GiB (2**30 bytes each) or 64GB"),
        (entry(instance=None), "servers[1].instance=", "a name"),
        (entry(usd_per_hour=0), "servers[1].usd_per_hour=0.0", "leave it out if the price is not known"),
        (entry(usd_per_hour=0.0), "servers[1].usd_per_hour=0.0", "0 would be free of charge"),
        (entry(usd_per_hour=-1), "servers[1].usd_per_hour=-1.0", "more than 0"),
        (entry(usd_per_hour=".nan"), "servers[1].usd_per_hour=nan", "more than 0"),
        (entry(usd_per_hour="cheap"), "servers[1].usd_per_hour=cheap", "a number"),
        (entry(vcpus="2.5"), "servers[1].vcpus=2.5", "a whole number"),
        (entry(vcpus="-2"), "servers[1].vcpus=-2", "0 or more"),
        (entry(price=3), "servers[1].price=3", "usd_per_hour"),
        (entry(gpu_memory="80GB"), "servers[1].num_gpus=0", "give both or neither"),
        (entry(num_gpus=2), "servers[1].num_gpus=2", "give both or neither"),
        (entry(region="'${oc.env:HOME}'", source="'${nowhere}'"), "servers[1].source=${nowhere}", "a text"),
        ("servers: [rack-7]", "servers[0]=rack-7", "keys and values in braces"),
        ("servers: []", "servers=[]", "a list of servers"),
        ("date: today", "servers=None", "a list of servers"),
        ("headroom: 0.1\n" + entry(), "headroom=0.1", "headroom_share"),
        ("headroom_share: 1.0\n" + entry(), "headroom_share=1.0", "below 1"),
        ("reserve: 2\n" + entry(), "reserve=2", "the unit is missing"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_with_file_entry_key_and_remedy(written, text, key, said):
    path = written(text)
    with pytest.raises(ConfigError) as caught:
        load_hardware(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: {key}: allowed is "), message
    assert said in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "text", ["- {instance: a}", "servers: [", "just words", "", "a: b: c", "servers: &a [*a]"]
)
def test_what_is_no_catalogue_is_refused_by_its_path(written, text):
    path = written(text)
    with pytest.raises(ConfigError) as caught:
        load_hardware(path)
    assert path in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_such_catalogue_names_those_that_exist():
    with pytest.raises(ConfigError, match=r"^hardware=cluods: allowed is aws, azure, bare, clouds, gcp, or"):
        take_hardware(["hardware=cluods"])
    assert catalogue_names() == ["aws", "azure", "bare", "clouds", "gcp"]


def test_two_catalogues_are_one_too_many():
    with pytest.raises(ConfigError, match="hardware=aws gcp: allowed is one catalogue"):
        take_hardware(["hardware=aws", "hardware=gcp"])
