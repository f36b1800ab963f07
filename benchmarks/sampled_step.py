"""A step of the sampled softmax at growing numbers of classes, beside its bare gather, products and scatter.

    python benchmarks/sampled_step.py          # 1e5 to 1e8 classes: about 12 minutes, 15 GB
    python benchmarks/sampled_step.py --classes 1e4 1e5 --dtypes bfloat16 --rounds 1 --steps 20 --out /tmp/try
    python benchmarks/sampled_step.py --report-only

Each size has a fresh child process per round; within it the arms take turns, step by step:

- ``ours``: a whole step of the method with the uniform sampler (nearly no repeats): draws, expected counts,
  gather, loss, three products, row-wise Adagrad with stochastic rounding of bfloat16;
- ``ours, log_uniform``: the same with the method's default sampler, whose repeats are computed once;
- ``bare, adding``: gather, the same three products in the same library and threads, ``index_add_`` of the
  gradients;
- ``bare, overwriting``: the same with ``index_copy_``: the least that can be written.

True classes and uniform negatives are spread over all classes, the worst case for caches and page tables.
"""

from __future__ import annotations

import argparse
import time
from itertools import product as combinations
from pathlib import Path
from typing import Any

from children import (
    Meter,
    keep_report,
    markdown_table,
    parse_arguments,
    ratio,
    run_child,
    spread,
    write_document,
)

_RECORD = Path(__file__).parent / "records" / "heads" / "sampled_step"
_OURS, _DEFAULT, _ADDING, _OVERWRITING = "ours", "ours, log_uniform", "bare, adding", "bare, overwriting"
_ARMS = (_OURS, _DEFAULT, _ADDING, _OVERWRITING)
_MAX_FLOAT32_CLASSES = 10_000_000
_WARM_UP = 10


