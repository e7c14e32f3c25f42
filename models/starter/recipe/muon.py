"""Orthogonalized momentum for matrices (Keller Jordan, 2024), all of one shape at once."""

from collections import defaultdict

import torch

# Coefficients of the quintic Newton-Schulz step of the same source.
A, B, C = 3.4445, -4.7750, 2.0315
MOMENTUM, DECAY = 0.95, 0.01


class Muon:
    def __init__(self, parameters, rate: float):
        by_shape = defaultdict(list)
        for parameter in parameters:
            by_shape[parameter.shape].append(parameter)
        self.groups = list(by_shape.values())
        self.momenta = [torch.zeros(len(group), *group[0].shape, device=group[0].device) for group in self.groups]
        self.rate = rate

    @torch.no_grad()
    def step(self, scale: float):
        for group, momentum in zip(self.groups, self.momenta):
            gradient = torch.stack([parameter.grad for parameter in group])
            momentum.mul_(MOMENTUM).add_(gradient)
            update = orthogonal(gradient + MOMENTUM * momentum)
            rate = self.rate * scale
            tall = max(1, update.shape[1] / update.shape[2]) ** 0.5
            for parameter, one in zip(group, update):
                parameter.mul_(1 - rate * DECAY).add_(one, alpha=-rate * tall)


def orthogonal(gradients):
    """Five Newton-Schulz steps towards the nearest orthogonal matrices; `[matrices, rows, columns]`."""
    x = gradients / (gradients.norm(dim=(1, 2), keepdim=True) + 1e-7)
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    if x.is_cuda:
        x = x.bfloat16()
    for _ in range(5):
        square = x @ x.mT
        x = A * x + (B * square + C * square @ square) @ x
    x = x.mT if tall else x
    return x.to(gradients.dtype)
