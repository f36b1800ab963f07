"""The word ``hardware=``: a catalogue of conf/hardware by name, or a client's own file, checked by entry.

    python -m xclass.project runs=outputs/... +classes=5e7 hardware=aws
    python -m xclass.plan +classes=5e6 hardware=ours.yaml

What may stand in such a file is said in :data:`HARDWARE_HELP`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from xclass.cli.compose import config_dir
from xclass.cli.run_words import find_path
from xclass.errors import ConfigError
from xclass.sizing.hardware import Hardware, Server
from xclass.units import parse_bytes

DEFAULT_HARDWARE = "clouds"
HARDWARE_HELP = """
hardware=NAME takes a catalogue: clouds (the default; aws, azure and gcp are its parts), or bare (machines of
so many GB, without prices). hardware=FILE.yaml takes your own; only servers must be there, and of each
instance and ram:

    date: 2026-11-01            # of the prices
    headroom_share: 0.1         # of the usable RAM that stays free (default 0.2)
    reserve: 2GiB               # for the operator's own processes (default 512 MiB)
    reserve_share: 0.05         # of the RAM, for hypervisor, firmware and kernel (default 0.075)
    servers:
      - {vendor: ours, instance: rack-7, ram: 384GB, vcpus: 48, usd_per_hour: 1.10}
      - {vendor: ours, instance: gpu-2, ram: 512GiB, gpu_memory: 80GiB, num_gpus: 4}

