"""Copy a run's or a sweep's records into benchmarks/records/NAME and make its reports again from them.

    python scripts/keep_record.py outputs/2026-11-23/19-26-50 synthetic_5e6

Models, answers and flamegraphs (gigabytes) are left behind; the report says so. So is report.html, 200 kB of
what report.md says: ``python -m xclass.report runs=benchmarks/records/NAME`` makes it; --page keeps it.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from xclass.report.write import PAGE_FILE, write_reports, write_sweep_reports


def main() -> None:
    """Copy the records and write the reports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a run or a sweep")
    parser.add_argument("name", help="folder to make under benchmarks/records")
    parser.add_argument("--page", action="store_true", help="keep report.html too")
    arguments = parser.parse_args()
    target = Path(__file__).parents[1] / "benchmarks" / "records" / arguments.name
    shutil.rmtree(target, ignore_errors=True)
    folders = sorted(path for path in arguments.run.rglob("records") if path.is_dir())
    if not folders:
        raise SystemExit(f"{arguments.run}: no records/ below it; give the folder of a run")
    for folder in folders:
        run = target / folder.parent.relative_to(arguments.run)
        shutil.copytree(folder, run / "records")
        write_reports(run)
    if (arguments.run / "records").is_dir():
        print(target / "report.md")
    else:
        print(write_sweep_reports(target).report_md)
    if not arguments.page:
        for page in target.rglob(PAGE_FILE):
            page.unlink()


if __name__ == "__main__":
    main()
