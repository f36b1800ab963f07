"""An experiment run by a launcher of any weight: ``fat_launcher.py MEBIBYTES RUN_DIR``."""

import sys
from pathlib import Path

from xclass.config import EvaluateConfig, RunConfig
from xclass.measure.config import MeasureConfig
from xclass.run.experiment import Experiment


class Silent:
    def begin(self, method, phase, note=""):
        pass

    def wait(self, what):
        pass

    def update(self, done, total, what=""):
        pass

    def end(self, verdict, what=""):
        pass


ballast = bytearray(int(sys.argv[1]) << 20)
ballast[:: 1 << 12] = b"x" * (len(ballast) >> 12)

run_dir = Path(sys.argv[2])
run_dir.mkdir()
config = RunConfig(
    classes=2000,
    dim=8,
    threads=1,
    methods=["nearest_neighbour"],
    evaluate=EvaluateConfig(num_queries=50, single_queries=5),
    measure=MeasureConfig(heap_pass=False),
)
Experiment(config, run_dir=run_dir).run(Silent())
rss = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
sys.stdout.write(rss.split()[1])