GB is 10**9 bytes and GiB 2**30; what vendors call GB of RAM is GiB as a rule. gpu_memory is that of one GPU.
A server without a price comes last; a price of 0 is refused, since nothing is free.
"""
"""Last in the ``--help`` of every command that takes the word."""
_GROUP = "hardware"
_DEFAULTS = Hardware(name="", date="")
_KINDS = {"str": "a text", "int": "a whole number", "float": "a number"}


@dataclass(kw_only=True, slots=True)
class ServerEntry:
    """One server of a file, as it is written there: the schema of ``servers``."""

    instance: str = ""
    ram: str = ""
    vendor: str = ""
    vcpus: int = 0
    gpu_memory: str | None = None
    num_gpus: int = 0
    usd_per_hour: float | None = None
    region: str = ""
    source: str = ""
    date: str = ""


@dataclass(kw_only=True, slots=True)
class CatalogueHead:
    """What stands in a file beside ``servers``."""

    name: str = ""
    date: str = ""
    reserve_share: float = _DEFAULTS.reserve_share
    reserve: str = f"{_DEFAULTS.reserve_bytes} B"
    headroom_share: float = _DEFAULTS.headroom_share


def take_hardware(words: list[str]) -> tuple[Hardware, list[str]]:
    """Take ``hardware=`` out of the words of a command.

    Args:
        words: of the command line; ``hardware=NAME``, ``+hardware=FILE.yaml`` or nothing of the kind
            among them.

    Returns:
        The catalogue, :data:`DEFAULT_HARDWARE` where none was named, and the other words.

    Raises:
        ConfigError: named twice, no such catalogue, or a mistake in the file: it names file, entry and
            key.
    """
    chosen = [word for word in words if word.lstrip("+").startswith(f"{_GROUP}=")]
    values = [word.partition("=")[2] for word in chosen] or [DEFAULT_HARDWARE]
    if len(values) > 1:
        raise ConfigError(
            _GROUP, " ".join(values), allowed="one catalogue", remedy="put all servers into one file"
        )
    return load_hardware(values[0]), [word for word in words if word not in chosen]


def load_hardware(name: str) -> Hardware:
    """Read a catalogue.

    Args:
        name: of a file of conf/hardware, without its ending; or the path of another YAML file.

    Raises:
        ConfigError: no such catalogue, or a mistake in the file: it names file, entry and key.
    """
    path = _find(name)
    document = _read(path)
    entries = document.pop("servers", None)
    head: CatalogueHead = _checked(f"{path}: ", document, CatalogueHead)
    if not isinstance(entries, list) or not entries:
        remedy = "such as servers: [{instance: rack-7, ram: 384GB}]"
        raise ConfigError(f"{path}: servers", entries, allowed="a list of servers", remedy=remedy)
    return Hardware(
        name=head.name or path.stem,
        date=head.date,
        reserve_share=_share(f"{path}: reserve_share", head.reserve_share),
        reserve_bytes=_size(f"{path}: reserve", head.reserve),
        headroom_share=_share(f"{path}: headroom_share", head.headroom_share),
        servers=tuple(_server(f"{path}: servers[{i}]", entry, head) for i, entry in enumerate(entries)),
    )


def catalogue_names() -> list[str]:
    """Names that ``hardware=`` knows."""
    return sorted(path.stem for path in (config_dir() / _GROUP).glob("*.yaml"))


def _find(name: str) -> Path:
    names = catalogue_names()
    path = config_dir() / _GROUP / f"{name}.yaml" if name in names else find_path(name)
    if path is None or not path.is_file():
        allowed = f"{', '.join(names)}, or a YAML file of your own"
        raise ConfigError(_GROUP, name or "(nothing)", allowed=allowed, remedy="there is no such file")
    return path


def _read(path: Path) -> dict[str, Any]:
    allowed = "a YAML file of keys, servers among them"
    try:
        document = OmegaConf.to_container(OmegaConf.load(path))
    except (yaml.YAMLError, OmegaConfBaseException, OSError, UnicodeDecodeError, RecursionError) as error:
        remedy = f"it cannot be read: {' '.join(str(error).split())}"
        raise ConfigError(_GROUP, path, allowed=allowed, remedy=remedy) from None
    if not isinstance(document, dict):
        raise ConfigError(_GROUP, path, allowed=allowed, remedy="it holds a list; put servers: before it")
    return {str(key): value for key, value in document.items()}


def _server(place: str, values: Any, head: CatalogueHead) -> Server:
    """A server of its entry; ``place`` is file and number."""
    if not isinstance(values, dict):
        remedy = "such as {instance: rack-7, ram: 384GB}"
        raise ConfigError(place, values, allowed="keys and values in braces", remedy=remedy)
    entry: ServerEntry = _checked(f"{place}.", values, ServerEntry)
    if not entry.instance:
        raise ConfigError(f"{place}.instance", "", allowed="a name", remedy="call it as your vendor does")
    price = entry.usd_per_hour
    if price is not None and not 0.0 < price < 1e6:
        remedy = "leave it out if the price is not known: 0 would be free of charge, and the cheapest of all"
        raise ConfigError(f"{place}.usd_per_hour", price, allowed="more than 0, to 1e6", remedy=remedy)
    for key in ("vcpus", "num_gpus"):
        if getattr(entry, key) < 0:
            raise ConfigError(
                f"{place}.{key}", getattr(entry, key), allowed="0 or more", remedy="or leave it out"
            )
    if bool(entry.gpu_memory) != bool(entry.num_gpus):
        raise ConfigError(
            f"{place}.num_gpus",
            entry.num_gpus,
            allowed="1 or more with gpu_memory, 0 without",
            remedy="gpu_memory is that of one GPU; give both or neither",
        )
    return Server(
        vendor=entry.vendor,
        instance=entry.instance,
        vcpus=entry.vcpus,
        ram_bytes=_size(f"{place}.ram", entry.ram),
        gpu_memory_bytes=_size(f"{place}.gpu_memory", entry.gpu_memory) if entry.gpu_memory else 0,
        num_gpus=entry.num_gpus,
        usd_per_hour=price,
        region=entry.region,
        source=entry.source,
        date=entry.date or head.date,
    )


def _checked(prefix: str, values: dict[str, Any], schema: type[Any]) -> Any:
    """An object of the schema; the prefix of its keys says where they stand."""
    kinds = {field.name: str(field.type) for field in fields(schema)}
    for key, value in values.items():
        if key not in kinds:
            allowed = f"a key of these: {', '.join(kinds)}"
            raise ConfigError(f"{prefix}{key}", value, allowed=allowed, remedy="there is none of this name")
    try:
        return OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(schema), values))
    except OmegaConfBaseException as error:
        key = str(error.full_key)
        allowed = _KINDS[kinds[key].partition(" ")[0]]
        remedy = "leave it out if it is not known"
        raise ConfigError(f"{prefix}{key}", values[key], allowed=allowed, remedy=remedy) from None


def _size(key: str, text: str) -> int:
    try:
        return parse_bytes(text)
    except ValueError as error:
        allowed = "a size such as 64GiB (2**30 bytes each) or 64GB (10**9 each)"
        raise ConfigError(key, text or "(nothing)", allowed=allowed, remedy=f"it is {error}") from None


def _share(key: str, share: float) -> float:
    if not 0.0 <= share < 1.0:
        raise ConfigError(key, share, allowed="0 or more and below 1", remedy="0.1 is 10 %")
    return share