def main() -> None:
    """Measure all sizes in turns and write record and table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--classes", type=float, nargs="+", default=[1e5, 1e6, 5e6, 1e8])
    parser.add_argument("--dtypes", nargs="+", default=["bfloat16", "float32"])
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--samples", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=200, help="timed steps of each arm per child")
    arguments = parse_arguments(parser, record=_RECORD, child=_child)
    if not arguments.report_only:
        write_document(arguments.out / "record.json", _measure(arguments))
    keep_report(arguments.out, _report)


def _measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """All sizes, round by round."""
    common = {name: getattr(arguments, name) for name in ("dim", "batch", "samples", "steps", "threads")}
    cases = [
        {"dtype": dtype, "classes": int(classes), "results": []}
        for dtype, classes in combinations(arguments.dtypes, arguments.classes)
        if dtype != "float32" or classes <= _MAX_FLOAT32_CLASSES
    ]
    for round_ in range(arguments.rounds):
        for case in cases:
            spec = common | {"dtype": case["dtype"], "classes": case["classes"], "seed": round_}
            result = run_child(Path(__file__), spec, threads=arguments.threads)
            case["results"].append(result)
            said = result.get("failed") or ", ".join(
                f"{arm} {result['milliseconds'][arm]:.2f} ms" for arm in _ARMS
            )
            print(f"round {round_ + 1}: {case['dtype']} {case['classes']:,}: {said}", flush=True)
    return common | {"rounds": arguments.rounds, "cases": cases}


def _child(spec: dict[str, Any]) -> dict[str, Any]:
    """One size: median milliseconds of a step of each arm, and the peak over base."""
    import torch

    from xclass.classifiers.products import single_threaded_products

    torch.manual_seed(spec["seed"])
    with single_threaded_products():
        for arm in _make_arms(spec | {"classes": 4096}).values():
            arm()
        meter = Meter()
        arms = _make_arms(spec)
        for _ in range(_WARM_UP):
            for arm in arms.values():
                arm()
        seconds: dict[str, list[float]] = {name: [] for name in arms}
        for _ in range(spec["steps"]):
            for name, arm in arms.items():
                before = time.perf_counter()
                arm()
                seconds[name].append(time.perf_counter() - before)
    return {
        "milliseconds": {name: 1e3 * spread(values)["median"] for name, values in seconds.items()},
        "least_milliseconds": {name: 1e3 * min(values) for name, values in seconds.items()},
        "peak_over_base_bytes": meter.peak_over_base_bytes(),
    }


def _make_arms(spec: dict[str, Any]) -> dict[str, Any]:
    """Four ways to step on one table of class vectors and one row state."""
    import numpy as np
    import torch

    from xclass.classifiers.kernels.load import load_sampled_kernels
    from xclass.classifiers.kernels.sampled import RowState
    from xclass.classifiers.sampled_softmax.negatives import RandomNegatives
    from xclass.classifiers.sampled_softmax.samplers import LogUniformSampler, UniformSampler
    from xclass.classifiers.sampled_softmax.step import SampledStep, StepSettings

    classes, batch, samples = spec["classes"], spec["batch"], spec["samples"]
    weights_CD = _start_weights(spec)
    state = RowState(weights_CD=weights_CD, state_C=torch.full((classes,), 0.1))
    step = SampledStep(
        state, kernels=load_sampled_kernels()[0], batch_size=batch, num_sampled=samples,
        threads=spec["threads"],
    )  # fmt: skip
    generator = np.random.default_rng(spec["seed"])
    inputs_BD = torch.randn(batch, spec["dim"])
    true = [generator.integers(0, classes, batch) for _ in range(64)]
    settings = StepSettings(learning_rate=1e-3)

    def ours(sampler: Any) -> Any:
        negatives = RandomNegatives(sampler, samples)

        def take() -> None:
            step(inputs_BD, true[generator.integers(64)], negatives, generator, settings)

        return take

    bare = _Bare(spec, weights_CD, inputs_BD)

    def take_bare(scatter: Any) -> Any:
        def take() -> None:
            drawn = np.concatenate((true[generator.integers(64)], generator.integers(0, classes, samples)))
            bare.step(torch.from_numpy(drawn), scatter)

        return take

    return {
        _OURS: ours(UniformSampler(classes)),
        _DEFAULT: ours(LogUniformSampler(classes)),
        _ADDING: take_bare(lambda ids, rows: weights_CD.index_add_(0, ids, rows, alpha=-1e-6)),
        _OVERWRITING: take_bare(lambda ids, rows: weights_CD.index_copy_(0, ids, rows)),
    }


def _start_weights(spec: dict[str, Any]) -> Any:
    """Random rows, the same 16384 again and again: every page is written, and it takes seconds at 1e8."""
    import torch

    from xclass.classifiers.weights.config import WeightDtype, WeightsConfig
    from xclass.classifiers.weights.table import allocate_class_vectors
    from xclass.shapes import ProblemShape

    shape = ProblemShape(
        num_classes=spec["classes"], dim=spec["dim"], batch_size=spec["batch"], scan_batch_size=1024,
        num_queries=1, query_batch_size=1, top_k=1, threads=spec["threads"],
    )  # fmt: skip
    weights_CD = allocate_class_vectors(WeightsConfig(dtype=WeightDtype(spec["dtype"])), shape).tensor_CD
    rows = torch.randn(1 << 14, spec["dim"]).mul_(spec["dim"] ** -0.5).to(weights_CD.dtype)
    for block in weights_CD.split(1 << 14):
        block.copy_(rows[: len(block)])
    return weights_CD


class _Bare:
    """Gather, three products, scatter: no draws, no loss, no exponential, no row state."""

    def __init__(self, spec: dict[str, Any], weights_CD: Any, inputs_BD: Any) -> None:
        import torch

        from xclass.classifiers.products import Team, choose_product

        batch, samples, threads = spec["batch"], spec["samples"], spec["threads"]
        dtype = weights_CD.dtype
        self._weights_CD, self._batch = weights_CD, batch
        self._inputs_BD = inputs_BD.to(dtype)
        self._product, _ = choose_product(dtype)
        self._team = Team(threads)
        self._parts = [slice(batch * i // threads, batch * (i + 1) // threads) for i in range(threads)]
        self._rows_TD = torch.empty(batch + samples, spec["dim"], dtype=dtype)
        self._gradient_TD = torch.zeros_like(self._rows_TD)
        self._partial = [torch.empty(samples, spec["dim"], dtype=dtype) for _ in range(threads)]
        self._inputs_gradient_BD = torch.empty_like(self._inputs_BD)
        self._logits = [
            torch.empty(samples, part.stop - part.start, dtype=dtype).uniform_() for part in self._parts
        ]

    def step(self, ids: Any, scatter: Any) -> None:
        import torch

        torch.index_select(self._weights_CD, 0, ids, out=self._rows_TD)
        negatives_SD = self._rows_TD[self._batch :]

        def work(index: int) -> None:
            part, logits_SB = self._parts[index], self._logits[index]
            self._product(negatives_SD, self._inputs_BD[part].t(), logits_SB)
            self._product(logits_SB, self._inputs_BD[part], self._partial[index])
            self._product(logits_SB.t(), negatives_SD, self._inputs_gradient_BD[part])

        self._team.each(work, range(len(self._parts)))
        self._gradient_TD[self._batch :].copy_(self._partial[0])
        for partial in self._partial[1:]:
            self._gradient_TD[self._batch :].add_(partial)
        scatter(ids, self._gradient_TD)


def _report(document: dict[str, Any]) -> str:
    """Milliseconds of each arm, and the ratios round by round."""
    rows = []
    for case in document["cases"]:
        good = [result for result in case["results"] if "failed" not in result]
        label = f"{case['dtype']}, {case['classes']:,}"
        if not good:
            rows.append([label, f"failed: {case['results'][0]['failed']}", *[""] * 7])
            continue
        of = {arm: [result["milliseconds"][arm] for result in good] for arm in _ARMS}
        smallest = next(other for other in document["cases"] if other["dtype"] == case["dtype"])
        first = {arm: [result["milliseconds"][arm] for result in smallest["results"]] for arm in _ARMS}
        peak = spread([result["peak_over_base_bytes"] for result in good])["median"]
        rows.append(
            [label]
            + [_cell(spread(of[arm])) for arm in _ARMS]
            + [_cell(ratio(of[_OURS], of[arm]), is_bold=True) for arm in (_ADDING, _OVERWRITING)]
            + [_cell(ratio(of[_OURS], first[_OURS]), is_bold=True), f"{peak / 1e9:.2f}"]
        )
    headings = (
        "weights, classes", *(f"{arm}, ms" for arm in _ARMS), "ours / bare, adding",
        "ours / bare, overwriting", "ours / ours at fewest classes", "peak over base, GB",
    )  # fmt: skip
    return (
        f"# A step of the sampled softmax: batch {document['batch']}, {document['samples']} shared "
        f"negatives, dim {document['dim']}\n\n"
        f"`{document['command']}`, {document['date']}, {document['machine']['processor']}, "
        f"{document['threads']} threads.\nMedians over {document['rounds']} rounds of the median of "
        f"{document['steps']} steps each (least-most of the rounds); arms take turns step\nby step, sizes "
        f"round by round. What each arm does is said in `benchmarks/sampled_step.py`.\n\n"
        + markdown_table(headings, rows)
    )


def _cell(value: dict[str, float], *, is_bold: bool = False) -> str:
    bold = "**" if is_bold else ""
    return f"{bold}{value['median']:.2f}{bold} ({value['least']:.2f}-{value['most']:.2f})"


if __name__ == "__main__":
    main()
