"""The import arrows, names and sizes of DESIGN section 3 and STYLE, read from the source itself."""

import ast
import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from real_runs import ROOT

from xclass.classifiers.opened_model import SERVERS
from xclass.classifiers.registry import METHOD_CONFIGS
from xclass.data.registry import DATA_CONFIGS

PACKAGE = ROOT / "xclass"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "conf" not in path.relative_to(PACKAGE).parts)
ENGINES = {"torch", "faiss", "numpy", "scipy"}
PURE = {"xclass.errors", "xclass.units", "xclass.shapes"}
MAX_FILE_LINES, MAX_FUNCTION_LINES, MAX_READING_PATH_LINES = 300, 50, 1100

COMMANDS = {
    "xclass/report/__main__.py",  # `python -m xclass.report`: Python asks the package for it, and it is cli's
}

PRINTERS = {
    "xclass/run/worker.py",  # its usage line, before any event stream exists
}

FORBIDDEN = {
    # part of the package -> packages that none of its modules may import, at any depth of any function
    "measure": {"xclass.classifiers", "xclass.data", "xclass.encoders", "xclass.evaluate", "xclass.run",
                "xclass.report", "xclass.sizing", "xclass.cli", "xclass.config", *ENGINES},
    "classifiers": {"xclass.measure", "xclass.run", "xclass.report", "xclass.records", "xclass.sizing",
                    "xclass.cli", "xclass.config", "xclass.evaluate"},
    "data": {"xclass.measure", "xclass.run", "xclass.report", "xclass.records", "xclass.classifiers",
             "xclass.cli", "xclass.config", "torch", "faiss"},
    "encoders": {"xclass.measure", "xclass.run", "xclass.report", "xclass.records", "xclass.classifiers",
                 "xclass.cli", "xclass.config", "faiss"},
    "evaluate": {"xclass.measure", "xclass.run", "xclass.report", "xclass.classifiers", "xclass.cli", "torch",
                 "faiss"},
    "records": {"xclass.measure", "xclass.run", "xclass.report", "xclass.classifiers", "xclass.data",
                "xclass.cli", *ENGINES},
    "report": {"xclass.measure", "xclass.run", "xclass.classifiers", "xclass.data", "xclass.encoders",
               "xclass.cli", *ENGINES},
    "sizing": {"xclass.measure", "xclass.run", "xclass.report", "xclass.cli", "xclass.projection", *ENGINES},
    "projection": {"xclass.measure", "xclass.run", "xclass.report", "xclass.cli", *ENGINES},
    "objective": {"xclass.measure", "xclass.run", "xclass.report", "xclass.classifiers", "xclass.data",
                  "xclass.cli", "xclass.config", *ENGINES},
    "serving": {"xclass.run", "xclass.report", "xclass.sizing", "xclass.projection", "xclass.cli",
                "xclass.estimators", "torch", "faiss"},
    "run": {"xclass.cli", "xclass.report", "xclass.schemas"},
}  # fmt: skip


