"""Work done twice without need (number 23): one build, one filter and one conversion per list, however many read it."""

from collections import Counter
from itertools import product

import attrs
import pytest
from support.pipelines import CORE, autograd, direct, pipeline
from support.structures import mixed
from support.toys import Gaussians, Kernel, PairSum

from alchemi_core.neighbors.config import NeighborListFormat
from alchemi_core.neighbors.verlet import ListKeeper
from alchemi_core.provision import Provision
from alchemi_core.toolkits import toolkit_for


def counting(calls):
    """The usual toolkit, counting what it is asked to do; filters by their cutoff, in Å."""
    toolkit = toolkit_for("cpu", CORE)

    def counted(name, function):
        def call(*arguments):
            calls[(name, arguments[2]) if name == "filter" else name] += 1
            return function(*arguments)

        return call

    fields = {name: part for name, part in attrs.asdict(toolkit, recurse=False).items() if callable(part)}
    return attrs.evolve(toolkit, **{name: counted(name, function) for name, function in fields.items()})


def readers(number):
    return [Gaussians(cutoff=c, name=f"g{k}{c:g}") for c in (6.0, 5.0) for k in range(number)]


@pytest.mark.parametrize("number", [1, 2, 5])
def test_23_one_filter_serves_all_readers_of_a_cutoff(number):
    calls = Counter()
    plan = pipeline(autograd(*readers(number)), direct(Kernel(cutoff=5.0))).plan
    lists = Provision(counting(calls), None, 0.0).lists(plan, mixed())
    assert [planned.cutoff for planned in lists] == [6.0, 5.0]
    assert calls == {"build": 1, ("filter", 5.0): 1}


def test_23_each_format_is_made_once_and_of_the_exact_list():
    calls = Counter()
    kinds = set(product(NeighborListFormat, (False, True)))
    plan = pipeline(*(direct(PairSum(5.0, *kind)) for kind in kinds)).plan
    batch, keeper = mixed(), ListKeeper()
    for step in range(3):
        calls.clear()
        moved = batch.with_fields(positions=batch.positions + 0.001 * step)
        lists = Provision(counting(calls), keeper, 0.5).lists(plan, moved)
    assert {(one.format, one.half_list) for one in lists} == kinds
    assert calls == {("filter", 5.0): 1, "to_half": 1, "to_matrix": 2}


def test_23_a_kept_list_is_not_built_again():
    calls, keeper, batch = Counter(), ListKeeper(), mixed()
    plan = pipeline(autograd(*readers(2))).plan
    provision = Provision(counting(calls), keeper, 0.5)
    provision.lists(plan, batch)
    for step in range(1, 10):
        provision.lists(plan, batch.with_fields(positions=batch.positions + 0.001 * step * batch.positions.sin()))
    # built exactly, then with the skin; the smaller list is cut out of each of them, its skin included
    cuts = {("filter", 5.0): 1 + 9, ("filter", 5.5): 1, ("filter", 6.0): 9}
    assert calls == {"build": 2, **cuts}
