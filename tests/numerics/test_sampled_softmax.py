"""The sampled softmax against the exact cross-entropy and against hand-written dense references."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from xclass.classifiers.sampled_softmax.classifier import sampled_step
from xclass.classifiers.sampled_softmax.loss import rowwise_adagrad_, sampled_softmax_gradient
from xclass.classifiers.sampled_softmax.samplers import FrequencySampler, LogUniformSampler, UniformSampler


def problem(num_classes=40, dim=6, batch=9, *, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn(num_classes, dim, generator=generator, dtype=dtype)
    inputs = torch.randn(batch, dim, generator=generator, dtype=dtype)
    classes = torch.randint(0, num_classes, (batch,), generator=generator)
    classes[1] = classes[0]
    return weights, inputs, classes


def gradient_of(weights, inputs, classes, negatives, log_expected_count):
    return sampled_softmax_gradient(
        inputs,
        weights[classes],
        weights[negatives],
        log_expected_count_S=log_expected_count,
        is_hit_BS=classes[:, None] == negatives[None, :],
    )


def reference_loss(weights, inputs, classes, negatives, log_expected_count):
    """The definition, one example at a time; differentiable."""
    losses = []
    for x, wanted in zip(inputs, classes, strict=True):
        kept = negatives != wanted
        others = weights[negatives[kept]] @ x - log_expected_count[kept]
        positive = weights[wanted] @ x
        losses.append(torch.logsumexp(torch.cat((positive[None], others)), dim=0) - positive)
    return torch.stack(losses)


@pytest.mark.parametrize("scale", [1.0, 1e3])
def test_with_every_class_drawn_once_it_is_the_exact_cross_entropy(scale):
    weights, inputs, classes = problem()
    weights *= scale
    negatives = torch.randperm(40, generator=torch.Generator().manual_seed(1))
    result = gradient_of(weights, inputs, classes, negatives, torch.zeros(40).double())

    weights.requires_grad_()
    inputs.requires_grad_()
    losses = cross_entropy(inputs @ weights.t(), classes, reduction="none")
    losses.sum().backward()
    dense = torch.zeros_like(weights)
    dense.index_add_(0, classes, result.positives_BD)
    dense.index_add_(0, negatives, result.negatives_SD)
    torch.testing.assert_close(result.losses_B, losses.detach(), rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(result.inputs_BD, inputs.grad, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(dense, weights.grad, rtol=1e-10, atol=1e-10)


def test_hits_repeats_and_corrections_equal_the_definition():
    weights, inputs, classes = problem(num_classes=12, batch=15)
    negatives = torch.tensor([0, 3, 3, 3, 7, 11, 0, 5])
    log_expected_count = torch.linspace(-2, 2, 8, dtype=torch.float64)
    assert (classes[:, None] == negatives[None, :]).any()
    result = gradient_of(weights, inputs, classes, negatives, log_expected_count)

    weights.requires_grad_()
    inputs.requires_grad_()
    losses = reference_loss(weights, inputs, classes, negatives, log_expected_count)
    losses.sum().backward()
    dense = torch.zeros_like(weights)
    dense.index_add_(0, classes, result.positives_BD)
    dense.index_add_(0, negatives, result.negatives_SD)
    torch.testing.assert_close(result.losses_B, losses.detach(), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(result.inputs_BD, inputs.grad, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(dense, weights.grad, rtol=1e-12, atol=1e-12)


def test_a_batch_whose_negatives_are_all_its_own_class_has_no_loss_and_no_gradient():
    weights, inputs, _ = problem(batch=4)
    classes, negatives = torch.full((4,), 5), torch.full((3,), 5)
    result = gradient_of(weights, inputs, classes, negatives, torch.zeros(3).double())
    for part in (result.losses_B, result.inputs_BD, result.positives_BD, result.negatives_SD):
        torch.testing.assert_close(part, torch.zeros_like(part), rtol=0, atol=1e-15)


@pytest.mark.parametrize(
    "sampler",
    [
        pytest.param(UniformSampler(300), id="uniform"),
        pytest.param(LogUniformSampler(300), id="log_uniform"),
        pytest.param(FrequencySampler(np.arange(300, 0, -1), 0.75), id="frequency"),
    ],
)
def test_corrected_negatives_estimate_the_sum_over_all_other_classes(sampler):
    """E[sum over negatives of exp(logit) / (S q)] is the sum over all classes but the masked true one.

    The estimate is read back out of the loss itself, so that a correction of the positive, a missing one of
    the negatives, or S left out of it all show.
    """
    weights, inputs, classes = problem(num_classes=300, dim=4, batch=2)
    weights *= 0.5
    classes = torch.tensor([0, 200])
    logits = inputs @ weights.t()
    positive = logits[torch.arange(2), classes]
    truth = torch.logsumexp(logits, dim=1).exp() - positive.exp()
    generator = np.random.default_rng(3)
    estimates = []
    for _ in range(400):
        negatives = sampler.sample(64, generator)
        log_expected_count = torch.from_numpy(sampler.log_probability(negatives) + np.log(64))
        losses = gradient_of(
            weights, inputs, classes, torch.from_numpy(negatives), log_expected_count
        ).losses_B
        estimates.append((losses + positive).exp() - positive.exp())
    estimates = torch.stack(estimates)
    error = estimates.std(dim=0) / len(estimates) ** 0.5
    assert (error / truth < 0.05).all(), "too coarse to tell"
    assert ((estimates.mean(dim=0) - truth).abs() < 4 * error).all()


def test_a_step_leaves_every_untouched_row_bit_identical():
    weights, inputs, classes = problem(num_classes=500, dtype=torch.float32)
    state = torch.rand(500, generator=torch.Generator().manual_seed(2))
    negatives = np.array([3, 77, 77, 499])
    before, state_before = weights.clone(), state.clone()
    inputs_before, negatives_before = inputs.clone(), negatives.copy()
    sampled_step(
        weights, state, inputs, classes.numpy(), negatives,
        sampler=UniformSampler(500), learning_rate=0.1,
    )  # fmt: skip
    touched = np.union1d(classes.numpy(), negatives)
    is_touched = torch.zeros(500, dtype=torch.bool)
    is_touched[torch.from_numpy(touched)] = True
    assert torch.equal(weights[~is_touched], before[~is_touched])
    assert torch.equal(state[~is_touched], state_before[~is_touched])
    assert ((weights[is_touched] != before[is_touched]).any(dim=1)).all()
    assert (state[is_touched] > state_before[is_touched]).all()
    assert torch.equal(inputs, inputs_before)
    np.testing.assert_array_equal(negatives, negatives_before)


def test_ten_steps_equal_a_dense_reference_of_rowwise_adagrad():
    """Repeated positives and negatives must be summed before the state is updated, not applied in turn."""
    num_classes, sampler = 12, LogUniformSampler(12)
    weights, _, _ = problem(num_classes=num_classes)
    state = torch.zeros(num_classes, dtype=torch.float64)
    expected, expected_state = weights.clone(), np.zeros(num_classes)
    generator = np.random.default_rng(0)
    for step in range(10):
        _, inputs, classes = problem(num_classes=num_classes, batch=15, seed=step)
        negatives = sampler.sample(20, generator)
        assert len(np.unique(negatives)) < len(negatives)

        leaf, leaf_inputs = expected.clone().requires_grad_(), inputs.clone().requires_grad_()
        log_expected_count = torch.from_numpy(sampler.log_probability(negatives) + np.log(20))
        losses = reference_loss(leaf, leaf_inputs, classes, torch.from_numpy(negatives), log_expected_count)
        losses.sum().backward()
        for row in range(num_classes):
            gradient = leaf.grad[row]
            expected_state[row] += float((gradient**2).sum()) / len(gradient)
            if expected_state[row] > 0:
                expected[row] -= 0.3 * gradient / (expected_state[row] ** 0.5 + 1e-10)

        ours, input_gradient = sampled_step(
            weights, state, inputs, classes.numpy(), negatives, sampler=sampler, learning_rate=0.3
        )
        torch.testing.assert_close(ours, losses.detach(), rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(input_gradient, leaf_inputs.grad, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(weights, expected, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(state, torch.from_numpy(expected_state), rtol=1e-9, atol=1e-9)


def test_rows_without_gradient_neither_move_nor_become_nan():
    weights, state = torch.ones(3, 2), torch.zeros(3)
    rowwise_adagrad_(weights, state, torch.tensor([0, 2]), torch.zeros(2, 2), 0.1)
    assert torch.equal(weights, torch.ones(3, 2))
    assert torch.equal(state, torch.zeros(3))


def test_the_first_touch_moves_a_row_by_the_learning_rate_in_root_mean_square():
    weights, state = torch.zeros(2, 8), torch.zeros(2)
    rowwise_adagrad_(weights, state, torch.tensor([1]), torch.randn(1, 8) * 1e-3, 0.25)
    assert float(weights[1].square().mean().sqrt()) == pytest.approx(0.25, rel=1e-5)
