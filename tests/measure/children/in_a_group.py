"""Joins a group of version 2, makes a group below it with one controller, and says what it saw."""

import json
import os
import sys
from pathlib import Path

from xclass.errors import MeasurementError
from xclass.measure.cgroups import Cgroup
from xclass.measure.subgroup import PROCESSES, subgroup

mount, folder, controller = sys.argv[1:]
Path(folder, PROCESSES).write_text(str(os.getpid()))


def own_group():
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    return next(line.partition("::")[2] for line in lines if line.startswith("0::"))


seen = {}
try:
    with subgroup(Cgroup(2, Path(mount), Path(folder)), controller) as made:
        seen["controllers"] = (made / "cgroup.controllers").read_text().split()
        seen["inside"] = own_group()
except MeasurementError as error:
    seen["error"] = str(error)
seen["after"] = own_group()
seen["left"] = sorted(path.name for path in Path(folder).iterdir() if path.is_dir())
sys.stdout.write(json.dumps(seen))
