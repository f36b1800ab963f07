"""The sampled softmax against the exact cross-entropy and against hand-written dense references."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from xclass.classifiers.kernels.sampled import (
    CompiledSampledKernels,
    GradientLayout,
    RowState,
    TorchSampledKernels,
)
from xclass.classifiers.products import single_threaded_products
from xclass.classifiers.ranks.ranks import SINGLE_RANK
from xclass.classifiers.sampled_softmax.hard import HardNegatives
from xclass.classifiers.sampled_softmax.loss import StepBuffers, differentiate, exponentiate, take_losses
from xclass.classifiers.sampled_softmax.negatives import InBatchNegatives, MixedNegatives, RandomNegatives
from xclass.classifiers.sampled_softmax.samplers import FrequencySampler, LogUniformSampler, UniformSampler
from xclass.classifiers.sampled_softmax.step import SampledStep, StepSettings
from xclass.classifiers.sampled_softmax.streaming import StreamingFrequency

KERNELS = pytest.mark.parametrize(
    "kernels", [CompiledSampledKernels(), TorchSampledKernels()], ids=lambda k: k.name
)


def product(left, right, out):
    torch.mm(left, right, out=out)


def problem(num_classes=40, dim=6, batch=9, *, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn(num_classes, dim, generator=generator, dtype=dtype)
    inputs = torch.randn(batch, dim, generator=generator, dtype=dtype)
    classes = torch.randint(0, num_classes, (batch,), generator=generator)
    classes[1] = classes[0]
    return weights, inputs, classes


def gradient_of(weights, inputs, classes, negatives, log_expected_count, kernels=None):
    """Losses and dense gradients; negatives may repeat, each expected as often as its entry says."""
    kernels = kernels or TorchSampledKernels()
    buffers = StepBuffers(
        batch_size=len(inputs), num_sampled=len(negatives), dim=inputs.shape[1], dtype=weights.dtype, parts=1
    )
    touched = kernels.touch(classes.numpy(), negatives.numpy(), buffers.layout)
    first = np.unique(negatives.numpy(), return_index=True)[1]
    part = buffers.part(0, slice(0, len(inputs)), len(touched.sampled_K))
    rows = weights[torch.from_numpy(touched.sampled_K)]
    terms = exponentiate(
        inputs,
        weights[classes],
        rows,
        offsets_S=(log_expected_count[first] - torch.from_numpy(np.log(touched.times_K))).to(inputs.dtype),
        hits=(torch.from_numpy(touched.hit_places_H), torch.from_numpy(touched.hit_examples_H)),
        is_mine_B=torch.ones(len(inputs), dtype=torch.bool),
        kernels=kernels,
        product=product,
        buffers=part,
    )
    losses, shares = take_losses([terms], SINGLE_RANK)
    errors = torch.expm1(-losses)
    differentiate(inputs, rows, shares_B=shares, errors_B=errors, product=product, buffers=part)
    dense = torch.zeros(weights.shape, dtype=inputs.dtype)
    dense.index_add_(0, classes, part.positive_gradient_BD.to(inputs.dtype))
    dense.index_add_(0, torch.from_numpy(touched.sampled_K), part.negative_gradient_SD.to(inputs.dtype))
    return SimpleNamespace(losses=losses, inputs=part.inputs_BD, dense=dense)


def reference_loss(weights, inputs, classes, negatives, log_expected_count):
    """The definition, one example at a time; differentiable."""
    losses = []
    for x, wanted in zip(inputs, classes, strict=True):
        kept = negatives != wanted
        others = weights[negatives[kept]] @ x - log_expected_count[kept]
        positive = weights[wanted] @ x
        losses.append(torch.logsumexp(torch.cat((positive[None], others)), dim=0) - positive)
    return torch.stack(losses)


def exact(weights, inputs, classes):
    weights, inputs = weights.clone().requires_grad_(), inputs.clone().requires_grad_()
    losses = cross_entropy(inputs @ weights.t(), classes, reduction="none")
    losses.sum().backward()
    return SimpleNamespace(losses=losses.detach(), inputs=inputs.grad, dense=weights.grad)


def assert_equal(ours, expected, **tolerance):
    for name in ("losses", "inputs", "dense"):
        torch.testing.assert_close(getattr(ours, name), getattr(expected, name), **tolerance)


@KERNELS
@pytest.mark.parametrize("scale", [1.0, 1e3])
def test_with_every_class_drawn_once_it_is_the_exact_cross_entropy(scale, kernels):
    weights, inputs, classes = problem()
    weights *= scale
    negatives = torch.randperm(40, generator=torch.Generator().manual_seed(1))
    result = gradient_of(weights, inputs, classes, negatives, torch.zeros(40).double(), kernels)
    assert_equal(result, exact(weights, inputs, classes), rtol=1e-10, atol=1e-10)


@KERNELS
def test_in_float32_the_error_is_no_larger_than_that_of_torch(kernels):
    weights, inputs, classes = problem(400, 64, 33)
    truth = exact(weights, inputs, classes)
    low = weights.float(), inputs.float(), classes
    ours = gradient_of(*low, torch.arange(400), torch.zeros(400), kernels)
    plain = exact(*low)
    for name in ("losses", "inputs", "dense"):
        error, plain_error = ((getattr(x, name) - getattr(truth, name)).abs().max() for x in (ours, plain))
        assert error <= 2 * plain_error + 1e-7, name


@KERNELS
def test_hits_repeats_and_corrections_equal_the_definition(kernels):
    weights, inputs, classes = problem(num_classes=12, batch=15)
    negatives = torch.tensor([0, 3, 3, 3, 7, 11, 0, 5])
    log_expected_count = torch.linspace(-2, 2, 12, dtype=torch.float64)[negatives]
    assert (classes[:, None] == negatives[None, :]).any()
    result = gradient_of(weights, inputs, classes, negatives, log_expected_count, kernels)

    weights.requires_grad_()
    inputs.requires_grad_()
    losses = reference_loss(weights, inputs, classes, negatives, log_expected_count)
    losses.sum().backward()
    expected = SimpleNamespace(losses=losses.detach(), inputs=inputs.grad, dense=weights.grad)
    assert_equal(result, expected, rtol=1e-12, atol=1e-12)


@KERNELS
def test_a_batch_whose_negatives_are_all_its_own_class_has_no_loss_and_no_gradient(kernels):
    weights, inputs, _ = problem(batch=4)
    classes, negatives = torch.full((4,), 5), torch.full((3,), 5)
    result = gradient_of(weights, inputs, classes, negatives, torch.zeros(3).double(), kernels)
    for part in (result.losses, result.inputs, result.dense):
        torch.testing.assert_close(part, torch.zeros_like(part), rtol=0, atol=1e-15)


def estimates_of(negatives, weights, inputs, classes, *, repeats, generator):
    """What the loss takes as the sum over all other classes, read back out of the loss itself."""
    positive = (weights[classes] * inputs).sum(dim=1)
    estimates = []
    for _ in range(repeats):
        drawn = negatives.draw(classes.numpy(), inputs.numpy(), generator)
        log_counts = torch.from_numpy(negatives.log_expected_counts(drawn))
        losses = gradient_of(weights, inputs, classes, torch.from_numpy(drawn), log_counts).losses
        estimates.append((losses + positive).exp() - positive.exp())
    return torch.stack(estimates)


def random_negatives():
    return {
        "uniform": RandomNegatives(UniformSampler(300), 64),
        "log_uniform": RandomNegatives(LogUniformSampler(300), 64),
        "frequency": RandomNegatives(FrequencySampler(np.arange(300, 0, -1), 0.75), 64),
    }


def hard_besides(others, weights, **settings):
    from xclass.classifiers.nearest_neighbour.index_kind import parse_index_kind

    settings = {
        "factory": "Flat",
        "num_hard": 16,
        "refresh_steps": 100,
        "num_probes": 1,
        "seed": 0,
    } | settings
    return HardNegatives(others, weights, kind=parse_index_kind(settings["factory"]), **settings)


@pytest.mark.parametrize("is_hard", [False, True], ids=["random", "with_hard"])
@pytest.mark.parametrize("kind", ["uniform", "log_uniform", "frequency"])
def test_corrected_negatives_estimate_the_sum_over_all_other_classes(kind, is_hard):
    """E[sum over negatives of times / expected exp(logit)] is the sum over all classes but the true one.

    A correction of the positive, a missing one of the negatives, or S left out of it all show; with hard
    negatives also a hard class that is corrected, or drawn a second time at random.
    """
    weights, inputs, _ = problem(num_classes=300, dim=4, batch=2)
    weights *= 0.5
    classes = torch.tensor([0, 200])
    logits = inputs @ weights.t()
    truth = torch.logsumexp(logits, dim=1).exp() - logits[torch.arange(2), classes].exp()
    negatives = random_negatives()[kind]
    if is_hard:
        negatives = hard_besides(negatives, weights)
    estimates = estimates_of(
        negatives, weights, inputs, classes, repeats=400, generator=np.random.default_rng(3)
    )
    error = estimates.std(dim=0) / len(estimates) ** 0.5
    assert (error / truth < 0.05).all(), "too coarse to tell"
    assert ((estimates.mean(dim=0) - truth).abs() < 4 * error).all()


class Known:
    """A streaming frequency that knows the truth: the probability that a batch holds a class."""

    def __init__(self, inclusion):
        self._inclusion = inclusion

    def observe(self, classes):
        pass

    def log_inclusion(self, classes):
        return np.log(self._inclusion[classes])


@pytest.mark.parametrize("is_mixed", [False, True], ids=["in_batch", "mixed"])
def test_in_batch_negatives_estimate_the_sum_where_the_frequencies_are_known(is_mixed):
    """Seen from an example that is not of the batch: over batches, each class counts 1 on average."""
    weights, inputs, _ = problem(num_classes=60, dim=4, batch=2)
    weights *= 0.5
    generator = np.random.default_rng(0)
    share = np.arange(60, 0, -1) / np.arange(61).sum()
    frequency = Known(1 - (1 - share) ** 40)
    negatives = InBatchNegatives(frequency)
    if is_mixed:
        negatives = MixedNegatives(negatives, RandomNegatives(UniformSampler(60), 20))
    scores = np.exp((weights @ inputs[0]).numpy())
    estimates = []
    for _ in range(3000):
        drawn = negatives.draw(generator.choice(60, 40, p=share), inputs.numpy(), generator)
        estimates.append((scores[drawn] / np.exp(negatives.log_expected_counts(drawn))).sum())
    error = np.std(estimates) / len(estimates) ** 0.5
    assert error / scores.sum() < 0.02
    assert abs(np.mean(estimates) - scores.sum()) < 4 * error


@pytest.mark.parametrize("kind", ["uniform", "log_uniform", "frequency", "mixed", "hard"])
def test_the_gradient_comes_to_that_of_the_full_softmax_as_samples_are_added(kind):
    """The sampled gradient is a ratio of estimates: consistent, not unbiased. Its mean over draws must come
    near the full gradient, four times as many samples must bring it about four times as near."""
    weights, inputs, classes = problem(num_classes=50, dim=4, batch=3)
    weights *= 0.5
    truth = exact(weights, inputs, classes).dense

    def bias(num_samples):
        sampler = {
            "log_uniform": LogUniformSampler(50),
            "frequency": FrequencySampler(np.arange(50, 0, -1), 0.5),
        }
        negatives = RandomNegatives(sampler.get(kind, UniformSampler(50)), num_samples)
        if kind == "mixed":
            inclusion = np.full(50, 1e-12)
            inclusion[classes.numpy()] = 1.0
            negatives = MixedNegatives(InBatchNegatives(Known(inclusion)), negatives)
        if kind == "hard":
            negatives = hard_besides(negatives, weights, num_hard=8)
        generator = np.random.default_rng(5)
        total = torch.zeros_like(truth)
        for _ in range(300):
            drawn = negatives.draw(classes.numpy(), inputs.numpy(), generator)
            log_counts = torch.from_numpy(negatives.log_expected_counts(drawn))
            total += gradient_of(weights, inputs, classes, torch.from_numpy(drawn), log_counts).dense
        return float((total / 300 - truth).norm() / truth.norm())

    few, many = bias(16), bias(1024)
    assert many < 0.01
    assert few > many


def state_of(weights, **settings):
    dtype = torch.float64 if weights.dtype == torch.float64 else torch.float32
    return RowState(weights_CD=weights, state_C=torch.zeros(len(weights), dtype=dtype), **settings)


class Given:
    """Negatives that are what they are told to be."""

    def __init__(self, drawn, sampler):
        self.drawn, self._sampler = np.asarray(drawn), sampler

    def draw(self, classes_B, inputs_BD, generator):
        return self.drawn

    def log_expected_counts(self, classes_K):
        return self._sampler.log_probability(classes_K) + np.log(len(self.drawn))


def make_step(state, kernels, *, batch_size=16, num_sampled=32, threads=1):
    return SampledStep(
        state, kernels=kernels, batch_size=batch_size, num_sampled=num_sampled, threads=threads
    )


@KERNELS
def test_a_step_leaves_every_untouched_row_bit_identical(kernels):
    weights, inputs, classes = problem(num_classes=500, dtype=torch.float32)
    state = state_of(weights)
    state.state_C += torch.rand(500, generator=torch.Generator().manual_seed(2))
    negatives = np.array([3, 77, 77, 499])
    before, state_before = weights.clone(), state.state_C.clone()
    inputs_before, negatives_before = inputs.clone(), negatives.copy()
    make_step(state, kernels)(
        inputs, classes.numpy(), Given(negatives, UniformSampler(500)), np.random.default_rng(0),
        StepSettings(learning_rate=0.1, weight_decay=0.1),
    )  # fmt: skip
    touched = np.union1d(classes.numpy(), negatives)
    is_touched = torch.zeros(500, dtype=torch.bool)
    is_touched[torch.from_numpy(touched)] = True
    assert torch.equal(weights[~is_touched], before[~is_touched])
    assert torch.equal(state.state_C[~is_touched], state_before[~is_touched])
    assert ((weights[is_touched] != before[is_touched]).any(dim=1)).all()
    assert (state.state_C[is_touched] > state_before[is_touched]).all()
    assert torch.equal(inputs, inputs_before)
    np.testing.assert_array_equal(negatives, negatives_before)


@KERNELS
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_ten_steps_equal_a_dense_reference_of_rowwise_adagrad(kernels, threads):
    """Repeated positives and negatives must be summed before the state is updated, not applied in turn.
    Weight decay takes from the touched rows only; the last batch is smaller."""
    num_classes, sampler, rate, decay = 12, LogUniformSampler(12), 0.3, 0.2
    weights, _, _ = problem(num_classes=num_classes)
    state = state_of(weights)
    step = make_step(state, kernels, threads=threads)
    expected, expected_state = weights.clone(), np.zeros(num_classes)
    generator = np.random.default_rng(0)
    for number in range(10):
        _, inputs, classes = problem(num_classes=num_classes, batch=15 if number < 9 else 2, seed=number)
        negatives = sampler.sample(20, generator)
        assert len(np.unique(negatives)) < len(negatives)

        leaf, leaf_inputs = expected.clone().requires_grad_(), inputs.clone().requires_grad_()
        log_expected_count = torch.from_numpy(sampler.log_probability(negatives) + np.log(20))
        losses = reference_loss(leaf, leaf_inputs, classes, torch.from_numpy(negatives), log_expected_count)
        losses.sum().backward()
        for row in np.union1d(classes.numpy(), negatives):
            gradient = leaf.grad[row]
            expected_state[row] += float((gradient**2).sum()) / len(gradient)
            expected[row] *= 1 - rate * decay
            expected[row] -= rate * gradient / (expected_state[row] ** 0.5 + 1e-10)

        with single_threaded_products():
            ours, input_gradient = step(
                inputs, classes.numpy(), Given(negatives, sampler), generator,
                StepSettings(learning_rate=rate, weight_decay=decay),
            )  # fmt: skip
        torch.testing.assert_close(ours, losses.detach(), rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(input_gradient, leaf_inputs.grad, rtol=1e-9, atol=1e-9)
    step.close()
    torch.testing.assert_close(weights, expected, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(state.state_C, torch.from_numpy(expected_state), rtol=1e-9, atol=1e-9)


@KERNELS
@pytest.mark.parametrize("rounding", ["stochastic", "nearest", "kahan"])
def test_bfloat16_steps_stay_near_those_of_float64(kernels, rounding):
    """40 small steps: to nearest most are lost; at random and with Kahan summation they arrive."""
    num_classes, sampler = 200, LogUniformSampler(200)
    exact_weights = problem(num_classes=num_classes, dim=32)[0].bfloat16().double()
    low = exact_weights.bfloat16()
    start = exact_weights.clone()
    lost = torch.zeros(num_classes, 32, dtype=torch.bfloat16) if rounding == "kahan" else None
    states = state_of(low, lost_KD=lost, is_stochastic=rounding == "stochastic"), state_of(exact_weights)
    for state in states:
        state.state_C += 10.0
    steps = [make_step(state, kernels, num_sampled=128) for state in states]
    for number in range(40):
        _, inputs, classes = problem(num_classes=num_classes, dim=32, batch=16, seed=number)
        for step, kind in zip(steps, (torch.float32, torch.float64), strict=True):
            generator = np.random.default_rng(number)
            step(
                inputs.to(kind), classes.numpy(), RandomNegatives(sampler, 100), generator,
                StepSettings(learning_rate=0.003),
            )  # fmt: skip
    arrived = low.double() if lost is None else low.double() + lost.double()
    moved = exact_weights - start
    error = float((arrived - exact_weights).norm() / moved.norm())
    along = float(((arrived - start) * moved).sum() / moved.square().sum())
    if rounding == "nearest":
        assert along < 0.7, "the steps of this test are not small enough to be lost"
    elif rounding == "stochastic":
        assert along == pytest.approx(1.0, abs=0.15), "right on average"
    else:
        assert error < 0.02, "value and rounding error together are as good as float32"


@KERNELS
def test_only_the_first_classes_are_compensated(kernels):
    weights = torch.ones(10, 4, dtype=torch.bfloat16)
    state = state_of(weights, lost_KD=torch.zeros(5, 4, dtype=torch.bfloat16), is_stochastic=False)
    gradient = torch.full((4, 4), 0.5, dtype=torch.bfloat16)
    touched = kernels.touch(np.array([1, 4, 5, 9]), np.array([1]), GradientLayout(parts=1, base=4, stride=1))
    gradient = torch.cat((gradient, torch.zeros(1, 4, dtype=torch.bfloat16)))
    kernels.adagrad(state, gradient, touched, range(4), rate=1e-4, decay=0.0, key=0)
    assert torch.equal(weights, torch.ones_like(weights)), "1e-4 is lost at 1"
    assert (state.lost_KD[[1, 4]] != 0).all()
    assert (state.lost_KD[[0, 2, 3]] == 0).all()
    for _ in range(200):
        kernels.adagrad(state, gradient, touched, range(4), rate=1e-3, decay=0.0, key=0)
    assert (weights[[1, 4]] < 0.999).all()
    assert torch.equal(weights[[5, 9]], torch.ones(2, 4, dtype=torch.bfloat16))


@KERNELS
def test_rows_without_gradient_neither_move_nor_become_nan(kernels):
    state = state_of(torch.ones(3, 2))
    touched = kernels.touch(np.array([0, 2]), np.array([2]), GradientLayout(parts=1, base=2, stride=1))
    kernels.adagrad(state, torch.zeros(3, 2), touched, range(2), rate=0.1, decay=0.0, key=0)
    assert torch.equal(state.weights_CD, torch.ones(3, 2))
    assert torch.equal(state.state_C, torch.zeros(3))


@KERNELS
def test_the_first_touch_moves_a_row_by_the_learning_rate_in_root_mean_square(kernels):
    state = state_of(torch.zeros(2, 8))
    touched = kernels.touch(np.array([1]), np.array([1]), GradientLayout(parts=1, base=1, stride=1))
    gradient = torch.cat((torch.randn(1, 8) * 1e-3, torch.zeros(1, 8)))
    kernels.adagrad(state, gradient, touched, range(1), rate=0.25, decay=0.0, key=0)
    assert float(state.weights_CD[1].square().mean().sqrt()) == pytest.approx(0.25, rel=1e-5)


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("num_classes", [1, 7, 5000, 10**12])
def test_both_kernels_group_rows_alike(num_classes, parts):
    generator = np.random.default_rng(0)
    classes, drawn = generator.integers(0, num_classes, 100), generator.integers(0, num_classes, 300)
    layout = GradientLayout(parts=parts, base=128, stride=512)
    compiled, plain = (
        kind().touch(classes, drawn, layout) for kind in (CompiledSampledKernels, TorchSampledKernels)
    )
    for name in ("rows_U", "starts_U1", "sampled_K", "times_K"):
        np.testing.assert_array_equal(getattr(compiled, name), getattr(plain, name), err_msg=name)
    for touched in (compiled, plain):
        ids = np.zeros(128 + parts * 512, dtype=np.int64)
        ids[:100] = classes
        for part in range(parts):
            ids[128 + part * 512 :][: len(touched.sampled_K)] = touched.sampled_K
        rows = np.repeat(touched.rows_U, np.diff(touched.starts_U1))
        np.testing.assert_array_equal(ids[touched.order_T], rows)
        assert (
            len(set(touched.order_T.tolist())) == len(touched.order_T) == 100 + parts * len(touched.sampled_K)
        )
        np.testing.assert_array_equal(
            touched.sampled_K[touched.hit_places_H], classes[touched.hit_examples_H]
        )
        assert set(touched.hit_examples_H.tolist()) == set(np.flatnonzero(np.isin(classes, drawn)).tolist())


def test_the_streaming_estimate_comes_to_the_probability_of_being_in_a_batch():
    generator = np.random.default_rng(0)
    inclusion = np.array([0.9, 0.5, 0.2, 0.05, 0.01])
    frequency = StreamingFrequency(6, 0.01)
    for _ in range(30_000):
        frequency.observe(np.flatnonzero(generator.random(5) < inclusion))
    estimate = np.exp(frequency.log_inclusion(np.arange(6)))
    np.testing.assert_allclose(estimate[:5], inclusion, rtol=0.25)
    assert estimate[5] == 0.0, "never seen"


def test_a_class_is_believed_from_its_first_batch_on():
    frequency = StreamingFrequency(3, 0.01)
    for _ in range(49):
        frequency.observe(np.array([0]))
    frequency.observe(np.array([0, 1]))
    np.testing.assert_allclose(np.exp(frequency.log_inclusion(np.array([0, 1, 2]))), [1.0, 1 / 50, 0.0])


def test_hard_negatives_are_the_nearest_classes_of_the_index_as_it_was_refreshed():
    weights, inputs, classes = problem(num_classes=100, dim=8, batch=2, dtype=torch.float32)
    negatives = hard_besides(RandomNegatives(UniformSampler(100), 50), weights, refresh_steps=2)
    generator = np.random.default_rng(0)
    nearest = np.unique((inputs @ weights.t()).topk(8, dim=1).indices.numpy())

    def hard():
        drawn = negatives.draw(classes.numpy(), inputs.numpy(), generator)
        found = np.unique(drawn[negatives.log_expected_counts(drawn) == 0.0])
        assert all((drawn == one).sum() == 1 for one in found), "drawn a second time"
        return found

    np.testing.assert_array_equal(hard(), nearest)
    weights.neg_()
    np.testing.assert_array_equal(hard(), nearest, err_msg="the index is refreshed every second step only")
    farthest = np.unique((inputs @ weights.t()).topk(8, dim=1).indices.numpy())
    np.testing.assert_array_equal(hard(), farthest)
