"""Whatever is typed, or stands in a client's file of servers: an answer or one line, never a traceback."""

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xclass.cli.hardware_words import load_hardware, take_hardware
from xclass.cli.run_words import compose_config, parse_runs, take_words
from xclass.errors import ConfigError

QUICKLY = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["~nobody/x", "a" * 5000, "\0", "${x}", "${oc.env:HOME}", "[", "{", "..", "\ud800", "a=b=c"]
    ),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=5), values, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(
    ["instance", "ram", "vendor", "vcpus", "gpu_memory", "num_gpus", "usd_per_hour", "region", "date", "else"]
)
ENTRIES = st.dictionaries(KEYS, VALUES, max_size=4).map(
    lambda changes: {"instance": "a", "ram": "1GB"} | changes
)
HEADS = st.dictionaries(
    st.sampled_from(["name", "date", "reserve", "reserve_share", "headroom_share"]), VALUES
)


def answer_or_line(ask):
    try:
        return ask()
    except ConfigError:
        return None


@given(text=TEXTS)
@QUICKLY
def test_words_are_taken_or_refused(text):
    answer_or_line(lambda: take_words([text, f"runs={text}", f"+{text}"], {"runs": "", "far": "false"}))
    answer_or_line(lambda: take_hardware([f"hardware={text}"]))
    answer_or_line(lambda: parse_runs(text))
    answer_or_line(lambda: compose_config([f"classes={text}"]))


@given(head=HEADS, servers=st.lists(ENTRIES | VALUES, max_size=2))
@QUICKLY
def test_a_file_of_servers_is_read_or_refused(tmp_path, head, servers):
    path = tmp_path / "servers.yaml"
    path.write_text(yaml.safe_dump(head | {"servers": servers}), encoding="utf-8", errors="replace")
    found = answer_or_line(lambda: load_hardware(str(path)))
    for server in found.servers if found else ():
        assert server.ram_bytes > 0
        assert server.usd_per_hour is None or server.usd_per_hour > 0
