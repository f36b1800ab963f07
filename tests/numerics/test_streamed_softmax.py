"""The streamed dense softmax against float64 autograd, and what a step of it allocates."""

import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.utils._python_dispatch import TorchDispatchMode

from xclass.classifiers.dense_softmax.config import Loss
from xclass.classifiers.dense_softmax.streamed import StepSettings, StreamedHead
from xclass.classifiers.kernels.base import TrueClasses
from xclass.classifiers.kernels.compiled import CompiledKernels
from xclass.classifiers.kernels.plain import TorchKernels
from xclass.classifiers.products import single_threaded_products

LEARNING_RATE = 0.37
KERNELS = {"compiled": CompiledKernels, "torch": TorchKernels}
BOTH = pytest.mark.parametrize("kernels", list(KERNELS))

SIZES = [
    # C, D, B, P: classes, dimensions, batch, classes per block
    pytest.param(7, 5, 4, 1, id="one class per block"),
    pytest.param(2, 3, 1, 1, id="two classes, one example"),
    pytest.param(101, 8, 16, 10, id="last block holds one class"),
    pytest.param(100, 8, 16, 32, id="last block is partial"),
    pytest.param(96, 8, 16, 32, id="blocks divide the classes"),
    pytest.param(13, 8, 16, 64, id="fewer classes than a block"),
    pytest.param(50, 1, 9, 7, id="one dimension"),
    pytest.param(33, 6, 1, 8, id="one example"),
]


