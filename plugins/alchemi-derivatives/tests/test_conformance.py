"""The conformance kit of alchemi: every strategy as it is offered, products with vectors that the batch brings."""

from __future__ import annotations

import torch

from alchemi_core.testing import DerivativeSubject, parametrize_conformance


def one_vector(batch):
    """Return a vector for each atom."""
    return torch.cos(batch.positions)


def three_vectors(batch):
    """Return three vectors for each atom."""
    return torch.stack([torch.cos(k * batch.positions) for k in (1.0, 2.0, 3.0)], dim=1)


@parametrize_conformance(
    "alchemi-derivatives",
    DerivativeSubject("hessian-product", inputs={"directions": one_vector}),
    DerivativeSubject("hessian-product", inputs={"directions": three_vectors}, name="hessian-product-three"),
    DerivativeSubject("hessian", {"method": "differences"}, name="hessian-differences"),
    DerivativeSubject("elastic", {"method": "differences"}, name="elastic-differences"),
)
def test_conformance(check):
    check()
