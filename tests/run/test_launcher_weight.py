"""The child's numbers do not move when the launcher holds 400 MB more."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.memory]

FAT = Path(__file__).parent / "children" / "fat_launcher.py"
MIB = 1 << 20


def launch(ballast_mebibytes, run_dir):
    done = subprocess.run(
        [sys.executable, str(FAT), str(ballast_mebibytes), str(run_dir)],
        capture_output=True,
        text=True,
        check=True,
    )
    memory = {}
    for path in (run_dir / "records").glob("*-rss.json"):
        record = json.loads(path.read_text())
        assert record["verdict"] == "measured", record["cause"]
        memory[record["method"], record["phase"]] = record["memory"]
    return int(done.stdout) << 10, memory


def test_the_launchers_memory_never_leaks_into_a_childs_number(tmp_path):
    thin_bytes, thin = launch(0, tmp_path / "thin")
    fat_bytes, fat = launch(400, tmp_path / "fat")
    assert fat_bytes - thin_bytes > 390 * MIB, "the ballast was not resident"
    assert thin_bytes < 80 * MIB, "the launcher is not thin"
    assert set(fat) == set(thin)
    assert len(fat) == 4
    for phase, memory in fat.items():
        for name in ("peak_rss_bytes", "peak_anon_bytes"):
            assert abs(memory[name] - thin[phase][name]) < 2 * MIB, (phase, name)
