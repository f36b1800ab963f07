"""Whatever is typed: a value, or one error that names it. Sizes, counts, words of commands, catalogues."""

import contextlib

import pytest
import yaml
from hypothesis import strategies as st
from nonsense import HOSTILE_TEXT, JSON, NASTY, changed, damaged, fuzz, only_own_errors

from xclass.cli.arguments import parse_arguments
from xclass.cli.hardware_words import load_hardware, take_hardware
from xclass.cli.overrides import normalise_overrides
from xclass.cli.parser import complain
from xclass.cli.plan_words import parse_words as parse_plan
from xclass.cli.prove_words import parse_words as parse_prove
from xclass.cli.run_words import parse_runs
from xclass.cli.seeds import spread_seeds
from xclass.units import parse_bytes, parse_count

SIZES = st.one_of(
    HOSTILE_TEXT,
    st.from_regex(r"-?[0-9_.,eE+]{0,12}\s?[kMGTP]?i?[bB]?", fullmatch=True),
    st.sampled_from(
        ["5e6", "5M", "int(5e6)", "2GB", "1.5GiB", "nan GB", "1e400", "9" * 5000, "1e999999999GB", "0x10"]
    ),
)


@fuzz(SIZES)
def test_sizes_and_counts(text):
    """ValueError is what their callers turn into an error with the key."""
    for parse in (parse_bytes, parse_count):
        with contextlib.suppress(ValueError):
            value = parse(text)
            assert type(value) is int
            assert value >= 0


KEYS = [
    "classes",
    "+classes",
    "++classes",
    "dim",
    "seed",
    "seeds",
    "methods",
    "data",
    "index",
    "size",
    "method",
    "phase",
    "ram",
    "hardware",
    "runs",
    "out",
    "check",
    "method.nearest_neighbour.metric",
    "budget.minutes",
    "disk",
    "minimum",
    "queries",
    "features",
    "indexes",
    "~data",
    "hydra.run.dir",
    "data.path",
    "encoder.model",
    "a.b.c",
]
WORDS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(KEYS), st.one_of(SIZES, st.sampled_from(NASTY))).map("=".join),
        HOSTILE_TEXT,
        st.sampled_from(
            ["-m", "--cfg", "job", "--multirun", "--info", "-c", "--help=1", "[", "{a:", "[1,2", "${a}"]
        ),
    ),
    max_size=4,
).map(lambda words: [word.replace("\0", "0") for word in words])  # no shell can type it


@fuzz(WORDS)
def test_the_words_of_a_run(words):
    with only_own_errors():
        parse_arguments(normalise_overrides(spread_seeds(words)))


@fuzz(WORDS, share=0.3)
def test_the_words_of_plan(words):
    with only_own_errors():
        parse_plan(take_hardware(words)[1])


@fuzz(WORDS)
def test_the_words_of_prove_and_of_runs(words):
    with only_own_errors():
        parse_prove(words)
    with only_own_errors():
        parse_runs(",".join(words))


CATALOGUE = {
    "name": "ours", "date": "2026-01-01", "reserve": "1GB", "reserve_share": 0.1,
    "servers": [{"instance": "rack-7", "ram": "384GB", "vcpus": 8, "usd_per_hour": 1.5}],
}  # fmt: skip


@fuzz(
    st.one_of(
        changed(CATALOGUE),
        damaged(yaml.safe_dump(CATALOGUE).encode()),
        JSON.map(lambda value: yaml.safe_dump(value, allow_unicode=True).encode("utf-8", "replace")),
        st.sampled_from(
            [b"[" * 3000, b"a: &a [*a]", b"!!python/object/apply:os.system [id]", b"${oc.env:HOME}"]
        ),
    )
)
def test_a_catalogue_of_nonsense(tmp_path, content):
    path = tmp_path / "ours.yaml"
    path.write_bytes(content)
    with only_own_errors():
        load_hardware(str(path))


def test_a_catalogue_runs_no_code(tmp_path):
    path = tmp_path / "ours.yaml"
    path.write_text(f'!!python/object/apply:os.system ["touch {tmp_path}/ran"]')
    with only_own_errors(), pytest.raises(Exception, match="python/object"):
        load_hardware(str(path))
    assert not (tmp_path / "ran").exists()


@fuzz(HOSTILE_TEXT)
def test_an_error_is_one_line_and_cannot_write_on_the_terminal(capsys, text):
    complain(f"key={text}: allowed is nothing")
    said = capsys.readouterr().err
    assert said.endswith("allowed is nothing\n")
    assert said[:-1].isprintable()
