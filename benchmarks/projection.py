"""How far projections can be trusted: small configurations fitted, large ones held out, each a run of xclass.

    python benchmarks/projection.py                    # all arms: half an hour, 4 GB of RAM, quiet machine
    python benchmarks/projection.py --only dense-fit1  # these; an arm that has its record is not run again
    python benchmarks/projection.py --again flat-held1 # these, whether they have a record or not
    python benchmarks/projection.py --quick            # a fiftieth of the classes; no record is touched
    python benchmarks/projection.py --report-only

Each run goes through the command line as a user's does. Times need a quiet machine, or first claim on a
shared one (``cpu.shares`` of a control group: niceness counts within a session only, and each child has its
own); bytes do not. What others took is noted.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from projection_arms import ARMS, VARIANTS
from projection_disturbance import OTHERS_SHARE, Disturbance
from projection_judge import judge, make_reference, read_arm
from projection_report import write_report

from xclass.records.store import RECORDS_FOLDER

_ROOT = Path(__file__).parents[1]
_RECORD = _ROOT / "benchmarks" / "records" / "projection"
_REFERENCE = _ROOT / "xclass" / "projection" / "reference.json"
_QUICK_SCALE = 0.02


def main() -> None:
    """Run what has no record yet, keep it, make the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=ARMS, default=list(ARMS), metavar="ARM")
    parser.add_argument("--again", nargs="+", choices=ARMS, default=[], metavar="ARM")
    parser.add_argument("--quick", action="store_true", help="small, into outputs/projection_quick")
    parser.add_argument("--report-only", action="store_true", help="make the report again from the record")
    arguments = parser.parse_args()
    folder = _ROOT / "outputs" / "projection_quick" if arguments.quick else _RECORD
    folder.mkdir(parents=True, exist_ok=True)
    if not arguments.report_only:
        for name in arguments.again or arguments.only:
            if arguments.again or not (folder / f"{name}.json").exists():
                _run(name, folder, scale=_QUICK_SCALE if arguments.quick else 1.0)
    arms = {name: read_arm(folder, name) for name in ARMS}
    write_report(folder, arms, judge(arms))
    if not arguments.quick:
        document = json.dumps(make_reference(arms).to_json(), indent=1)
        _REFERENCE.write_text(document + "\n", encoding="utf-8")
    print(folder / "README.md")


def _run(name: str, folder: Path, *, scale: float) -> None:
    """One arm in a folder of its own; its records are kept without timelines, which are most of their bytes.

    Raises:
        SystemExit: the run failed.
    """
    (_ROOT / "outputs").mkdir(exist_ok=True)
    variant, size = ARMS[name]
    with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=_ROOT / "outputs") as scratch:
        command = [sys.executable, "-m", "xclass", *VARIANTS[variant].words_at(size, scale)]
        print(f"{name}: {' '.join(command[1:])}", flush=True)
        disturbance = Disturbance()
        done = subprocess.run([*command, f"hydra.run.dir={scratch}/run"], cwd=_ROOT, check=False)
        if done.returncode:
            raise SystemExit(f"{name}: ended with exit code {done.returncode}")
        share = round(disturbance.share(), 4)
        paths = sorted((Path(scratch) / "run" / RECORDS_FOLDER).glob("*.json"))
        documents = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    for document in documents:
        del document["timeline"]
        document["conditions"][OTHERS_SHARE] = share
    partial = folder / f"{name}.partial"
    partial.write_text(json.dumps(documents, separators=(",", ":")), encoding="utf-8")
    partial.replace(folder / f"{name}.json")


if __name__ == "__main__":
    main()
