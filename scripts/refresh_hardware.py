"""Rebuild conf/hardware/*.yaml from the data inside the installed apache-libcloud; say what was dropped.

    pip install 'xclass[hardware]' && python scripts/refresh_hardware.py

No network is used, so the same libcloud gives the same files (tests/scripts/test_refresh_hardware.py).
A price of 0.0 means missing there, never free. Prices are on demand, Linux, US dollars without tax, one
region per vendor.

Which sizes are listed is a choice of ours: current families as far as libcloud has them, for memory
rather than for compute, few per size. RAM of EC2 sizes comes from libcloud as well; it has none of
Azure's and Google's, which stand below with their source. All three vendors write GB and mean GiB.
Left out: Vultr (prices without a date), Outscale and the smaller ones (no currency, or no RAM).
"""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from libcloud.compute.constants.ec2_instance_types import INSTANCE_TYPES
from libcloud.pricing import get_pricing_file_path

CONF = Path(__file__).parents[1] / "conf" / "hardware"
PRICES: dict[str, Any] = json.loads(Path(get_pricing_file_path()).read_text())
LIBCLOUD = f"apache-libcloud {version('apache-libcloud')}"

SECTION_DATES = {
    "azure_linux": ("39597d17", "2020-08-30"),
    "gce_instances": ("492a9e9a", "2020-06-30"),
}
"""Digest of a section of pricing.json -> when it was scraped; other digests have the date of the whole
file.

The one date in the file is that of its last change, which is of the EC2 prices as a rule. Source:
history of libcloud/data/pricing.json in github.com/apache/libcloud: the sections have been the same
since commits dda9d96d3 (Azure) and f05e4777b (Google).
"""
BARE_GB = (4, 8, 16, 32, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048, 4096)

EC2_REGIONS = ("us-east-1", "us-east-2", "us-west-2")
"""In this order. One price list holds for all three, so what one lacks another has."""
EC2_SIZES = {
    "c7i": ("large",),
    "m7i": ("large", "xlarge", "2xlarge", "4xlarge"),
    "r7i": (
        "large",
        "xlarge",
        "2xlarge",
        "4xlarge",
        "8xlarge",
        "12xlarge",
        "16xlarge",
        "24xlarge",
        "48xlarge",
    ),
    "x2iedn": ("xlarge", "2xlarge", "4xlarge", "8xlarge", "16xlarge", "24xlarge", "32xlarge"),
    "u-6tb1": ("56xlarge",),
    "u7i-12tb": ("224xlarge",),
    "u-24tb1": ("112xlarge",),
    "g6": ("xlarge", "4xlarge"),
    "g6e": ("xlarge", "4xlarge", "16xlarge"),
    "p4d": ("24xlarge",),
    "p5": ("48xlarge",),
}
EC2_PROPORTIONAL = ("c7i", "m7i", "r7i", "x2iedn")
"""Families whose price is proportional to the vCPUs, so that one size can be judged by the others."""
DEDICATED_MARKUP = 1.02
"""More than this over the lowest price that the family or the size has is not the price of shared
hardware.

libcloud's scraper keeps the last price of a size that it meets, which for some is 0 (capacity that was
reserved) and for some that of dedicated hardware, 10 % more. Source: prices of r7i in pricing.json,
0.2646 USD for xlarge and 2.32848 for eight times as much in us-east-1; github.com/apache/libcloud pull
2100 mends the scraper, after 3.9.1.
"""

AZURE_REGION = "eastus"
AZURE_GIB = {
    "Standard_D2_v4": (2, 8), "Standard_D4_v4": (4, 16), "Standard_D8_v4": (8, 32),
    "Standard_E2_v4": (2, 16), "Standard_E4_v4": (4, 32), "Standard_E8_v4": (8, 64),
    "Standard_E16_v4": (16, 128),
    "Standard_E32_v4": (32, 256), "Standard_E48_v4": (48, 384), "Standard_E64_v4": (64, 504),
    "Standard_M64s": (64, 1024), "Standard_M64ms": (64, 1792), "Standard_M128s": (128, 2048),
    "Standard_M128ms": (128, 3892), "Standard_M208ms_v2": (208, 5700), "Standard_M416ms_v2": (416, 11400),
}  # fmt: skip
"""vCPUs and GiB. Source: AksNodeVmSizes.cs of github.com/microsoft/aspire (families EV4, MS, MSv2)."""

