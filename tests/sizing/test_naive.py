"""The dense linear model, by hand."""

import pytest

from xclass.cli.hardware_words import load_hardware
from xclass.errors import ConfigError
from xclass.sizing.naive import naive


@pytest.fixture(scope="module")
def clouds():
    return load_hardware("clouds")


def test_five_million_classes_by_25_000_features_are_500_gb_and_2_tb_to_train(clouds):
    model = naive(5_000_000, clouds, num_examples=20_000_000)
    assert model.num_features == 25_000
    assert model.weights_bytes == 500 * 10**9
    assert model.training_bytes == 2_000 * 10**9
    assert model.data_bytes == 2_000 * 10**9


def test_its_servers_offer_what_it_needs_and_cost_thousands(clouds):
    model = naive(5_000_000, clouds)
    for choice in (model.serving, model.training):
        assert clouds.offered_bytes(choice.server) >= choice.needed_bytes
    assert 3_000 < model.serving.usd_per_month < model.training.usd_per_month
    assert model.training.usd_per_month > 10_000


def test_every_figure_is_shown_with_how_it_is_made(clouds):
    serving, training, data = naive(5_000_000, clouds, num_examples=20_000_000).lines
    assert serving.startswith(
        "serving: 5,000,000 classes x 25,000 features x 4 bytes = 500 GB: gcp n2-highmem-96"
    )
    assert "x 16 bytes = 2,000 GB: aws " in training
    assert data == "examples as a dense matrix: 20,000,000 x 25,000 features x 4 bytes = 2,000 GB"


def test_without_a_number_of_examples_nothing_is_said_of_them(clouds):
    model = naive(1000, clouds, num_features=10)
    assert model.data_bytes is None
    assert len(model.lines) == 2
    assert model.weights_bytes == 40_000


def test_beyond_every_server_that_is_said(clouds):
    model = naive(500_000_000, clouds)
    assert model.serving.server is None
    assert "no server of the catalogue offers" in model.lines[0]


@pytest.mark.parametrize("num_features", [0, -1, 10**13])
def test_impossible_features_are_refused(clouds, num_features):
    with pytest.raises(ConfigError, match=rf"^features={num_features}: allowed is 1 to 1e12; 25000 is"):
        naive(1000, clouds, num_features=num_features)
