"""Calls of `evaluate` one after the other, as over the shards of a dataset: what one finds, the next need not."""

from support.counting import counting
from support.pipelines import direct, pipeline
from support.structures import water
from support.toys import Kernel, with_config

from alchemi_core import evaluate
from alchemi_core.batching.allowance import Allowance


def test_a_later_call_begins_with_batches_as_large_as_the_last_ones():
    model = counting()
    pipe, sizes = pipeline(direct(model)), model.sizes
    shard = [water() for _ in range(400)]
    allowance = Allowance.of(None, "cpu")
    list(evaluate(pipe, shard, budget=allowance))
    first, last = sizes[0], max(sizes)
    assert first < last, "batches grow"
    sizes.clear()
    list(evaluate(pipe, shard, budget=allowance))
    assert sizes[0] >= last
    sizes.clear()
    list(evaluate(pipe, shard))
    assert sizes[0] == first, "without it, all is found anew"


def test_halves_are_kept_too():
    def short(view):
        if view.num_systems > 40:
            raise MemoryError

    class Short(Kernel):
        def compute(self, view, requested):
            calls.append(view.num_systems)
            short(view)
            return super().compute(view, requested)

    calls = []
    pipe = pipeline(direct(with_config(Short(), name="short")))
    allowance = Allowance.of(None, "cpu")
    for _ in range(2):
        assert len(list(evaluate(pipe, [water() for _ in range(200)], budget=allowance))) == 200
        tried, calls = calls, []
    assert max(tried) <= 40, "no shortage is met twice"
