"""Every YAML composes and converts; the dataclasses alone hold the defaults."""

import ast
import json
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from real_runs import ROOT, SMALL, RunFolder

from xclass.cli.compose import to_run_config
from xclass.cli.hardware_words import take_hardware
from xclass.config import MethodsConfig, RunConfig, from_dict
from xclass.data.registry import DATA_CONFIGS
from xclass.schemas import register_schemas

CONF = ROOT / "conf"
EXPERIMENTS = sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))
INDEXES = sorted(path.stem for path in (CONF / "index").glob("*.yaml"))
LAUNCHERS = ("one_machine", "ray_cluster", "slurm", "slurm_rehearsal")
"""Composed in tests/launchers, where what they ask for is looked at."""
CATALOGUES = sorted(path.stem for path in (CONF / "hardware").glob("*.yaml"))
CONFIG_MODULES = [ROOT / "xclass" / "config.py", *sorted((ROOT / "xclass").glob("*/**/config.py"))]


@pytest.fixture(autouse=True)
def _schemas():
    register_schemas()


def composed(*words):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return to_run_config(compose("config", overrides=list(words)))


def keys_of(section, prefix=""):
    for field in fields(section):
        value = getattr(section, field.name)
        yield f"{prefix}{field.name}"
        if is_dataclass(value):
            yield from keys_of(value, f"{prefix}{field.name}.")


def test_no_yaml_escapes_these_tests():
    known = {CONF / "config.yaml", *(CONF / "experiment" / f"{name}.yaml" for name in EXPERIMENTS)}
    known |= {CONF / "index" / f"{name}.yaml" for name in INDEXES}
    known |= {CONF / "hardware" / f"{name}.yaml" for name in CATALOGUES}
    known |= {CONF / "hydra" / "launcher" / f"{name}.yaml" for name in LAUNCHERS}
    assert set(CONF.rglob("*.y*ml")) == known


@pytest.mark.parametrize("name", INDEXES)
def test_an_index_choice_can_be_built_at_every_size(name):
    index = composed(f"index={name}").index
    for num_classes in (10_000, 5_000_000, 100_000_000):
        assert index.kind(num_classes).misfit(num_classes, 64) is None
    assert index.rerank == 0
    assert "{" not in index.factory_for(10_000)


@pytest.mark.parametrize(
    ("num_classes", "factory"), [(1_000, "IVF32,SQ8"), (1_000_000, "IVF4096,SQ8"), (5_000_000, "IVF8192,SQ8")]
)
def test_lists_follow_the_number_of_classes(num_classes, factory):
    assert composed("index=ivf_sq8").index.factory_for(num_classes) == factory


def test_a_choice_can_be_changed_key_by_key():
    index = composed("index=ivf_pq", "index.rerank=200", "index.num_probes=7").index
    assert (index.factory, index.rerank, index.num_probes) == ("IVF{lists},PQ16", 200, 7)


@pytest.mark.parametrize("name", CATALOGUES)
def test_a_catalogue_composes_as_a_hydra_group_and_holds_servers(name):
    hardware, rest = take_hardware([f"hardware={name}", "dim=8"])
    with initialize_config_dir(str(CONF), version_base="1.3"):
        tree = compose(f"hardware/{name}")
    assert [entry["instance"] for entry in tree.hardware.servers] == [s.instance for s in hardware.servers]
    assert rest == ["dim=8"]
    assert all(server.ram_bytes >= 4e9 for server in hardware.servers)
    names = [(server.vendor, server.instance, server.region) for server in hardware.servers]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", sorted(DATA_CONFIGS))
def test_each_data_source_composes_to_the_dataclass_defaults(name):
    assert composed(f"data={name}") == RunConfig(data=DATA_CONFIGS[name]())


def test_the_yaml_alone_is_the_dataclass_alone():
    assert composed() == RunConfig()


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_composes_and_gives_way_to_the_command_line(name):
    config = composed(f"experiment={name}")
    assert isinstance(config, RunConfig)
    assert composed(f"experiment={name}", "classes=500", "seed=9").classes == 500


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_says_only_what_differs_from_the_defaults(name):
    document = yaml.safe_load((CONF / "experiment" / f"{name}.yaml").read_text())
    document.pop("defaults", None)
    document.pop("hydra", None)  # of a sweep: which values are searched, and how
    config, plain = composed(f"experiment={name}"), RunConfig()
    assert set(document) <= {field.name for field in fields(RunConfig)}
    for key in document:
        assert getattr(config, key) != getattr(plain, key), f"{key} repeats the dataclass"


def test_the_root_yaml_holds_no_setting_of_ours():
    assert set(yaml.safe_load((CONF / "config.yaml").read_text())) == {"defaults", "hydra"}


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_runs_shrunk_to_500_classes(name, run_xclass, tmp_path):
    config = composed(f"experiment={name}")
    words = [*SMALL, "measure.heap_pass=false", "encoder.num_buckets=1024"]
    if config.data.name == "lemmas" and not config.data.cache_folder().is_dir():
        pytest.skip("the lemmas were never prepared on this machine")
    if config.methods == RunConfig().methods:
        # All of them run in tests/run/test_comparison.py.
        words.append("methods=[nearest_neighbour]")
    done = run_xclass(
        f"experiment={name}", "classes=500", *words, "budget.examples=128", f"hydra.run.dir={tmp_path}/run"
    )  # fmt: skip
    assert done.exit_code == 0, done.err + done.out
    rows = RunFolder(tmp_path / "run").summary()["rows"]
    assert {row["verdict"] for row in rows} == {"measured"}
    assert {row["classes"] for row in rows} == {500}


@pytest.mark.parametrize("name", sorted(DATA_CONFIGS))
def test_a_configuration_survives_json(name):
    config = composed(
        f"data={name}", "dim=16", "measure.allocator=system", "method.dense_softmax.init=random"
    )
    document = json.loads(json.dumps(asdict(config)))
    data = from_dict(DATA_CONFIGS[name], document["data"])
    method = from_dict(MethodsConfig, document["method"])
    assert from_dict(RunConfig, document | {"data": data, "method": method}) == config
    assert set(keys_of(config)) == set(
        keys_of(from_dict(RunConfig, document | {"data": data, "method": method}))
    )


def test_an_unknown_key_in_json_is_a_defect_of_ours():
    with pytest.raises(AssertionError, match="unknown keys"):
        from_dict(RunConfig, {"nope": 1})


@pytest.mark.parametrize("path", CONFIG_MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_setting_says_what_it_is(path: Path):
    """A docstring under each field, but for sections, whose class has its own."""
    for node in ast.parse(path.read_text()).body:
        if not (
            isinstance(node, ast.ClassDef) and any("dataclass" in ast.dump(d) for d in node.decorator_list)
        ):
            continue
        assert ast.get_docstring(node), f"{node.name} has no docstring"
        for statement, following in zip(node.body, [*node.body[1:], None], strict=True):
            if not isinstance(statement, ast.AnnAssign) or "ClassVar" in ast.unparse(statement.annotation):
                continue
            if "Config" in ast.unparse(statement.annotation):
                continue
            is_said = isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
            assert is_said, f"{node.name}.{ast.unparse(statement.target)} has no docstring"
