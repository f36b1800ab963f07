"""Damage and malice as hypothesis draws them, and what may come of it: an answer, or one error of ours.

A little of it, always the same, in CI; FUZZ_EXAMPLES of it, ever new, by ``make fuzz``.
"""

import contextlib
import json
import os
import resource
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xclass.errors import XclassError

EXAMPLES = os.environ.get("FUZZ_EXAMPLES")
_SETTINGS = settings(
    max_examples=int(EXAMPLES or 15),
    derandomize=EXAMPLES is None,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def fuzz(*strategies, share=1.0):
    """As ``given``, with this folder's settings; ``share`` of the examples where one takes long."""
    few = settings(_SETTINGS, max_examples=max(1, round(share * _SETTINGS.max_examples)))
    return lambda test: few(given(*strategies)(test))


NASTY = [
    "", " ", "\0", "\n", "\r\n", "\t", "\x1b[2J\x1b[31m", "\u202e", "\ufeff", "\u2028", "\ud800", "<script>",
    "'\"`|\\", "=1+1", "%s%n{}", "../../etc/passwd", "/dev/zero", "nan", "inf", "-inf", "-0", "1e999", "1_0",
    "١٢", "½", "0x10", "9" * 5000, "a" * 9000, "🙂" * 50, "[" * 2000, "{" * 2000, "(" * 500, "null", "true",
]  # fmt: skip
HOSTILE_TEXT = st.one_of(
    st.sampled_from(NASTY), st.text(max_size=30), st.text(max_size=5).map(lambda t: t * 40)
)
NUMBERS = st.one_of(
    st.integers(),
    st.sampled_from([0, -1, 1 << 31, 1 << 63, -(1 << 63), 10**400, 1e308, float("nan"), 1e-320]),
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, HOSTILE_TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(HOSTILE_TEXT, inner, max_size=4)),
    max_leaves=6,
)
TOO_DEEP = [b"[" * 5000, b'{"a":' * 5000, b"[" * 500 + b"]" * 500]
MAX_BYTES = 1 << 30
"""More than this a parser of small files must not take."""


@st.composite
def damaged(draw, content):
    """Bytes with some flipped, cut off, doubled, inserted, or another file altogether."""
    content = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(0, len(content) - 1)))
        kind = draw(st.sampled_from(["flip", "cut", "insert", "double", "zero", "text", "number"]))
        if kind == "flip" and content:
            content[place] ^= 1 << draw(st.integers(0, 7))
        elif kind == "cut":
            del content[place:]
        elif kind == "insert":
            content[place:place] = draw(st.binary(max_size=9))
        elif kind == "double":
            content += content[place:]
        elif kind == "zero":
            content[place : place + 8] = bytes(min(8, len(content) - place))
        elif kind == "text":
            content[place:place] = draw(HOSTILE_TEXT).encode("utf-8", "surrogatepass")
        else:
            content[place : place + draw(st.integers(0, 4))] = str(draw(NUMBERS)).encode()
    return bytes(content)


@st.composite
def changed(draw, document):
    """A JSON document with one value replaced, one key dropped or one added, anywhere in it."""
    document = json.loads(json.dumps(document))
    for _ in range(draw(st.integers(1, 3))):
        spot = document
        while True:
            keys = list(spot) if isinstance(spot, dict) else list(range(len(spot)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(spot[key], dict | list) and spot[key] and draw(st.booleans()):
                spot = spot[key]
                continue
            action = draw(st.sampled_from(["replace", "replace", "drop", "add"]))
            if action == "drop":
                del spot[key]
            elif action == "replace" or isinstance(spot, list):
                spot[key] = draw(JSON)
            else:
                spot[draw(HOSTILE_TEXT)] = draw(JSON)
            break
    return json.dumps(document).encode()


def any_damage(document):
    """A JSON document changed as JSON or as bytes, or nothing of it left."""
    content = json.dumps(document, indent=1).encode()
    others = JSON.map(lambda value: json.dumps(value).encode())
    return st.one_of(
        changed(document), damaged(content), st.binary(max_size=60), others, st.sampled_from(TOO_DEEP)
    )


@contextlib.contextmanager
def only_own_errors():
    """Whatever is raised is an error for the user, in one printable line; and no gigabytes are taken for it.

    The limit is on the address space, so that an allocation fails instead of taking the machine's memory.
    """
    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MAX_BYTES, before[1]))
    try:
        with contextlib.suppress(XclassError):
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