GCE_REGION = "us-central1"
GCE_GIB = {
    "n2-standard-2": (2, 8), "n2-highmem-2": (2, 16), "n2-highmem-4": (4, 32), "n2-highmem-8": (8, 64),
    "n2-highmem-16": (16, 128), "n2-highmem-32": (32, 256), "n2-highmem-48": (48, 384),
    "n2-highmem-64": (64, 512), "n2-highmem-96": (96, 768), "m1-ultramem-40": (40, 961),
    "m1-ultramem-80": (80, 1922), "m1-ultramem-160": (160, 3844),
}  # fmt: skip
"""vCPUs and GiB. Source: tools/machinetypes.csv of
github.com/Cyclenerd/google-cloud-pricing-cost-calculator, which lists what Google's API answers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One line of a file."""

    vendor: str
    instance: str
    vcpus: int
    ram_gib: int
    usd_per_hour: float
    region: str
    source: str
    date: str
    gpu: str = ""

    def line(self) -> str:
        """The entry as YAML."""
        return (
            f"  - {{vendor: {self.vendor}, instance: {self.instance}, vcpus: {self.vcpus},"
            f" ram: {self.ram_gib}GiB,{self.gpu} usd_per_hour: {self.usd_per_hour:.6g},"
            f' region: {self.region}, date: {self.date}, source: "{self.source}"}}\n'
        )


Say = Callable[[str], None]


def section_date(section: str) -> str:
    """When the prices of a section were scraped."""
    digest = hashlib.sha256(json.dumps(PRICES["compute"][section], sort_keys=True).encode()).hexdigest()
    known, date = SECTION_DATES.get(section, ("", ""))
    if known and digest.startswith(known):
        return date
    return datetime.datetime.fromtimestamp(PRICES["updated"], tz=datetime.UTC).date().isoformat()


def ec2(say: Say) -> Iterator[Entry]:
    """Servers of Amazon."""
    prices = PRICES["compute"]["ec2_linux"]
    for family, sizes in EC2_SIZES.items():
        names = [f"{family}.{size}" for size in sizes]
        lowest = {
            name: min((p for r in EC2_REGIONS if (p := prices[name].get(r))), default=0.0) for name in names
        }
        vcpus = {name: int(INSTANCE_TYPES[name]["extra"]["vcpu"]) for name in names}
        if family in EC2_PROPORTIONAL:
            per_vcpu = min(lowest[name] / vcpus[name] for name in names if lowest[name])
            lowest = {name: per_vcpu * vcpus[name] for name in names}
        for name in names:
            region = next(
                (r for r in EC2_REGIONS if 0.0 < prices[name].get(r, 0.0) <= lowest[name] * DEDICATED_MARKUP),
                None,
            )
            if region is None:
                seen = ", ".join(f"{r} {prices[name].get(r, 0.0):g}" for r in EC2_REGIONS)
                say(f"aws {name}: dropped, no price of shared hardware (expected {lowest[name]:.5g}; {seen})")
                continue
            ram_mib = INSTANCE_TYPES[name]["ram"]
            assert ram_mib % 1024 == 0, f"{name}: {ram_mib} MiB"
            yield Entry(
                vendor="aws", instance=name, vcpus=vcpus[name], ram_gib=ram_mib // 1024,
                usd_per_hour=prices[name][region], region=region, date=section_date("ec2_linux"),
                source=f"{LIBCLOUD}: ec2_linux, ec2_instance_types", gpu=_ec2_gpu(name),
            )  # fmt: skip


