"""A training step of the exact softmax beside its rivals and beside its own four matrix products.

    python benchmarks/dense_step.py            # 1e6 classes, dim 64 and 128, batch 256 and 1024: 25 minutes
    python benchmarks/dense_step.py --report-only

Every arm makes the same step: loss summed over the batch, gradient at the inputs, plain SGD on the class
vectors. ``autograd`` is linear + cross_entropy + backward + torch.optim.SGD; ``linear_cross_entropy`` is
torch's chunked loss with the best of three hand-set chunks; ``products`` are the four matrix products of
``streamed`` and nothing else, in the same blocks, threads and library. ``--device cuda`` measures the same on
a GPU, bytes by torch's allocator, and ``cut_cross_entropy`` where that package is installed.
"""

from __future__ import annotations

import argparse
import importlib.util
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

_RECORD = Path(__file__).parent / "records" / "heads" / "dense_step"
_CHUNKS = (64, 256, 1024)
_ARMS = ("streamed", "products", "autograd", "linear_cross_entropy")
_GPU_ARM = "cut_cross_entropy"
_DTYPES = ("float32", "bfloat16")


def main() -> None:
    """Measure all arms in turns and write record and table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--classes", type=float, default=1e6)
    parser.add_argument("--dims", type=int, nargs="+", default=[64, 128])
    parser.add_argument("--batches", type=int, nargs="+", default=[256, 1024])
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--for-seconds", type=float, default=3.0, help="of timed steps per child")
    arguments = parse_arguments(parser, record=_RECORD, child=_child)
    if not arguments.report_only:
        cases = [_measure(arguments, dim, batch) for dim in arguments.dims for batch in arguments.batches]
        document = {"classes": int(arguments.classes), "device": arguments.device, "cases": cases}
        write_document(arguments.out / "record.json", document)
    keep_report(arguments.out, _report)


def _measure(arguments: argparse.Namespace, dim: int, batch: int) -> dict[str, Any]:
    """All arms of one size, round by round."""
    results: dict[str, list[dict[str, Any]]] = {}
    chunks: dict[str, int] = {}
    for round_ in range(arguments.rounds):
        for dtype in _DTYPES:
            for arm in _arms(arguments.device):
                spec = {
                    "arm": arm, "dtype": dtype, "classes": int(arguments.classes), "dim": dim, "batch": batch,
                    "threads": arguments.threads if arguments.device == "cpu" else 1,
                    "device": arguments.device, "for_seconds": arguments.for_seconds,
                }  # fmt: skip
                if arm == "linear_cross_entropy":
                    if dtype not in chunks:
                        chunks[dtype] = _best_chunk(spec)
                    spec["chunk"] = chunks[dtype]
                result = run_child(Path(__file__), spec, threads=arguments.threads)
                results.setdefault(f"{arm} {dtype}", []).append(result)
                said = result.get("failed") or f"{result['step_seconds']:.3f} s"
                print(f"dim {dim} batch {batch} round {round_ + 1}: {arm} {dtype}: {said}", flush=True)
    return {"dim": dim, "batch": batch, "chunks": chunks, "results": results}


def _arms(device: str) -> tuple[str, ...]:
    """What can be measured here."""
    is_there = device == "cuda" and importlib.util.find_spec(_GPU_ARM) is not None
    return (*_ARMS, _GPU_ARM) if is_there else _ARMS


def _best_chunk(spec: dict[str, Any]) -> int:
    """The hand-set chunk with which torch's loss is fastest here."""
    tries = {
        chunk: run_child(Path(__file__), spec | {"chunk": chunk}, threads=spec["threads"])
        for chunk in _CHUNKS
        if chunk <= spec["batch"]
    }
    return min(tries, key=lambda chunk: tries[chunk].get("step_seconds", float("inf")))