def problem(num_classes, dim, batch, *, scale=1.0, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn(num_classes, dim, generator=generator, dtype=torch.float64) * scale
    inputs = torch.randn(batch, dim, generator=generator, dtype=torch.float64)
    classes = torch.randint(0, num_classes, (batch,), generator=generator)
    # A repeated class, the first class and one of the last block, wherever there is room.
    classes[-1] = num_classes - 1
    classes[: batch // 3] = classes[0]
    classes[batch // 2 : batch // 2 + 1] = 0
    return weights.to(dtype), inputs.to(dtype), classes


def plain(weights, inputs, classes, learning_rate=LEARNING_RATE):
    """What everybody writes: losses, gradient at the inputs, class vectors after the step."""
    weights, inputs = weights.clone().requires_grad_(), inputs.clone().requires_grad_()
    losses = cross_entropy(inputs @ weights.t(), classes, reduction="none")
    losses.sum().backward()
    return losses.detach(), inputs.grad, (weights - learning_rate * weights.grad).detach()


def plain_with_numpy(weights, inputs, classes, learning_rate=LEARNING_RATE):
    """The same with the products of numpy, which adds in another order than torch: OpenBLAS beside MKL."""
    logits = torch.from_numpy(inputs.numpy() @ weights.numpy().T)
    errors = torch.softmax(logits, dim=1)
    errors[torch.arange(len(classes)), classes] -= 1.0
    return (
        cross_entropy(logits, classes, reduction="none"),
        torch.from_numpy(errors.numpy() @ weights.numpy()),
        weights - learning_rate * torch.from_numpy(errors.numpy().T @ inputs.numpy()),
    )


def streamed(
    weights, inputs, classes, block_classes, learning_rate=LEARNING_RATE, *, kernels="compiled", threads=2,
    true=None, loss=Loss.softmax, seed=0, **settings,
):  # fmt: skip
    weights = weights.clone()
    head = StreamedHead(
        weights, batch_size=len(inputs) + 3, block_classes=block_classes, threads=threads,
        kernels=KERNELS[kernels](), loss=loss, seed=seed,
    )  # fmt: skip
    real = torch.float64 if weights.dtype == torch.float64 else torch.float32
    true = true or TrueClasses.one_each(classes, real)
    with single_threaded_products():
        losses, gradient = head.step(
            inputs.to(real), true, StepSettings(learning_rate=learning_rate, **settings)
        )
    head.close()
    return losses, gradient, weights


def assert_all_close(ours, truth, tolerance=1e-10):
    for name, mine, expected in zip(("losses", "input gradient", "class vectors"), ours, truth, strict=True):
        torch.testing.assert_close(
            mine.double(),
            expected.double(),
            rtol=tolerance,
            atol=tolerance,
            msg=lambda text, name=name: f"{name}: {text}",
        )


@BOTH
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(("num_classes", "dim", "batch", "block_classes"), SIZES)
def test_a_step_equals_float64_autograd(num_classes, dim, batch, block_classes, threads, kernels):
    weights, inputs, classes = problem(num_classes, dim, batch)
    ours = streamed(weights, inputs, classes, block_classes, kernels=kernels, threads=threads)
    assert_all_close(ours, plain(weights, inputs, classes))


@BOTH
@pytest.mark.parametrize("block_classes", [1, 7, 40, 64])
def test_logits_of_plus_and_minus_ten_thousand_neither_overflow_nor_lose_the_loss(block_classes, kernels):
    weights, inputs, classes = problem(40, 6, 9)
    logits = inputs @ weights.t()
    weights *= 1e4 / logits.abs().max()
    truth = plain(weights, inputs, classes)
    assert truth[0].max() > 5e3
    assert_all_close(streamed(weights, inputs, classes, block_classes, kernels=kernels), truth)


@BOTH
def test_a_batch_of_one_class_only_is_right(kernels):
    weights, inputs, _ = problem(30, 5, 12)
    for wanted in (0, 17, 29):
        classes = torch.full((12,), wanted)
        ours = streamed(weights, inputs, classes, 8, kernels=kernels)
        assert_all_close(ours, plain(weights, inputs, classes))


@BOTH
def test_equal_logits_everywhere_give_the_logarithm_of_the_number_of_classes(kernels):
    weights, inputs = torch.zeros(10, 4, dtype=torch.float64), torch.ones(2, 4, dtype=torch.float64)
    losses, _, _ = streamed(weights, inputs, torch.tensor([3, 9]), 3, kernels=kernels)
    torch.testing.assert_close(losses, torch.full((2,), 10.0).double().log(), rtol=1e-15, atol=0)


@BOTH
def test_weight_decay_and_label_smoothing_are_those_of_torch(kernels):
    weights, inputs, classes = problem(101, 8, 16)
    theirs = weights.clone().requires_grad_()
    their_inputs = inputs.clone().requires_grad_()
    optimizer = torch.optim.SGD([theirs], lr=LEARNING_RATE, weight_decay=0.3)
    losses = cross_entropy(their_inputs @ theirs.t(), classes, reduction="none", label_smoothing=0.2)
    losses.sum().backward()
    optimizer.step()
    ours = streamed(weights, inputs, classes, 10, kernels=kernels, weight_decay=0.3, label_smoothing=0.2)
    assert_all_close(ours, (losses.detach(), their_inputs.grad, theirs.detach()))


def several_true_classes(num_classes, batch, *, is_shared, dtype=torch.float64):
    """0 to 3 true classes per example, and the same as a dense matrix."""
    generator = torch.Generator().manual_seed(5)
    sizes = torch.arange(batch) % 4 if not is_shared else 1 + torch.arange(batch) % 3
    lists = [torch.randperm(num_classes, generator=generator)[:size] for size in sizes.tolist()]
    starts = torch.cat((torch.zeros(1, dtype=torch.int64), sizes.cumsum(0)))
    true = TrueClasses.several(torch.cat(lists), starts, dtype, is_shared=is_shared)
    dense = torch.zeros(batch, num_classes, dtype=dtype)
    for example, classes in enumerate(lists):
        dense[example, classes] = 1.0 / len(classes) if is_shared and len(classes) else 1.0
    return true, dense


@BOTH
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_several_true_classes_share_the_probability(kernels, smoothing):
    weights, inputs, classes = problem(101, 8, 16)
    true, dense = several_true_classes(101, 16, is_shared=True)
    theirs, their_inputs = weights.clone().requires_grad_(), inputs.clone().requires_grad_()
    losses = cross_entropy(their_inputs @ theirs.t(), dense, reduction="none", label_smoothing=smoothing)
    losses.sum().backward()
    expected = (losses.detach(), their_inputs.grad, (theirs - LEARNING_RATE * theirs.grad).detach())
    ours = streamed(weights, inputs, classes, 10, kernels=kernels, true=true, label_smoothing=smoothing)
    assert_all_close(ours, expected)


@BOTH
@pytest.mark.parametrize("block_classes", [1, 10, 200])
def test_one_vs_all_equals_binary_cross_entropy(kernels, block_classes):
    """A logit of 0 means 1 / C: the offset is log(C - 1)."""
    weights, inputs, classes = problem(101, 8, 16)
    true, dense = several_true_classes(101, 16, is_shared=False)
    theirs, their_inputs = weights.clone().requires_grad_(), inputs.clone().requires_grad_()
    logits = their_inputs @ theirs.t() - torch.tensor(100.0).double().log()
    losses = torch.nn.functional.binary_cross_entropy_with_logits(logits, dense, reduction="none").sum(1)
    losses.sum().backward()
    expected = (losses.detach(), their_inputs.grad, (theirs - LEARNING_RATE * theirs.grad).detach())
    ours = streamed(weights, inputs, classes, block_classes, kernels=kernels, true=true, loss=Loss.one_vs_all)
    assert_all_close(ours, expected)


def test_an_example_that_names_a_class_twice_is_refused():
    with pytest.raises(ValueError, match="twice"):
        TrueClasses.several(torch.tensor([3, 3]), torch.tensor([0, 2]), torch.float32, is_shared=True)


def test_without_the_input_gradient_the_rest_is_the_same():
    weights, inputs, classes = problem(101, 8, 16)
    full = streamed(weights, inputs, classes, 10)
    losses, gradient, updated = streamed(weights, inputs, classes, 10, needs_input_gradient=False)
    assert gradient is None
    assert torch.equal(losses, full[0])
    assert torch.equal(updated, full[2])


@BOTH
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])
@pytest.mark.parametrize("block_classes", [64, 1000])
def test_our_error_is_not_above_that_of_the_plain_implementation(scale, block_classes, dtype, kernels):
    """Root-mean-square error over ten batches; both sides round updated class vectors to nearest.

    In float32 what is left is the order in which two BLAS libraries add: our gradient at the inputs errs 1.44
    times as much as torch's with the AVX-512 kernels of OpenBLAS, and as much as the plain way with numpy's
    products. So the plain implementation is taken with both, and the worse is the measure.
    """
    plains = [plain, plain_with_numpy] if dtype == torch.float32 else [plain]
    ours_square, plain_square = [0.0] * 3, [[0.0] * 3 for _ in plains]
    for seed in range(10):
        weights, inputs, classes = problem(2000, 32, 64, scale=scale, dtype=dtype, seed=seed)
        truth = plain(weights.double(), inputs.double(), classes)
        ours = streamed(weights, inputs, classes, block_classes, kernels=kernels, seed=None)
        for at in range(3):
            ours_square[at] += float((ours[at].double() - truth[at]).square().sum())
        for squares, implementation in zip(plain_square, plains, strict=True):
            reference = implementation(weights, inputs, classes)
            for at in range(3):
                squares[at] += float((reference[at].double() - truth[at]).square().sum())
    allowed = 1.2 if dtype == torch.float32 else 1.001
    names = ("losses", "input gradient", "class vectors")
    worst = [max(squares) for squares in zip(*plain_square, strict=True)]
    ratios = {n: (a / b) ** 0.5 for n, a, b in zip(names, ours_square, worst, strict=True)}
    assert max(ratios.values()) <= allowed, ratios


@BOTH
def test_a_hundred_steps_equal_sgd_of_torch(kernels):
    start, _, _ = problem(23, 6, 8)
    ours = start.clone()
    theirs = start.clone().requires_grad_()
    optimizer = torch.optim.SGD([theirs], lr=0.05)
    head = StreamedHead(ours, batch_size=8, block_classes=5, threads=2, kernels=KERNELS[kernels]())
    for step in range(100):
        _, inputs, classes = problem(23, 6, 8, seed=step + 1)
        head.step(inputs, TrueClasses.one_each(classes, inputs.dtype), StepSettings(learning_rate=0.05))
        optimizer.zero_grad()
        cross_entropy(inputs @ theirs.t(), classes, reduction="sum").backward()
        optimizer.step()
    head.close()
    assert float((ours - start).abs().max()) > 0.5
    torch.testing.assert_close(ours, theirs.detach(), rtol=1e-10, atol=1e-10)


def test_more_logits_than_an_int32_counts():
    """B C = 2.2e9 > 2**31; the last class's row and the loss are right (one dimension, to be quick)."""
    num_classes, batch = 2_200_000, 1000
    weights = torch.zeros(num_classes, 1)
    weights[-1] = 2.0
    inputs = torch.ones(batch, 1)
    losses, _, updated = streamed(
        weights, inputs, torch.full((batch,), num_classes - 1), 2000, 1e-3, needs_input_gradient=False
    )
    expected = torch.tensor(num_classes - 1 + torch.e**2, dtype=torch.float64).log() - 2.0
    torch.testing.assert_close(losses, expected.expand(batch), rtol=1e-6, atol=0)
    probability = float(torch.exp(-expected))
    assert float(updated[-1]) == pytest.approx(2.0 + 1e-3 * batch * (1.0 - probability), rel=1e-6)
    assert float(updated[0]) == pytest.approx(-1e-3 * batch * probability / torch.e**2, rel=1e-4)


def test_inputs_and_classes_are_left_untouched():
    weights, inputs, classes = problem(50, 8, 16)
    inputs_before, classes_before = inputs.clone(), classes.clone()
    streamed(weights, inputs, classes, 16)
    assert torch.equal(inputs, inputs_before)
    assert torch.equal(classes, classes_before)


class LargestAllocation(TorchDispatchMode):
    """Remembers the largest storage that an operation made.

    Storages of tensors that existed before (and of views of them) do not count.
    """

    def __init__(self, *known):
        super().__init__()
        self._known = {tensor.untyped_storage().data_ptr() for tensor in known}
        self.largest_bytes = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, (tuple, list)) else (result,):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                if storage.data_ptr() not in self._known:
                    self.largest_bytes = max(self.largest_bytes, storage.nbytes())
        return result


def test_nothing_of_the_size_of_the_logits_or_of_the_class_vectors_is_ever_allocated():
    """One thread: a dispatch mode sees only the thread that entered it."""
    num_classes, dim, batch, block_classes = 50_000, 16, 64, 100
    weights, inputs, classes = problem(num_classes, dim, batch, dtype=torch.float32)
    with LargestAllocation(weights, inputs, classes) as seen:
        head = StreamedHead(
            weights, batch_size=batch, block_classes=block_classes, threads=1, kernels=CompiledKernels()
        )
        head.step(inputs, TrueClasses.one_each(classes, inputs.dtype), StepSettings(learning_rate=0.1))
    assert 0 < seen.largest_bytes <= 4 * block_classes * batch

    weights.requires_grad_()
    with LargestAllocation(weights, inputs, classes) as seen_of_plain:
        cross_entropy(inputs @ weights.t(), classes, reduction="sum").backward()
    assert seen_of_plain.largest_bytes >= 4 * batch * num_classes, "the meter misses what it is made for"
