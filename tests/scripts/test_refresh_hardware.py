"""conf/hardware is what the script makes of the installed libcloud, and nothing in it is free."""

import pytest
import yaml
from real_runs import load_script

pytest.importorskip("libcloud", reason="the extra `hardware` is not installed")


@pytest.fixture(scope="module")
def script():
    return load_script("refresh_hardware")


@pytest.fixture(scope="module")
def made(script):
    said = []
    return script.files(said.append), said


@pytest.fixture(scope="module")
def servers(made):
    return {
        (server["vendor"], server["instance"]): server
        for server in yaml.safe_load(made[0]["clouds.yaml"])["servers"]
    }


def test_the_committed_files_are_the_ones_it_makes(script, made):
    if not script.LIBCLOUD.endswith(" 3.9.1"):
        pytest.skip(f"the files were made from apache-libcloud 3.9.1; here is {script.LIBCLOUD}")
    committed = {path.name: path.read_text() for path in script.CONF.glob("*.yaml")}
    assert committed == made[0]


def test_some_dozens_of_servers_of_several_clouds_from_4_gib_to_terabytes(servers):
    assert 40 <= len(servers) <= 60
    assert {vendor for vendor, _ in servers} == {"aws", "azure", "gcp"}
    sizes = [int(server["ram"].removesuffix("GiB")) for server in servers.values()]
    assert min(sizes) == 4
    assert max(sizes) > 20_000
    assert sum("gpu_memory" in server for server in servers.values()) >= 5


def test_no_price_is_missing_or_free(servers):
    assert all(server["usd_per_hour"] > 0.01 for server in servers.values())


def test_a_zero_is_missing_and_another_region_of_the_same_price_list_is_taken(script, servers):
    """r7i.8xlarge: 2.32848 in us-east-1 is the price of dedicated hardware, 0.0 in us-west-2 is none."""
    prices = script.PRICES["compute"]["ec2_linux"]["r7i.8xlarge"]
    assert prices["us-west-2"] == 0.0
    assert servers["aws", "r7i.8xlarge"]["usd_per_hour"] == prices["us-east-2"] == 2.1168
    assert servers["aws", "r7i.8xlarge"]["region"] == "us-east-2"


def test_a_size_that_has_only_prices_of_dedicated_hardware_is_dropped_aloud(made, servers):
    assert ("aws", "r7i.24xlarge") not in servers
    assert any("r7i.24xlarge: dropped, no price of shared hardware" in line for line in made[1])


@pytest.mark.parametrize(
    ("vendor", "instance", "ram", "price", "date"),
    [
        # The vendors' own list prices: memory per vCPU and USD an hour.
        ("aws", "r7i.2xlarge", "64GiB", 0.5292, "2025-03-02"),
        ("aws", "p5.48xlarge", "2048GiB", 98.32, "2025-03-02"),
        ("azure", "Standard_E8_v4", "64GiB", 0.504, "2020-08-30"),
        ("gcp", "n2-highmem-8", "64GiB", 0.524056, "2020-06-30"),
    ],
)
def test_known_servers(servers, vendor, instance, ram, price, date):
    found = servers[vendor, instance]
    assert (found["ram"], found["usd_per_hour"], str(found["date"])) == (ram, price, date)
    assert found["source"].startswith("apache-libcloud 3.")


def test_memory_of_a_gpu_is_that_of_one(servers):
    assert servers["aws", "p4d.24xlarge"]["gpu_memory"] == "40GB"
    assert servers["aws", "p4d.24xlarge"]["num_gpus"] == 8


def test_prices_of_another_scrape_have_the_date_of_the_file(script, monkeypatch):
    """The day on which somebody updates libcloud's Azure prices, they are not of 2020 any more."""
    changed = {**script.PRICES, "compute": {**script.PRICES["compute"], "azure_linux": {"new": {}}}}
    monkeypatch.setattr(script, "PRICES", changed)
    assert script.section_date("azure_linux") == "2025-03-02"
