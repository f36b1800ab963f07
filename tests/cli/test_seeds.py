"""``seeds=[0,1,2]`` is a sweep over ``seed``."""

import pytest

from xclass.cli.seeds import spread_seeds
from xclass.errors import ConfigError


@pytest.mark.parametrize("word", ["seeds=[0,1,2]", "+seeds=[0, 1, 2]", "seeds=0,1,2", "seeds='[0,1,2]'"])
def test_seeds_become_a_sweep(word):
    assert spread_seeds(["+classes=1e4", word]) == ["-m", "+classes=1e4", "seed=0,1,2"]


def test_a_sweep_over_sizes_stays_one_with_one_flag():
    words = ["-m", "+classes=1e4,1e5", "seeds=[3,4]"]
    assert spread_seeds(words) == ["-m", "+classes=1e4,1e5", "seed=3,4"]


def test_other_words_are_left_alone():
    words = ["seed=3", "dim=8"]
    assert spread_seeds(words) is words


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["seeds=[1]"], "seed=1"),
        (["seeds=[1,1]"], "measure.repeats"),
        (["seeds=[]"], "try seeds=[0,1,2]"),
        (["seeds=three"], "try seeds=[0,1,2]"),
        (["seeds=[0,1]", "seed=4"], "take seed= out"),
        (["seeds=[0,1]", "seeds=[2,3]"], "take one seeds= out"),
    ],
)
def test_seeds_that_are_no_list_of_several_are_refused_by_name(words, said):
    with pytest.raises(ConfigError, match=r"^seeds?=") as caught:
        spread_seeds(words)
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
