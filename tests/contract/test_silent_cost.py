"""Work done twice without need (number 23): one build, one filter and one conversion per list, however many read it."""

from collections import Counter

import attrs
import pytest
from support.pipelines import autograd, direct, pipeline
from support.structures import mixed
from support.toys import Gaussians, Kernel

from alchemi_core.neighbors.verlet import ListKeeper
from alchemi_core.provision import Provision
from alchemi_core.registry import default_registry
from alchemi_core.toolkits import toolkit_for


def counting(calls):
    """The usual toolkit, counting what it is asked to do."""
    toolkit = toolkit_for("cpu", default_registry())

    def counted(name, function):
        def call(*arguments):
            calls[name] += 1
            return function(*arguments)

        return call

    fields = attrs.asdict(toolkit, recurse=False)
    return attrs.evolve(toolkit, **{name: counted(name, function) for name, function in fields.items()})


def readers(number):
    return [Gaussians(cutoff=c, name=f"g{k}{c:g}") for c in (6.0, 5.0) for k in range(number)]


@pytest.mark.parametrize("number", [1, 2, 5])
def test_23_one_filter_serves_all_readers_of_a_cutoff(number):
    calls = Counter()
    plan = pipeline(autograd(*readers(number)), direct(Kernel(cutoff=5.0))).plan
    lists = Provision(counting(calls), None, 0.0).lists(plan, mixed())
    assert [planned.cutoff for planned in lists] == [6.0, 5.0]
    assert (calls["build"], calls["filter"]) == (1, 1)


def test_23_a_kept_list_is_not_built_again():
    calls, keeper, batch = Counter(), ListKeeper(), mixed()
    plan = pipeline(autograd(*readers(2))).plan
    provision = Provision(counting(calls), keeper, 0.5)
    provision.lists(plan, batch)
    for step in range(1, 10):
        provision.lists(plan, batch.with_fields(positions=batch.positions + 0.001 * step * batch.positions.sin()))
    assert calls["build"] == 2
    assert calls["filter"] <= 20