def _child(spec: dict[str, Any]) -> dict[str, Any]:
    """One arm: median seconds of a step, and the peak over base."""
    import torch

    torch.manual_seed(0)
    dtype = getattr(torch, spec["dtype"])
    is_gpu = spec["device"] == "cuda"
    torch.set_default_device(spec["device"])
    make = {"streamed": _streamed, "products": _products}.get(spec["arm"], _autograd)
    make(spec | {"classes": 4096}, torch.randn(4096, spec["dim"]).to(dtype))()
    meter = Meter()
    if is_gpu:
        torch.cuda.reset_peak_memory_stats()
    # Logits of about one: at trained scales torch's exp is up to 40 times slower, which would flatter us.
    weights_CD = torch.empty(spec["classes"], spec["dim"], dtype=dtype)
    for block in weights_CD.split(1 << 14):
        block.copy_(torch.randn(block.shape))
    take = make(spec, weights_CD)

    def step() -> None:
        take()
        if is_gpu:
            torch.cuda.synchronize()

    step()
    seconds = meter.seconds(step, at_least=2, for_seconds=spec["for_seconds"])
    return {
        "step_seconds": spread(seconds)["median"],
        "steps": len(seconds),
        "peak_over_base_bytes": torch.cuda.max_memory_allocated() if is_gpu else meter.peak_over_base_bytes(),
        "weights_bytes": weights_CD.nbytes,
    }


def _batch(spec: dict[str, Any]) -> Any:
    import torch

    inputs_BD = torch.nn.functional.normalize(torch.randn(spec["batch"], spec["dim"]))
    return inputs_BD, torch.randint(0, spec["classes"], (spec["batch"],))


def _streamed(spec: dict[str, Any], weights_CD: Any) -> Any:
    """Our step, with the block that the method takes by default."""
    from xclass.classifiers.dense_softmax.streamed import StepSettings, StreamedHead
    from xclass.classifiers.kernels.base import TrueClasses
    from xclass.classifiers.kernels.load import load_kernels
    from xclass.classifiers.products import single_threaded_products

    inputs_BD, classes_B = _batch(spec)
    head = StreamedHead(
        weights_CD, batch_size=spec["batch"], block_classes=_block_classes(spec), threads=spec["threads"],
        kernels=load_kernels(spec["device"])[0],
    )  # fmt: skip
    true = TrueClasses.one_each(classes_B, inputs_BD.dtype)
    settings = StepSettings(learning_rate=1e-3)

    def step() -> None:
        with single_threaded_products():
            head.step(inputs_BD, true, settings)

    return step