def _ec2_gpu(name: str) -> str:
    """Memory of one GPU; libcloud has that of all of them, as ``96 GB`` or ``640 GB HBM3``."""
    extra = INSTANCE_TYPES[name]["extra"]
    if extra.get("gpuMemory", "NA") == "NA":
        return ""
    number, unit = extra["gpuMemory"].split()[:2]
    # "24 GB" of an L4 is 24 GiB on its data sheet's own chips; the smaller reading is taken.
    return f" gpu_memory: {int(number) // int(extra['gpu'])}{unit}, num_gpus: {extra['gpu']},"


def azure(say: Say) -> Iterator[Entry]:
    """Servers of Microsoft."""
    prices = PRICES["compute"]["azure_linux"]
    for name, (vcpus, ram_gib) in AZURE_GIB.items():
        price = prices.get(name.replace("_", "").lower(), {}).get(AZURE_REGION, 0.0)
        if not price:
            say(f"azure {name}: dropped, no price in {AZURE_REGION}")
            continue
        yield Entry(
            vendor="azure", instance=name, vcpus=vcpus, ram_gib=ram_gib, usd_per_hour=price,
            region=AZURE_REGION, date=section_date("azure_linux"),
            source=f"{LIBCLOUD}: azure_linux; RAM: microsoft/aspire AksNodeVmSizes",
        )  # fmt: skip


def gce(say: Say) -> Iterator[Entry]:
    """Servers of Google, which bills by vCPU and by GiB."""
    prices = PRICES["compute"]["gce_instances"]
    for name, (vcpus, ram_gib) in GCE_GIB.items():
        rates = {
            kind: float(prices[name[:2]][kind]["on_demand"].get(GCE_REGION, {"price": 0.0})["price"])
            for kind in ("cpu", "ram")
        }
        if not all(rates.values()):
            say(f"gcp {name}: dropped, no price in {GCE_REGION}: {rates}")
            continue
        yield Entry(
            vendor="gcp", instance=name, vcpus=vcpus, ram_gib=ram_gib,
            usd_per_hour=round(vcpus * rates["cpu"] + ram_gib * rates["ram"], 6), region=GCE_REGION,
            date=section_date("gce_instances"), source=f"{LIBCLOUD}: gce_instances; RAM: machinetypes.csv",
        )  # fmt: skip


def files(say: Say) -> dict[str, str]:
    """Text of every file, by its name."""
    vendors = {"aws": list(ec2(say)), "azure": list(azure(say)), "gcp": list(gce(say))}
    vendors["clouds"] = [entry for entries in vendors.values() for entry in entries]
    texts = {f"{name}.yaml": _text(name, entries) for name, entries in vendors.items()}
    return texts | {"bare.yaml": _bare()}


def _text(name: str, entries: list[Entry]) -> str:
    first, last = min(e.date for e in entries), max(e.date for e in entries)
    dates = first if first == last else f"{first} to {last}"
    head = f"# {len(entries)} servers. Made by scripts/refresh_hardware.py from {LIBCLOUD}; do not edit.\n"
    # The whole is as old as its oldest price.
    return (
        f"{head}# On demand, Linux, USD without tax; prices of {dates}.\ndate: {first}\nservers:\n"
        + "".join(
            entry.line() for entry in sorted(entries, key=lambda e: (e.vendor, e.ram_gib, e.usd_per_hour))
        )
    )


def _bare() -> str:
    lines = "".join(f"  - {{vendor: bare, instance: {size} GB, ram: {size}GB}}\n" for size in BARE_GB)
    return (
        "# Machines of so many GB without a vendor or a price: the smallest that offers enough is named.\n"
        "# GB (10**9 bytes) is the smaller reading: what fits there fits where GiB were meant.\n"
        f"# Made by scripts/refresh_hardware.py; do not edit.\nservers:\n{lines}"
    )


def main() -> None:
    """Write the files."""
    for name, text in files(print).items():
        (CONF / name).write_text(text)
        print(f"{CONF / name}: {text.count('instance:')} servers")


if __name__ == "__main__":
    main()
