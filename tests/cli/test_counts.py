"""A number of classes is the same int however it is written, on the whole way to the configuration."""

from decimal import Decimal

import pytest
from hydra import compose, initialize_config_dir
from hypothesis import given
from hypothesis import strategies as st

from xclass.cli.compose import _jobs, config_dir, to_run_config
from xclass.cli.overrides import normalise_overrides
from xclass.errors import ConfigError
from xclass.schemas import register_schemas
from xclass.units import parse_count

FIVE_MILLION = [
    "+classes=5e6", "classes=5e6", "++classes=5e6", "classes=5M", "classes=5m", "classes=5_000_000",
    "classes=int(5e6)", "classes=5E6", "classes=5.0e6", "classes=5000000", "classes=5000000.0",
    "classes=5000k", "classes=5000K",
    "classes=0.005B", "classes='5e6'", 'classes="5M"', "classes= 5e6", "+classes=5e+6", "classes=+5e6",
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _schemas():
    register_schemas()


def converted(words):
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        return to_run_config(compose("config", overrides=normalise_overrides(words)))


@pytest.mark.parametrize("word", FIVE_MILLION)
def test_every_spelling_prints_the_same_int(type_words, word):
    answer = type_words("--cfg", "job", word)
    assert (answer["exit_code"], answer["err"]) == (0, "")
    assert answer["out"].splitlines()[0] == "classes: 5000000"


@pytest.mark.parametrize("word", FIVE_MILLION)
def test_every_spelling_becomes_an_int_of_the_dataclass(word):
    classes = converted([word]).classes
    assert type(classes) is int
    assert classes == 5_000_000


@pytest.mark.parametrize(
    "word",
    [
        "classes=1e5,1M,2_000_000,int(5e6)",
        "+classes=choice(1e5,1M,2_000_000,5e6)",
        "classes=1e5, 1e6,2e6,5E6",
    ],
)
def test_a_sweep_normalises_every_item(word):
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        jobs = list(_jobs(normalise_overrides(["-m", word])[1:], is_sweep=True))
        assert [job[0] for job in jobs] == [
            "classes=100000",
            "classes=1000000",
            "classes=2000000",
            "classes=5000000",
        ]
        assert [to_run_config(compose("config", overrides=job)).classes for job in jobs] == [
            100_000, 1_000_000, 2_000_000, 5_000_000,
        ]  # fmt: skip


def test_a_range_sweeps_over_ints():
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        jobs = list(_jobs(normalise_overrides(["-m", "classes=range(10,40,10)"])[1:], is_sweep=True))
        assert [to_run_config(compose("config", overrides=job)).classes for job in jobs] == [10, 20, 30]


def test_a_sweep_over_two_keys_is_their_product():
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        jobs = list(
            _jobs(normalise_overrides(["-m", "classes=1e3,2e3", "dim=8,16", "seed=1"])[1:], is_sweep=True)
        )
    assert len(jobs) == 4
    assert jobs[-1] == ["classes=2000", "dim=16", "seed=1"]


@pytest.mark.parametrize("word", ["classes=null", "classes=None"])
def test_null_is_the_data_sources_default(word):
    assert converted([word]).classes is None


def test_examples_of_the_budget_are_counts_too_and_may_be_zero():
    assert converted(["budget.examples=2.5M"]).budget.examples == 2_500_000
    assert converted(["+budget.examples=0"]).budget.examples == 0


def test_other_keys_keep_their_values():
    words = [
        "dim=64",
        "seed=3",
        "data.bayes_accuracy=0.5",
        "hydra.run.dir=/tmp/5e6",
        "-m",
        "methods=[dense_softmax]",
    ]
    assert normalise_overrides(words) == words


def test_an_index_with_commas_needs_no_quotes_outside_of_a_sweep():
    word = "index.factory=IVF16,SQ8"
    assert converted([word]).index.factory == "IVF16,SQ8"
    assert converted(['index.factory="IVF16,SQ8"']).index.factory == "IVF16,SQ8"
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        jobs = list(_jobs(['index.factory="IVF16,SQ8",Flat'], is_sweep=True))
    assert len(jobs) == 2


@given(
    st.integers(1, 10**15),
    st.sampled_from(["plain", "grouped", "float", "call", "k", "scientific"]),
    st.booleans(),
)
def test_a_count_survives_every_spelling(number, spelling, is_shouted):
    text = {
        "plain": str(number),
        "grouped": f"{number:_}",
        "float": f"{number}.000",
        "call": f"int({number})",
        "k": f"{Decimal(number) / 1000}k",
        "scientific": f"{Decimal(number):E}",
    }[spelling]
    parsed = parse_count(text if spelling == "call" or not is_shouted else text.upper())
    assert type(parsed) is int
    assert parsed == number


@given(st.integers(0, 18), st.integers(1, 999), st.sampled_from(["", "k", "M", "b"]))
def test_exponents_are_exact(exponent, mantissa, suffix):
    expected = mantissa * 10**exponent * {"": 1, "k": 10**3, "M": 10**6, "b": 10**9}[suffix]
    text = f"{mantissa}e{exponent}{suffix}"
    if expected <= 10**15:
        assert parse_count(text) == expected
    else:
        with pytest.raises(ValueError, match="more than"):
            parse_count(text)


@given(st.text(max_size=12))
def test_any_text_is_a_count_or_one_reason(text):
    try:
        number, reason = parse_count(text), ""
    except ValueError as error:
        number, reason = 0, str(error)
    assert number >= 1 or reason


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-1000, max_value=1000))
def test_only_whole_numbers_from_one_on_are_counts(number):
    is_count = number >= 1 and number == number.to_integral_value()
    try:
        assert parse_count(str(number)) == number
        assert is_count
    except ValueError:
        assert not is_count


@given(st.text(alphabet="0123456789.eEkMb_+-nainf()", max_size=14))
def test_a_word_of_the_command_line_is_rewritten_or_refused(text):
    refusal = None
    try:
        (word,) = normalise_overrides([f"classes={text}"])
    except ConfigError as error:
        refusal = str(error)
    if refusal is not None:
        assert len(refusal.splitlines()) == 1
        assert refusal.startswith("classes=")
        return
    key, _, digits = word.partition("=")
    assert key == "classes"
    assert digits.isdecimal() or digits == "null"