def name_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path):
    """Every module that a file imports, in functions too; ``from x import module`` counts as x.module."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = (
                ".".join([*package[: len(package) - node.level + 1], node.module or ""])
                if node.level
                else node.module
            )
            yield base.strip(".")
            yield from (
                f"{base.strip('.')}.{alias.name}" for alias in node.names if is_module(f"{base}.{alias.name}")
            )
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield from (word.value for word in node.args if isinstance(word, ast.Constant))


def is_module(name):
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def is_within(module, package):
    return module == package or module.startswith(f"{package}.")


def loaded_by(statement):
    """Modules in memory of a fresh interpreter after one statement."""
    script = f"import sys, json; {statement}; sys.stdout.write(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def functions_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize("part", sorted(FORBIDDEN))
def test_the_arrows(part):
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in sorted((PACKAGE / part).rglob("*.py"))
        if str(path.relative_to(ROOT)) not in COMMANDS
        for module in imports_of(path)
        if not is_within(module, "xclass.measure.config")  # settings, as those of every other section
        for forbidden in FORBIDDEN[part]
        if is_within(module, forbidden)
    ]
    assert wrong == []


def test_the_walk_sees_imports_inside_functions():
    """The worker imports its job only after the meter has read the bare interpreter."""
    assert "xclass.run.job" in set(imports_of(PACKAGE / "run" / "worker.py"))
    assert {"hydra", "xclass.config"} <= set(imports_of(PACKAGE / "cli" / "compose.py")) | {"hydra"}


def test_only_the_command_line_and_the_schemas_know_hydra():
    wrong = [
        str(path.relative_to(ROOT))
        for path in MODULES
        if any(is_within(module, name) for module in imports_of(path) for name in ("hydra", "omegaconf"))
        and path.parent.name != "cli"
        and path != PACKAGE / "schemas.py"
    ]
    assert wrong == []


def test_engines_are_imported_by_classifiers_and_encoders_only():
    places = {"torch": ("classifiers/", "encoders/"), "faiss": ("classifiers/",)}
    wrong = [
        f"{path.relative_to(PACKAGE)} imports {engine}"
        for path in MODULES
        for engine, allowed in places.items()
        if any(is_within(module, engine) for module in imports_of(path))
        and not str(path.relative_to(PACKAGE)).startswith(allowed)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("config.py")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_a_configuration_needs_the_standard_library_only(path):
    """Itself and, at any depth, whatever of xclass it imports."""
    seen, waiting = set(), [path]
    while waiting:
        current = waiting.pop()
        seen.add(current)
        for module in imports_of(current):
            if is_within(module, "xclass"):
                target = ROOT.joinpath(*module.split("."))
                found = target / "__init__.py" if target.is_dir() else target.with_suffix(".py")
                if found not in seen:
                    waiting.append(found)
            else:
                root = module.partition(".")[0]
                assert root in sys.stdlib_module_names, f"{current.relative_to(ROOT)} imports {module}"


def test_the_launcher_loads_no_engine():
    loaded = loaded_by("import xclass.cli.run, xclass.run.experiment")
    assert not ENGINES & set(loaded)
    assert "xclass.run.experiment" in loaded


@pytest.mark.parametrize("part", ["report", "sizing", "records", "projection"])
def test_reports_and_plans_load_no_engine(part):
    names = [name_of(path) for path in sorted((PACKAGE / part).rglob("*.py"))]
    assert not ENGINES & set(loaded_by(f"import {', '.join(names)}"))


def test_the_worker_reads_the_bare_interpreter_before_anything_heavy():
    loaded = set(loaded_by("import xclass.run.worker"))
    assert not (ENGINES | {"hydra", "omegaconf", "rich", "memray", "psutil"}) & loaded
    assert "xclass.run.job" not in loaded


def test_serving_needs_no_torch():
    servers = {config.server.partition(":")[0] for config in METHOD_CONFIGS.values()}
    others = "xclass.run.job, xclass.encoders.factory, xclass.serving.worker"
    loaded = loaded_by(f"import {', '.join(sorted(servers))}, {others}")
    assert "torch" not in loaded


def test_the_process_that_starts_the_workers_of_a_service_loads_no_engine():
    loaded = set(loaded_by("import xclass.cli.serve"))
    assert not (ENGINES | {"starlette", "uvicorn", "prometheus_client"}) & loaded


def test_nearest_neighbour_and_torch_never_meet():
    for engine, other in (("faiss", "torch"), ("torch", "faiss")):
        modules = [
            config.implementation.partition(":")[0]
            for config in METHOD_CONFIGS.values()
            if config.engine == engine
        ]
        loaded = loaded_by(f"import {', '.join(modules)}")
        assert engine in loaded
        assert other not in loaded, modules


@pytest.mark.parametrize("name", sorted(METHOD_CONFIGS))
def test_what_a_method_names_exists(name):
    config = METHOD_CONFIGS[name]
    assert config.name == name == config.__module__.split(".")[-2], "folder, key and class agree"
    assert config.fit_phase in ("train", "build")
    for path in (config.implementation, config.server):
        module, _, attribute = path.partition(":")
        assert isinstance(getattr(importlib.import_module(module), attribute), type)


def test_every_server_opens_some_kind_of_model():
    assert set(SERVERS.values()) == {config.server for config in METHOD_CONFIGS.values()}


@pytest.mark.parametrize("name", sorted(DATA_CONFIGS))
def test_what_a_data_source_names_exists(name):
    config = DATA_CONFIGS[name]
    assert config.name == name == config.__module__.split(".")[-2]
    entry = importlib.import_module(config.entry)
    assert callable(entry.prepare)
    assert callable(entry.open_source)


def test_files_are_named_for_their_subject():
    for path in MODULES:
        assert not re.match(r"(utils?|common|helpers?|misc|shared|base_.*|.*_base|.*_utils?)$", path.stem), (
            path
        )


def test_files_and_functions_are_short():
    long = []
    for path in MODULES:
        lines = path.read_text().splitlines()
        if len(lines) > MAX_FILE_LINES:
            long.append(f"{path.relative_to(ROOT)}: {len(lines)} lines")
        for function in functions_of(path):
            num_lines = function.end_lineno - function.lineno + 1
            if num_lines > MAX_FUNCTION_LINES and "# long: " not in lines[function.lineno - 1]:
                long.append(f"{path.relative_to(ROOT)}: {function.name} has {num_lines} lines")
    assert long == []


def test_only_the_outermost_code_prints():
    for path in MODULES:
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        if any(ast.unparse(call.func) == "print" for call in calls):
            assert str(path.relative_to(ROOT)) in PRINTERS, f"{path} prints"


def test_one_broad_except_in_the_program():
    broad = [
        str(path.relative_to(PACKAGE))
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in ("Exception", "BaseException"))
        and not any(isinstance(inner, ast.Raise) and inner.exc is None for inner in ast.walk(node))
    ]
    # The worker's boundary, where a failure becomes a record; a thread, whose failure has no other way out.
    assert broad == ["measure/timeline.py", "run/worker.py"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_everything_public_says_what_it_is(path: Path):
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "the module"
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) or (isinstance(node, ast.FunctionDef) and node in tree.body):
            assert node.name.startswith("_") or ast.get_docstring(node), f"{node.name} has no docstring"
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and not method.name.startswith("_"):
                    assert ast.get_docstring(method), f"{node.name}.{method.name} has no docstring"


def test_nothing_from_the_command_line_is_executed():
    """No instantiate, no _target_, no eval: what is imported stands in class variables."""
    for path in [*MODULES, *(ROOT / "conf").rglob("*.yaml")]:
        text = path.read_text()
        for word in ("_target_", "hydra.utils", "eval(", "exec("):
            assert not re.search(rf"(?<![\w.]){re.escape(word)}", text), f"{path.relative_to(ROOT)}: {word}"


def test_a_newcomer_reads_little(record_property):
    """The main path of the program, from the command to one classifier; blank lines and comments counted."""
    path = [
        "cli/run.py",
        "run/experiment.py",
        "run/launcher.py",
        "run/job.py",
        "classifiers/dense_softmax/classifier.py",
    ]
    lines = {name: len((PACKAGE / name).read_text().splitlines()) for name in path}
    record_property("reading_path_lines", lines)
    total = sum(lines.values())
    sys.stdout.write(f"main reading path: {total} lines: {lines}\n")
    assert total <= MAX_READING_PATH_LINES, lines
