"""An installed wheel is whole: it finds conf/ from any folder."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(folder), str(ROOT)], check=True, capture_output=True)
    (built,) = folder.glob("xclass-*.whl")
    return built


@pytest.mark.slow
def test_the_wheel_finds_its_configuration_from_any_folder(wheel, tmp_path):
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "xclass", "experiment=five_million", "--cfg", "job"],
        env=os.environ | {"PYTHONPATH": str(site)},
        cwd=elsewhere,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("classes: 5000000\n")


@pytest.mark.slow
def test_the_wheel_is_for_every_system_and_says_which_it_was_tried_on(wheel):
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = archive.read(name).decode()
    assert "Requires-Python: <3.14,>=3.11" in metadata
    for system in ("MacOS", "POSIX :: Linux"):
        assert f"Classifier: Operating System :: {system}\n" in metadata


@pytest.mark.slow
def test_the_wheel_carries_the_schema_types_and_nothing_of_the_tests(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert "xclass/conf/config.yaml" in names
    assert "xclass/py.typed" in names
    kinds = (".json", ".jinja", ".html", ".css", ".js")
    data = [path for path in (ROOT / "xclass").rglob("*") if path.suffix in kinds]
    assert len(data) > 5
    missing = {path.relative_to(ROOT).as_posix() for path in data} - set(names)
    assert not missing, "each is read by a command"
    assert "xclass/conf/hardware/clouds.yaml" in names
    assert not [name for name in names if name.startswith("tests")]
