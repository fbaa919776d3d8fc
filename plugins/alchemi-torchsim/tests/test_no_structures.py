"""What is no structure is named in its result, and the others get on."""

from __future__ import annotations

import pytest
from alchemi_torchsim import relax, run_md

from alchemi_core import DataError


def relaxed(pipe, structures):
    return relax(pipe, structures, max_steps=3)


def moved(pipe, structures):
    return run_md(pipe, structures, steps=3)


@pytest.mark.parametrize("run", [relaxed, moved])
@pytest.mark.parametrize(("given", "named"), [("Cu", "a str"), (7, "a int"), (None, "a NoneType"), ([], "a list")])
def test_is_an_error_of_its_own(argon, perturbed, run, given, named):
    first, last = perturbed(2)
    before, wrong, after = run(argon, [first, given, last])
    assert before.error is None
    assert after.error is None
    assert isinstance(wrong.error, DataError)
    assert f"{named} at place 1 of the input" in str(wrong.error)
    assert wrong.error.expected == "an ase.Atoms"
    assert wrong.structure is given
    assert wrong.atoms is None


@pytest.mark.parametrize("run", [relaxed, moved])
def test_alone(argon, run):
    (wrong,) = run(argon, ["Cu"])
    assert "a str at place 0 of the input" in str(wrong.error)
