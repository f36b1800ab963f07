"""Real commands whose children meet with something at a moment of one's choice."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from real_runs import Finished, RunFolder

CHILDREN = Path(__file__).parent / "children"


@pytest.fixture
def run_doomed(tmp_path):
    """Callable: (doom, *words, run_dir=None) -> (RunFolder, Finished); see children/doomed_worker.py."""

    def run(doom, *words, run_dir=None):
        wrapper = tmp_path / "python"
        worker = CHILDREN / "doomed_worker.py"
        wrapper.write_text(
            f'#!/bin/sh\ncase "$*" in *xclass.run.worker*) shift 2; set -- "{worker}" "$@" ;; esac\n'
            f'exec "{sys.executable}" "$@"\n',
            encoding="utf-8",
        )
        wrapper.chmod(0o755)
        run_dir = run_dir or tmp_path / "run"
        done = subprocess.run(
            [sys.executable, str(CHILDREN / "limited_launcher.py"), str(wrapper), *words,
             f"hydra.run.dir={run_dir}"],
            capture_output=True, text=True, timeout=100, check=False, cwd=tmp_path,
            env=os.environ | {"XCLASS_DOOM": json.dumps(doom)},
        )  # fmt: skip
        return RunFolder(run_dir), Finished(done.returncode, done.stdout, done.stderr)

    return run
