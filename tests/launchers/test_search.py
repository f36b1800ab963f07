"""A sweep that searches with Optuna, killed and gone on with: the same questions, the same answers."""

import pytest
import yaml
from real_runs import wait_until
from sweeps import QUICK, contents, resume, verdicts

pytestmark = pytest.mark.slow


def words_of_two(sweep):
    paths = [sweep / str(number) / ".hydra" / "overrides.yaml" for number in range(2)]
    return [yaml.safe_load(path.read_text()) for path in paths]


def test_a_killed_search_asks_for_the_same_runs_and_measures_only_what_is_missing(start_xclass, tmp_path):
    pytest.importorskip("optuna")
    sweep = tmp_path / "sweep"
    process = start_xclass(
        "-m", *QUICK, "+classes=int(interval(300, 900))", "seed=choice(0,1,2)", "objective.serving_ram=1GB",
        "hydra/sweeper=optuna", "hydra/sweeper/sampler=tpe", "hydra.sweeper.sampler.seed=0",
        "hydra.sweeper.sampler.n_startup_trials=1", "hydra.sweeper.direction=maximize",
        "hydra.sweeper.n_trials=3", "hydra.sweeper.n_jobs=1", f"hydra.sweep.dir={sweep}",
    )  # fmt: skip
    wait_until((sweep / "1" / "records" / "prior-build-rss.json").exists, what="the second run", seconds=90)
    process.kill()
    process.communicate()
    before, asked = contents(sweep, verdict="measured"), words_of_two(sweep)
    done = resume(sweep)
    assert (done.exit_code, done.err) == (0, "")
    after = contents(sweep)
    assert {path: after[path] for path in before} == before
    assert words_of_two(sweep) == asked, "the sampler asked for other runs"
    assert set(verdicts(sweep)) == {"0", "1", "2"}
    best = [line for line in done.out.splitlines() if line.startswith("best so far: run ")]
    found = yaml.safe_load((sweep / "optimization_results.yaml").read_text())
    assert len(best) == 3
    assert f"prior: accuracy {found['best_value']:.4f}, serve peak " in best[-1]
    assert "of 1GB allowed" in best[-1]
