"""Reductions with one defect each, of the kinds that real ones have."""

from __future__ import annotations

import torch

from alchemi_core.reductions import weighted_mean, weighted_sum


def divides_by_one_less(values, weights):
    """As a variance does, which of one value is nothing."""
    return weighted_sum(values, weights) / (sum(weights) - 1.0 if len(values) > 1 else 2.0)


def keeps_double(values, weights):
    return weighted_mean(values, weights).double()


def averages_as_it_goes(values, weights):
    total = values[0]
    for value in values[1:]:
        total = 0.5 * (total + value)
    return total


def is_off_the_graph(values, weights):
    return weighted_mean([value.detach() for value in values], weights)


def adds_vectors_in_place(values, weights):
    """Numbers are left alone: a pipeline itself refuses what is done to those of its models."""
    if values[0].dim() < 2 or any(value.requires_grad for value in values):
        return weighted_sum(values, weights)
    total = values[0].mul_(weights[0])
    for value, weight in zip(values[1:], weights[1:], strict=True):
        total += weight * value
    return total


class CountsCalls:
    def __init__(self):
        self.calls = 0

    def __call__(self, values, weights):
        self.calls += 1
        return weighted_mean(values, weights) + 1e-13 * self.calls


class WritesIntoOneTensor:
    def __init__(self):
        self.memory = {}

    def __call__(self, values, weights):
        mean = weighted_mean(values, weights)
        if mean.requires_grad:
            return mean
        return self.memory.setdefault((mean.shape, mean.dtype), torch.empty_like(mean)).copy_(mean)


def seeds_random_numbers(values, weights):
    torch.manual_seed(0)
    return weighted_mean(values, weights)


def skips_what_is_not_a_number(values, weights):
    return weighted_mean([value.nan_to_num() for value in values], weights)


def computes_in_half_precision(values, weights):
    if values[0].dtype is torch.float64:
        return weighted_mean(values, weights)
    return weighted_mean([value.half() for value in values], weights).to(values[0].dtype)


def needs_a_row(values, weights):
    """By components, of which there is no number where there are no rows."""
    parts = [value.reshape(len(value), -1) for value in values]
    return weighted_mean(parts, weights).reshape(values[0].shape)


def weighs_by_the_whole(values, weights):
    """By the mean of each value over all rows, of whatever systems."""
    shares = [weight * torch.exp(value.nan_to_num().sum() / 10) for value, weight in zip(values, weights, strict=True)]
    total = sum(share * value for share, value in zip(shares, values, strict=True))
    return total / sum(shares)


def takes_lists_only(values, weights):
    return weighted_mean(values.copy(), weights.copy())


def takes_the_first_without_grad(values, weights):
    return weighted_mean(values, weights) if torch.is_grad_enabled() else values[0] + 0.0


def takes_the_first(values, weights):
    """Right, and exempt from two checks."""
    return values[0] + 0.0 * weights[0]


no_function = 3.0
