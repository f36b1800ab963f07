"""The streamed dense softmax against float64 autograd, and what a step of it allocates."""

import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.utils._python_dispatch import TorchDispatchMode

from xclass.classifiers.dense_softmax.classifier import streamed_log_sum_exp, streamed_step

LEARNING_RATE = 0.37

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


def streamed(weights, inputs, classes, block_classes, learning_rate=LEARNING_RATE):
    weights = weights.clone()
    # Whatever the scratch held before must not matter.
    block = torch.full((block_classes, len(inputs)), torch.nan, dtype=weights.dtype)
    losses, gradient = streamed_step(weights, inputs, classes, learning_rate=learning_rate, block=block)
    return losses, gradient, weights


def assert_all_close(ours, truth, tolerance=1e-10):
    for name, mine, expected in zip(("losses", "input gradient", "class vectors"), ours, truth, strict=True):
        torch.testing.assert_close(
            mine, expected, rtol=tolerance, atol=tolerance, msg=lambda text, name=name: f"{name}: {text}"
        )


@pytest.mark.parametrize(("num_classes", "dim", "batch", "block_classes"), SIZES)
def test_a_step_equals_float64_autograd(num_classes, dim, batch, block_classes):
    weights, inputs, classes = problem(num_classes, dim, batch)
    assert_all_close(streamed(weights, inputs, classes, block_classes), plain(weights, inputs, classes))


@pytest.mark.parametrize("block_classes", [1, 7, 40, 64])
def test_logits_of_plus_and_minus_ten_thousand_neither_overflow_nor_lose_the_loss(block_classes):
    weights, inputs, classes = problem(40, 6, 9)
    logits = inputs @ weights.t()
    weights *= 1e4 / logits.abs().max()
    truth = plain(weights, inputs, classes)
    assert truth[0].max() > 5e3
    assert_all_close(streamed(weights, inputs, classes, block_classes), truth)


def test_a_batch_of_one_class_only_is_right():
    weights, inputs, _ = problem(30, 5, 12)
    for wanted in (0, 17, 29):
        classes = torch.full((12,), wanted)
        assert_all_close(streamed(weights, inputs, classes, 8), plain(weights, inputs, classes))


def test_equal_logits_in_every_block_give_the_logarithm_of_the_number_of_classes():
    block = torch.empty(3, 2, dtype=torch.float64)
    result = streamed_log_sum_exp(torch.zeros(10, 4, dtype=torch.float64), torch.ones(2, 4).double(), block)
    torch.testing.assert_close(result, torch.full((2,), 10.0).double().log(), rtol=1e-15, atol=0)


@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])
@pytest.mark.parametrize("block_classes", [64, 1000])
def test_float32_error_is_not_above_that_of_the_plain_implementation(scale, block_classes):
    """Worst error over ten batches; a factor of 2 is left for the luck of single roundings."""
    worst_ours, worst_plain = [0.0] * 3, [0.0] * 3
    for seed in range(10):
        weights, inputs, classes = problem(2000, 32, 64, scale=scale, dtype=torch.float32, seed=seed)
        truth = plain(weights.double(), inputs.double(), classes)
        ours = streamed(weights, inputs, classes, block_classes)
        reference = plain(weights, inputs, classes)
        for at in range(3):
            worst_ours[at] = max(worst_ours[at], float((ours[at] - truth[at]).abs().max()))
            worst_plain[at] = max(worst_plain[at], float((reference[at] - truth[at]).abs().max()))
    for name, mine, theirs in zip(
        ("losses", "input gradient", "class vectors"), worst_ours, worst_plain, strict=True
    ):
        assert mine <= 2 * theirs, f"{name}: {mine:.3g} against {theirs:.3g} of the plain implementation"


def test_a_hundred_steps_equal_sgd_of_torch():
    start, _, _ = problem(23, 6, 8)
    ours = start.clone()
    theirs = start.clone().requires_grad_()
    optimizer = torch.optim.SGD([theirs], lr=0.05)
    block = torch.empty(5, 8, dtype=torch.float64)
    for step in range(100):
        _, inputs, classes = problem(23, 6, 8, seed=step + 1)
        streamed_step(ours, inputs, classes, learning_rate=0.05, block=block)
        optimizer.zero_grad()
        cross_entropy(inputs @ theirs.t(), classes, reduction="sum").backward()
        optimizer.step()
    assert float((ours - start).abs().max()) > 0.5
    torch.testing.assert_close(ours, theirs.detach(), rtol=1e-10, atol=1e-10)


def test_inputs_and_classes_are_left_untouched():
    weights, inputs, classes = problem(50, 8, 16)
    inputs_before, classes_before = inputs.clone(), classes.clone()
    streamed(weights, inputs, classes, 16)
    assert torch.equal(inputs, inputs_before)
    assert torch.equal(classes, classes_before)


class LargestAllocation(TorchDispatchMode):
    """Remembers the largest storage that an operation made, and how much all of them came to.

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
    num_classes, dim, batch, block_classes = 50_000, 16, 64, 100
    weights, inputs, classes = problem(num_classes, dim, batch, dtype=torch.float32)
    block = torch.empty(block_classes, batch)
    with LargestAllocation(weights, inputs, classes, block) as seen:
        streamed_step(weights, inputs, classes, learning_rate=0.1, block=block)
    # One int64 per block bounds what is not O(B D) or one row of a block.
    allowed = max(4 * batch * dim, 8 * (num_classes // block_classes + 1), 4 * block_classes * 8)
    assert 0 < seen.largest_bytes <= allowed

    weights.requires_grad_()
    with LargestAllocation(weights, inputs, classes) as seen_of_plain:
        cross_entropy(inputs @ weights.t(), classes, reduction="sum").backward()
    assert seen_of_plain.largest_bytes >= 4 * batch * num_classes, "the meter misses what it is made for"
