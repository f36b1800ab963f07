"""Four processes that find each other; two, three or all of them solve problems together.

``python in_ranks.py OUT`` brings up the loopback device (it is run in a network namespace of its own, whose
counters nobody else moves), starts the four and waits. What each rank found is in ``OUT/<size>-<rank>.npz``.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

NUM_RANKS = 4
HERE = Path(__file__).resolve()
sys.path.insert(0, str(HERE.parents[1]))


def main(out):
    """Start the four."""
    has_namespace = bring_up_loopback()
    port = free_port()
    children = [
        subprocess.Popen(
            [sys.executable, str(HERE), str(out), "child"],
            env=os.environ | {
                "RANK": str(rank), "WORLD_SIZE": str(NUM_RANKS), "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo",
                "HAS_NAMESPACE": str(int(has_namespace)),
            },
        )
        for rank in range(NUM_RANKS)
    ]  # fmt: skip
    codes = [child.wait(timeout=120) for child in children]
    (out / "codes.json").write_text(json.dumps(codes))


def bring_up_loopback():
    """Whether this is a namespace of its own: its loopback device is down at first. Source: netdevice(7)."""
    import fcntl
    import socket
    import struct

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        request = struct.pack("16sh", b"lo", 0)
        flags = struct.unpack("16sh", fcntl.ioctl(handle, 0x8913, request))[1]
        if flags & 1:
            return False
        fcntl.ioctl(handle, 0x8914, struct.pack("16sh", b"lo", flags | 1))
    return True


def free_port():
    import socket

    with socket.socket() as handle:
        handle.bind(("127.0.0.1", 0))
        return handle.getsockname()[1]


def loopback_bytes():
    """What the kernel counted on the loopback device; each byte is sent once."""
    line = next(line for line in Path("/proc/net/dev").read_text().splitlines() if "lo:" in line)
    return int(line.split()[9])


def child(out):
    """One of the four: all problems, on groups of two, three and four."""
    import torch
    import torch.distributed

    from xclass.classifiers.ranks.ranks import ProcessRanks, open_ranks

    torch.set_num_threads(1)
    everyone = open_ranks(patience_seconds=60)
    groups = {size: torch.distributed.new_group(list(range(size))) for size in (2, 3)}
    for size in (2, 3, 4):
        if everyone.rank < size:
            ranks = ProcessRanks(groups[size]) if size < NUM_RANKS else everyone
            found = solve(ranks, out) if size != 3 else go_on(ranks, out)
            np.savez(out / f"{size}-{everyone.rank}.npz", **found)
        everyone.wait()
        if size == 2:
            save_on_four(everyone, out)
    count_traffic(everyone, out)
    largest_allocation(everyone, out)
    wait_in_vain(everyone, out)
    lose_one(everyone, out)


def solve(ranks, out):
    """Every problem of rank_problems; names -> arrays."""
    import rank_problems as problems

    found = {}
    for kind, names in (("dense", problems.DENSE), ("sampled", problems.SAMPLED)):
        for name in names:
            before = ranks.traffic_bytes
            result = getattr(problems, kind)(ranks, name)
            found[f"{kind}/{name}/traffic"] = ranks.traffic_bytes - before
            found |= {f"{kind}/{name}/{key}": value.numpy() for key, value in result.items()}
    for method in problems.FITS:
        classifier, encoder, report = problems.fit(method, ranks=ranks)
        folder = out / f"model-{method}-{ranks.size}"
        if ranks.rank == 0:
            folder.mkdir()
        ranks.wait()
        classifier.save(folder)
        if ranks.rank == 0:
            encoder.save(folder)
        found |= {
            f"fit/{method}/table": encoder.trained_arrays()["encoder_table"],
            f"fit/{method}/held": sum(classifier.held_bytes().values()),
            f"fit/{method}/steps": report.facts["steps"],
        }
    found |= clocks(ranks)
    return found


def clocks(ranks):
    """Where feeds end whose ranks are not equally fast."""
    import rank_problems as problems

    from xclass.encoders.projection import ProjectionEncoder
    from xclass.run.feed import DataFeed, FeedLimits

    encoder = ProjectionEncoder(num_features=23, dim=6, seed=0, learning_rate=0.1, is_trainable=False)
    feed = DataFeed(
        problems.TinySource(), encoder, batch_size=10, scan_batch_size=16, threads=1,
        limits=FeedLimits(minutes=0.3 / 60), progress=lambda *_: None, agree=ranks.agree,
    )  # fmt: skip
    shares = []
    for _ in feed.steps():
        shares.append(feed.share_spent())
        time.sleep(0.002 * ranks.rank)
    return {"clock/shares": np.array(shares)}


def save_on_four(ranks, out):
    """Train for seven steps and leave a checkpoint after the seventh."""
    import rank_problems as problems

    from xclass.classifiers.ranks.keeper import Checkpoints

    for method in problems.KEPT:
        checkpoints = Checkpoints(folder=out / f"checkpoints-{method}", every_seconds=0.0)
        problems.fit(method, ranks=ranks, checkpoints=checkpoints, steps=7)


def go_on(ranks, out):
    """Open on three what four saved, look at the arrays, and train on to the end."""
    import shutil

    import rank_problems as problems

    from xclass.classifiers.ranks.keeper import Checkpoints

    found = {}
    for method in problems.KEPT:
        for steps in (7, problems.FIT_STEPS):
            folder = out / f"three-{method}-{steps}"
            if ranks.rank == 0:
                shutil.copytree(out / f"checkpoints-{method}", folder)
            ranks.wait()
            checkpoints = Checkpoints(folder=folder, every_seconds=1e9)
            classifier, encoder, report = problems.fit(
                method, ranks=ranks, checkpoints=checkpoints, steps=steps
            )
            name = f"{method}/{steps}"
            found |= {f"{name}/{key}": value for key, value in problems.arrays(classifier, encoder).items()}
            found[f"{name}/steps"] = report.facts["steps"]
    return found


def count_traffic(ranks, out):
    """Bytes of steps of the exact softmax: counted by us, and by the kernel where nobody else sends."""
    import torch

    from xclass.classifiers.dense_softmax.config import Loss
    from xclass.classifiers.dense_softmax.streamed import StepSettings, StreamedHead
    from xclass.classifiers.kernels.base import TrueClasses
    from xclass.classifiers.kernels.load import load_kernels
    from xclass.classifiers.ranks.inputs import encode_together
    from xclass.classifiers.ranks.ranks import Ownership
    from xclass.encoders.identity import IdentityEncoder

    batch, dim, own, steps = 510, 64, 50, 20
    encoder = IdentityEncoder(dim=dim)
    result = {}
    for name, loss, smoothing in (
        ("softmax", Loss.softmax, 0.0),
        ("smoothed", Loss.softmax, 0.1),
        ("one_vs_all", Loss.one_vs_all, 0.0),
    ):
        weights = torch.zeros(own, dim)
        ownership = Ownership(ranks=ranks, first_class=own * ranks.rank, num_classes=own * ranks.size)
        head = StreamedHead(
            weights, batch_size=batch, block_classes=64, threads=1, kernels=load_kernels()[0], loss=loss,
            ownership=ownership,
        )  # fmt: skip
        true = TrueClasses.one_each(torch.arange(batch) % (own * ranks.size), torch.float32)
        settings = StepSettings(learning_rate=0.1, label_smoothing=smoothing)
        inputs = np.ones((batch, dim), np.float32)
        ranks.wait()
        counted, kernel = ranks.traffic_bytes, loopback_bytes()
        ranks.wait()
        for step in range(steps):
            ranks.agree(float(step))
            head.step(torch.from_numpy(encode_together(encoder, inputs, batch, ranks)), true, settings)
        ranks.wait()
        result[name] = {
            "counted": (ranks.traffic_bytes - counted) / steps,
            "kernel": (loopback_bytes() - kernel) / steps,
        }
        ranks.wait()
    if ranks.rank == 0:
        result["has_namespace"] = os.environ["HAS_NAMESPACE"] == "1"
        (out / "traffic.json").write_text(json.dumps(result))


def largest_allocation(ranks, out):
    """The largest storage that fitting and stepping make, in values, beside how many weights there are."""
    import rank_problems as problems
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    from xclass.classifiers.weights.config import WeightsConfig
    from xclass.classifiers.weights.table import allocate_class_vectors

    class Largest(TorchDispatchMode):
        bytes_ = 0

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            result = function(*args, **(kwargs or {}))
            for tensor in result if isinstance(result, (tuple, list)) else (result,):
                if isinstance(tensor, torch.Tensor):
                    self.bytes_ = max(self.bytes_, tensor.untyped_storage().nbytes())
            return result

    from dataclasses import replace

    from xclass.classifiers.dense_softmax.streamed import StepSettings, StreamedHead
    from xclass.classifiers.kernels.base import TrueClasses
    from xclass.classifiers.kernels.load import load_kernels
    from xclass.classifiers.ranks.ranks import own_classes

    num_classes, dim, batch = 40_000, 16, 64
    shape = replace(problems.SHAPE, num_classes=num_classes, dim=dim)
    with Largest() as seen:
        vectors = allocate_class_vectors(WeightsConfig(), shape, own_classes(ranks, num_classes))
        head = StreamedHead(
            vectors.tensor_CD, batch_size=batch, block_classes=100, threads=1, kernels=load_kernels()[0],
            ownership=vectors.ownership(ranks),
        )  # fmt: skip
        true = TrueClasses.one_each(torch.arange(batch) * 600, torch.float32)
        head.step(torch.ones(batch, dim), true, StepSettings(learning_rate=0.1))
    (out / f"largest-{ranks.rank}.json").write_text(json.dumps(seen.bytes_))


def wait_in_vain(everyone, out):
    """Of a group with half a second of patience the second is late."""
    from datetime import timedelta

    import torch.distributed

    from xclass.classifiers.ranks.ranks import ProcessRanks
    from xclass.errors import RankHangsError

    pair = torch.distributed.new_group([0, 1], timeout=timedelta(seconds=0.5))
    if everyone.rank == 0:
        try:
            ProcessRanks(pair).sum_numbers([1.0])
            text = "nothing was raised"
        except RankHangsError as error:
            text = str(error)
        (out / "waited.json").write_text(json.dumps(text))
    everyone.wait()


def lose_one(ranks, out):
    """The last rank is killed while all write a checkpoint."""
    import rank_problems as problems

    from xclass.classifiers.ranks import checkpoints as module
    from xclass.classifiers.ranks.keeper import Checkpoints
    from xclass.errors import RanksError

    write_rows = module.write_rows

    def write_half_and_die(path, array):
        write_rows(path, array)
        if ranks.rank == NUM_RANKS - 1:
            os.kill(os.getpid(), signal.SIGKILL)

    folder = out / "checkpoints-of-the-killed"
    problems.fit(
        "dense_softmax", ranks=ranks, checkpoints=Checkpoints(folder=folder, every_seconds=0), steps=3
    )
    module.write_rows = write_half_and_die
    begun = time.monotonic()
    try:
        problems.fit(
            "dense_softmax", ranks=ranks, checkpoints=Checkpoints(folder=folder, every_seconds=0), steps=9
        )
        text = "nothing was raised"
    except RanksError as error:
        text = str(error)
    (out / f"lost-{ranks.rank}.json").write_text(json.dumps([text, time.monotonic() - begun]))


if __name__ == "__main__":
    if len(sys.argv) > 2:
        child(Path(sys.argv[1]))
        os._exit(0)  # the group has lost one: an orderly farewell would wait for it
    main(Path(sys.argv[1]))
