"""What the core itself offers, through the same hooks as any plugin."""

from __future__ import annotations

from alchemi_core.hookspecs import hookimpl
from alchemi_core.neighbors.routing import REFERENCE_COSTS
from alchemi_core.offers import DerivativeOffer, NeighborOffer, ReductionOffer, SerializerOffer


@hookimpl
def alchemi_neighbors() -> list[NeighborOffer]:
    """Offer builders and reference converters."""
    return [
        NeighborOffer(
            name="vesin",
            role="builder",
            cost=REFERENCE_COSTS["builder"],
            summary="cell lists of the vesin library",
            target="alchemi_core.neighbors.building:build",
        ),
        NeighborOffer(
            name="brute-force",
            role="builder",
            cost=1e6,
            rank=-10,
            summary="every pair of atoms and images: slow, and the referee of the others",
            target="alchemi_core.neighbors.brute_force:build",
        ),
        NeighborOffer(
            name="reference-filter",
            role="filter",
            cost=REFERENCE_COSTS["filter"],
            summary="pairs below a smaller cutoff",
            target="alchemi_core.neighbors.filtering:filter_list",
        ),
        NeighborOffer(
            name="reference-to-matrix",
            role="to_matrix",
            cost=REFERENCE_COSTS["to_matrix"],
            summary="pairs into padded rows",
            target="alchemi_core.neighbors.formats:to_matrix",
        ),
        NeighborOffer(
            name="reference-to-coo",
            role="to_coo",
            cost=REFERENCE_COSTS["to_coo"],
            summary="padded rows into pairs",
            target="alchemi_core.neighbors.formats:to_coo",
        ),
        NeighborOffer(
            name="reference-to-half",
            role="to_half",
            cost=REFERENCE_COSTS["to_half"],
            summary="each pair once",
            target="alchemi_core.neighbors.halves:to_half",
        ),
        NeighborOffer(
            name="reference-to-full",
            role="to_full",
            cost=REFERENCE_COSTS["to_full"],
            summary="each pair from both sides",
            target="alchemi_core.neighbors.halves:to_full",
        ),
    ]


@hookimpl
def alchemi_derivatives() -> list[DerivativeOffer]:
    """Offer the strategies that need nothing but the energy."""
    return [
        DerivativeOffer(
            name="autograd",
            summary="one backward pass through the summed energy",
            target="alchemi_core.derivatives.autograd:Autograd",
        ),
        DerivativeOffer(
            name="finite-difference",
            summary="central differences of the energy, for models without a graph",
            target="alchemi_core.derivatives.finite_difference:FiniteDifference",
            units={"step": "Å"},
        ),
    ]


@hookimpl
def alchemi_reductions() -> list[ReductionOffer]:
    """Offer sum, mean, standard deviation, first, last and all side by side."""
    one = "it takes one of the values: that is what it is for"
    return [
        ReductionOffer(
            name="sum", summary="sum of the weighted values of all steps", target="alchemi_core.reductions:weighted_sum"
        ),
        ReductionOffer(
            name="mean", summary="mean of all steps' values by weight", target="alchemi_core.reductions:weighted_mean"
        ),
        ReductionOffer(
            name="spread",
            summary="standard deviation of all steps' values by weight",
            target="alchemi_core.reductions:spread",
            exempt={"one-value": "one value has no standard deviation: it is zero"},
        ),
        ReductionOffer(
            name="first",
            summary="the value of the first step that gives one",
            target="alchemi_core.reductions:first",
            exempt={"order": one, "not-a-number": one},
        ),
        ReductionOffer(
            name="last",
            summary="the value of the last step that gives one",
            target="alchemi_core.reductions:last",
            exempt={"order": one, "not-a-number": one},
        ),
        ReductionOffer(
            name="concatenate",
            summary="all values side by side, for features such as embeddings",
            target="alchemi_core.reductions:concatenate",
            exempt={
                **dict.fromkeys(
                    ("shape-and-dtype", "empty", "order", "not-a-number"), "results are wider than the values"
                ),
                "pipeline": "several charges per atom are no charges: it is for outputs without a fixed shape",
            },
        ),
    ]


@hookimpl
def alchemi_serializers() -> list[SerializerOffer]:
    """Offer the serializer of every model that has a factory."""
    return [
        SerializerOffer(
            name="factory",
            summary="offer name, options and state dict",
            target="alchemi_core.serialization.factory_serializer:FactorySerializer",
        ),
    ]
