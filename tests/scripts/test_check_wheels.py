"""The script that asks whether dependencies have wheels; pip's answers are stand-ins, no network is used."""

import json
import subprocess
import tomllib

import pytest
from real_runs import ROOT, load_script

check_wheels = load_script("check_wheels")


@pytest.fixture
def index(monkeypatch):
    """A list of the names that have no wheel; asking pip answers accordingly."""
    missing = []

    def answer(wanted, python, platforms):
        for requirement in wanted:
            if check_wheels._name(requirement) in missing:
                text = f"ERROR: No matching distribution found for {requirement}"
                return subprocess.CompletedProcess([], 1, "", f"noise\n{text}\n")
        items = [{"metadata": {"name": check_wheels._name(one), "version": "1"}} for one in wanted]
        return subprocess.CompletedProcess([], 0, json.dumps({"install": items}), "")

    monkeypatch.setattr(check_wheels, "_pip", answer)
    return missing


def test_it_asks_for_what_pyproject_states():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    core, extras = check_wheels.requirements(project)
    assert {"torch", "faiss-cpu", "hydra-core"} <= {check_wheels._name(one) for one in core}
    assert {"lightgbm", "starlette", "ray"} <= {check_wheels._name(one) for one in extras}
    assert not any(one.startswith("xclass[") for one in extras)
    stated = {word.rpartition(" ")[2] for word in project["classifiers"] if "Python :: 3." in word}
    assert set(check_wheels.PYTHONS) == stated


def test_a_whole_core_is_said_and_passes(index, capsys):
    index.append("omikuji")
    assert check_wheels.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 9
    assert all("extras without: omikuji" in line and "MISSING" not in line for line in lines)


def test_a_missing_core_dependency_fails_by_name(index, capsys):
    index.extend(["faiss-cpu", "torch"])
    assert check_wheels.main() == 1
    assert "MISSING faiss-cpu" in capsys.readouterr().out


def test_no_network_is_no_missing_wheel(monkeypatch, capsys):
    failed = subprocess.CompletedProcess([], 1, "", "ERROR: Could not connect\n")
    monkeypatch.setattr(check_wheels, "_pip", lambda *arguments: failed)
    assert check_wheels.main() == 1
    assert "not known: ERROR: Could not connect" in capsys.readouterr().out
