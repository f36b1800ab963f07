"""Which measurements one fit may share: a method with those of its settings that can change bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import Enum
from functools import lru_cache
from typing import Any

from xclass.config import RunConfig
from xclass.data.synthetic.config import SyntheticConfig
from xclass.encoders.kinds import FROZEN, EncoderKind
from xclass.errors import ConfigError
from xclass.measure.config import Allocator
from xclass.shapes import ProblemShape
from xclass.sizing.plan import encoder_of, plan_method
from xclass.sizing.ranks import ranks_of

_BARE = ("factory", "dtype", "storage", "optimizer", "metric", "device", "loss")
"""Settings whose value says by itself what it is; all others are shown as ``name=value``."""
_ALWAYS_SHOWN = "factory"
"""An index is known by its kind, the default one too."""
_PROBES = tuple(
    ProblemShape(
        num_classes=classes, dim=dim, batch_size=512, scan_batch_size=1024, num_queries=2000,
        query_batch_size=256, top_k=5, threads=2,
    )
    for classes in (3_000, 100_000, 3_000_000, 100_000_000)
    for dim in (32, 512)
)  # fmt: skip
"""Sizes at which a setting is tried: what moves no byte of any of them is no variant of its own."""


@dataclass(frozen=True, slots=True)
class _Setting:
    name: str
    value: Any
    without: RunConfig | None
    """The configuration with the default instead; None where that is refused."""


def variant_of(config: RunConfig, method: str) -> str:
    """Key of the variant of a method: ``dense_softmax, bfloat16`` or ``nearest_neighbour, Flat, lemmas``.

    Args:
        config: of any size; neither classes, dim nor batch sizes take part.
        method: name of a method, which need not be one of ``config.methods``.
    """
    encoders = (config.encoder, config.bag)
    settings = (getattr(config.method, method), config.sections_of(method), encoders, config.data)
    ranks = ranks_of(config, method)
    return _variant(repr((method, settings, config.measure.allocator, ranks)), _Held(config, method))


class _Held:
    """Config and method behind a hash that says nothing, so that the cache asks for the settings alone."""

    def __init__(self, config: RunConfig, method: str) -> None:
        self.config, self.method = config, method

    def __hash__(self) -> int:
        return 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held)


@lru_cache(maxsize=4096)
def _variant(_: str, held: _Held) -> str:
    config, method = held.config, held.method
    own = _bytes_of(config, method)
    words = [method]
    for setting in _settings(config, method):
        without = None if setting.name == _ALWAYS_SHOWN else setting.without
        if without is None or _bytes_of(without, method) != own:
            words.append(_words(setting))
    if not isinstance(config.data, SyntheticConfig):
        words.append(config.data.name)
    if config.measure.allocator is not Allocator.pinned:
        # Freed blocks then stay in the heap: not the same law (research/memory.md 1d, 138 % at 8x).
        words.append(f"allocator={config.measure.allocator}")
    if (ranks := ranks_of(config, method)) > 1:
        words.append(f"ranks={ranks}")
    return ", ".join(words)


def _settings(config: RunConfig, method: str) -> Iterator[_Setting]:
    """Settings that are not at their default, and the kind of index."""
    own = getattr(config.method, method)
    for name, value in _changed(own):
        changed = _try(lambda n=name: replace(own, **{n: getattr(type(own)(), n)}))
        methods = changed and _try(lambda c=changed: replace(config.method, **{method: c}))
        yield _Setting(name, value, methods and _try(lambda m=methods: replace(config, method=m)))
    by_kind: dict[EncoderKind, dict[str, Any]] = {
        **{kind: {"encoder": config.encoder} for kind in (EncoderKind.ngrams, *FROZEN)},
        EncoderKind.bag: {"bag": config.bag},
    }
    sections = config.sections_of(method) | by_kind.get(encoder_of(config, method), {})
    defaults = RunConfig()
    for key, section in sections.items():
        if not is_dataclass(section):
            if section != getattr(defaults, key):
                yield _Setting(key, section, _try(lambda k=key: replace(config, **{k: getattr(defaults, k)})))
            continue
        for name, value in _changed(section):
            changed = _try(lambda s=section, n=name: replace(s, **{n: getattr(type(s)(), n)}))
            without = changed and _try(lambda k=key, c=changed: replace(config, **{k: c}))
            yield _Setting(name, value, without)


def _changed(section: Any) -> Iterator[tuple[str, Any]]:
    default = type(section)()
    for field in fields(section):
        value = getattr(section, field.name)
        if value != getattr(default, field.name) or field.name == _ALWAYS_SHOWN:
            yield field.name, value


def _try(build: Any) -> Any:
    try:
        return build()
    except ConfigError:
        return None


def _bytes_of(config: RunConfig, method: str) -> list[Any]:
    return [
        (plan.phase, dict(plan.regime.components), plan.disk_bytes)
        for shape in _PROBES
        for plan in plan_method(config, method, shape)
    ]


def _words(setting: _Setting) -> str:
    value = setting.value.value if isinstance(setting.value, Enum) else setting.value
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if setting.name == "model":
        # Of a folder its last two names: enough to know it, and short enough for a table.
        text = "/".join(text.split("/")[-2:])
    return text if setting.name in _BARE else f"{setting.name}={text}"