def _products(spec: dict[str, Any], weights_CD: Any) -> Any:
    """The four products of our step and nothing else."""
    import torch

    from xclass.classifiers.products import Team, choose_product, single_threaded_products

    inputs_BD = _batch(spec)[0].to(weights_CD.dtype)
    size, block, threads = spec["batch"], _block_classes(spec), spec["threads"]
    product, _ = choose_product(weights_CD.dtype, spec["device"])
    team = Team(threads)
    bounds = [len(weights_CD) * part // threads for part in range(threads + 1)]
    scratch = [
        (torch.empty(block * size, dtype=weights_CD.dtype), torch.empty_like(inputs_BD),
         torch.empty(block, spec["dim"], dtype=weights_CD.dtype))
        for _ in range(threads)
    ]  # fmt: skip

    def work(part: int) -> None:
        logits, partial_BD, gradient_PD = scratch[part]
        for is_second in (False, True):
            for first in range(bounds[part], bounds[part + 1], block):
                rows = weights_CD[first : min(first + block, bounds[part + 1])]
                logits_PB = logits[: len(rows) * size].view(len(rows), size)
                product(rows, inputs_BD.t(), logits_PB)
                if is_second:
                    product(logits_PB.t(), rows, partial_BD)
                    product(logits_PB, inputs_BD, gradient_PD[: len(rows)])

    def step() -> None:
        with single_threaded_products():
            team.each(work, range(threads))

    return step


def _block_classes(spec: dict[str, Any]) -> int:
    from xclass.classifiers.dense_softmax.config import DenseSoftmaxConfig
    from xclass.classifiers.device import Device
    from xclass.shapes import ProblemShape

    shape = ProblemShape(
        num_classes=spec["classes"], dim=spec["dim"], batch_size=spec["batch"], scan_batch_size=1024,
        num_queries=1, query_batch_size=1, top_k=1, threads=spec["threads"],
    )  # fmt: skip
    value_bytes = 2 if spec["dtype"] == "bfloat16" else 4
    return DenseSoftmaxConfig().block_classes(shape, value_bytes=value_bytes, device=Device(spec["device"]))


def _autograd(spec: dict[str, Any], weights_CD: Any) -> Any:
    """The way everybody would write it, with torch's plain or chunked loss."""
    import torch
    from torch.nn import functional

    inputs_BD, classes_B = _batch(spec)
    inputs_BD = inputs_BD.to(weights_CD.dtype).requires_grad_()
    weights_CD.requires_grad_()
    optimizer = torch.optim.SGD([weights_CD], lr=1e-3)

    def loss() -> Any:
        if spec["arm"] == "autograd":
            logits_BC = functional.linear(inputs_BD, weights_CD)
            return functional.cross_entropy(logits_BC, classes_B, reduction="sum")
        if spec["arm"] == _GPU_ARM:
            from cut_cross_entropy import linear_cross_entropy

            return linear_cross_entropy(inputs_BD, weights_CD, classes_B, reduction="sum")
        options = torch.nn.LinearCrossEntropyOptions(batch_chunk_size=spec["chunk"])
        return functional.linear_cross_entropy(
            inputs_BD, weights_CD, classes_B, reduction="sum", options=options
        )

    def step() -> None:
        inputs_BD.grad = None
        optimizer.zero_grad(set_to_none=True)
        loss().backward()
        optimizer.step()

    return step


def _report(document: dict[str, Any]) -> str:
    """The table: seconds of every arm, and ours against each rival round by round."""
    rivals = ["autograd", "linear_cross_entropy", *([_GPU_ARM] if document["device"] == "cuda" else [])]
    rows = []
    for case in document["cases"]:
        results = case["results"]
        for dtype in _DTYPES:
            ours = results[f"streamed {dtype}"]
            rows.append(
                [f"{case['dim']}, {case['batch']}, {dtype}", _median(ours)]
                + [_against(ours, results[f"products {dtype}"])]
                + [_against(results["autograd float32"], ours)]
                + [_against(results.get(f"{rival} {dtype}", []), ours) for rival in rivals]
                + [_extra(ours), *(_extra(results.get(f"{rival} {dtype}", [])) for rival in rivals)]
            )
    headings = [
        "dim, batch, weights", "streamed, s/step", "streamed / its products", "float32 autograd / streamed",
        *(f"{rival} / streamed" for rival in rivals), "streamed, MB over weights",
        *(f"{rival}, MB" for rival in rivals),
    ]  # fmt: skip
    chunks = "; ".join(
        f"{case['dim']}, {case['batch']}: " + ", ".join(f"{c} in {d}" for d, c in case["chunks"].items())
        for case in document["cases"]
    )
    return (
        f"# A step of the exact softmax over {document['classes']:,} classes\n\n"
        f"`{document['command']}`, {document['date']}. Medians over rounds (least-most); MB = 1e6 bytes of\n"
        f"peak memory over base and weights. Rivals have weights of the same dtype, but for the column of\n"
        f"float32 autograd, which is the head as everybody writes it. Chunks of linear_cross_entropy found\n"
        f"best: {chunks}. bfloat16 weights are rounded stochastically by the streamed step, to nearest by\n"
        f"all rivals.\n\n" + markdown_table(headings, rows)
    )


def _against(left: list[dict[str, Any]], right: list[dict[str, Any]]) -> str:
    """Seconds of left over those of right."""
    failed = [result["failed"] for result in (*left, *right) if "failed" in result]
    if failed or not left:
        return failed[0] if failed else "-"
    value = ratio([r["step_seconds"] for r in left], [r["step_seconds"] for r in right])
    return f"**{value['median']:.2f}** ({value['least']:.2f}-{value['most']:.2f})"


def _median(results: list[dict[str, Any]]) -> str:
    return f"{spread([result['step_seconds'] for result in results])['median']:.3f}"


def _extra(results: list[dict[str, Any]]) -> str:
    extra = [r["peak_over_base_bytes"] - r["weights_bytes"] for r in results if "failed" not in r]
    return f"{spread(extra)['median'] / 1e6:,.0f}" if extra else "-"


if __name__ == "__main__":
    main()
