"""What is asked, what is computed for it, and what comes back."""

import pytest
import torch
from support import byhand
from support.pipelines import ALL, autograd, direct, pipeline
from support.structures import batch_of, mixed, salt, water
from support.toys import Charges, Coulomb, Gaussians, HybridCoulomb, Kernel, with_config

from alchemi_core.contract import Analytic, OnGraph
from alchemi_core.errors import DataError, DeclarationError, LostTermError, MissingOutputError
from alchemi_core.models import BaseModelMixin, ModelConfig
from alchemi_core.topology import PipelineGroup, PipelineStep


def test_active_outputs_are_the_union_of_the_parts():
    pipe = pipeline(autograd(Charges(), Coulomb()), direct(Kernel(outputs=("energy", "forces", "stress", "virial"))))
    assert pipe.active_outputs == {"energy", "forces", "stress", "virial", "charges"}
    assert pipe.model_config.active_outputs == pipe.active_outputs
    assert pipe.model_config.outputs == pipe.active_outputs
    assert set(pipe(mixed())) == pipe.active_outputs


def test_narrowing_saves_the_work():
    charges, coulomb, kernel = Charges(), HybridCoulomb(), Kernel()
    pipe = pipeline(autograd(charges, coulomb), direct(kernel))
    pipe(mixed(), requested={"charges"})
    assert (charges.calls, coulomb.calls, kernel.calls) == ([{"charges"}], [], [])
    pipe(mixed(), requested={"energy"})
    assert coulomb.calls == [{"energy"}]
    assert kernel.calls == [{"energy"}]
    pipe(mixed(), requested={"forces"})
    assert coulomb.calls[-1] == {"energy", "forces"}
    assert "stress" not in kernel.calls[-1]
    assert "charges" not in pipe(mixed(), requested={"energy"})


def test_narrowing_builds_fewer_lists():
    pipe = pipeline(autograd(Charges(cutoff=3.0), Coulomb(cutoff=9.0)))
    assert [planned.config.cutoff for planned in pipe.plan_for({"charges"}).lists] == [3.0]
    assert [source.cutoff for source in pipe.plan_for({"energy"}).sources] == [9.0, 3.0]


def test_the_user_narrows_and_widens_the_default():
    narrow = pipeline(autograd(Gaussians()), active_outputs={"energy"})
    assert set(narrow(mixed())) == {"energy"}
    wide = narrow.with_settings(active_outputs={"energy", "virial"})
    assert set(wide(mixed())) == {"energy", "virial"}
    assert set(narrow(mixed())) == {"energy"}


def test_stress_chosen_by_the_user_is_not_dropped():
    pipe = pipeline(autograd(Gaussians()), active_outputs=ALL)
    with pytest.raises(LostTermError, match="no system of this batch has a cell"):
        pipe(batch_of(water()))


def test_models_may_narrow_their_own_default():
    model = Gaussians(active_outputs={"energy"})
    assert pipeline(autograd(model)).active_outputs == {"energy"}
    assert pipeline(autograd(model, Kernel())).active_outputs == ALL


def test_outputs_come_in_the_order_of_the_quantity_table():
    pipe = pipeline(autograd(Charges(), Coulomb()))
    assert list(pipe(mixed())) == ["energy", "forces", "stress", "charges"]
    assert repr(pipe(mixed())) == "Outputs(energy [2, 1], forces [5, 3], stress [2, 3, 3], charges [5])"


def test_a_missing_output_says_how_to_ask_for_it():
    out = pipeline(autograd(Gaussians()))(mixed(), requested="energy")
    with pytest.raises(MissingOutputError) as caught:
        out["forces"]
    assert caught.value.fix == "pipe(batch, requested={'forces'})"
    assert "one of energy" in str(caught.value)
    assert len(out) == 1


def test_contributions_add_up():
    steps = [PipelineStep(Gaussians(), weight=0.5), PipelineStep(Kernel(-0.3, 3.5), weight=-2.0)]
    out = pipeline(autograd(*steps), direct(Kernel(0.2)))(mixed(), requested=ALL, contributions=True)
    energies = {c.step: c.value for c in out.contributions if c.name == "energy"}
    torch.testing.assert_close(sum(energies.values()), out["energy"])
    torch.testing.assert_close(energies[0], 0.5 * byhand.gaussians(mixed()))
    torch.testing.assert_close(energies[1], -2.0 * byhand.gaussians(mixed(), -0.3, 3.5))
    assert [c.label for c in out.contributions if c.name == "energy"] == ["gaussians", "kernel", "kernel#2"]
    assert pipeline(autograd(Gaussians()))(mixed()).contributions == ()


def test_the_config_of_a_whole():
    pipe = pipeline(autograd(Charges(cutoff=3.0), Coulomb(cutoff=5.0)), direct(Kernel()))
    config = pipe.model_config
    assert config.name == "charge-model + coulomb + kernel"
    assert (config.supports_pbc, config.needs_pbc) == (True, False)
    assert config.required_inputs == frozenset()
    assert config.neighbor_config.cutoff == 5.0
    lone = pipeline(autograd(Coulomb())).model_config
    assert lone.required_inputs == {"charges"}


def test_periodicity_is_checked():
    molecular = with_config(Gaussians(), supports_pbc=False)
    periodic = with_config(Gaussians(), needs_pbc=True)
    assert not pipeline(autograd(molecular, Kernel())).model_config.supports_pbc
    assert pipeline(autograd(periodic, Kernel())).model_config.needs_pbc
    with pytest.raises(DataError, match="a system of the batch is periodic"):
        pipeline(autograd(molecular))(mixed())
    for batch in (mixed(), batch_of(water())):
        with pytest.raises(DataError, match="a system of the batch is not periodic"):
            pipeline(autograd(periodic))(batch)
    assert pipeline(autograd(periodic))(batch_of(salt()))["energy"].isfinite().all()


class Wind(BaseModelMixin):
    """Forces of no energy."""

    def __init__(self, reports=("forces",)):
        self.model_config = ModelConfig(name="wind", outputs={name: Analytic() for name in reports}, supports_pbc=True)

    def compute(self, view, requested):
        full = {"forces": torch.ones_like(view.positions), "stress": torch.ones(view.num_systems, 3, 3).double()}
        return {name: full[name] for name in requested}


def test_forces_of_no_energy_are_added_and_never_lost():
    pipe = pipeline(autograd(Gaussians()), direct(PipelineStep(Wind(), weight=2.0)))
    out, still = pipe(mixed(), requested={"energy", "forces"}), pipeline(autograd(Gaussians()))(mixed())
    torch.testing.assert_close(out["forces"], still["forces"] + 2.0)
    torch.testing.assert_close(out["energy"], still["energy"])
    with pytest.raises(LostTermError, match=r"(?s)wind.*not stress"):
        pipe(mixed(), requested={"stress"})


def test_a_stress_of_no_energy_serves_the_virial_too():
    pipe = pipeline(autograd(Gaussians()), direct(Wind(("forces", "stress"))))
    out, still = (
        pipe(batch_of(salt()), requested={"virial"}),
        pipeline(autograd(Gaussians()))(batch_of(salt()), requested={"virial"}),
    )
    volume = torch.linalg.det(batch_of(salt()).cell).abs()
    torch.testing.assert_close(out["virial"], still["virial"] - volume.view(-1, 1, 1))


def test_a_partition_of_the_energy_must_be_whole():
    both = {"energy": Analytic(), "node_energies": Analytic()}

    class Partition(BaseModelMixin):
        model_config = ModelConfig(name="partition", outputs=both, supports_pbc=True)

        def compute(self, view, requested):
            return {
                "energy": view.positions.new_ones(view.num_systems, 1),
                "node_energies": view.positions.new_ones(view.num_atoms),
            }

    half = pipeline(direct(PipelineStep(Partition(), weight=0.5), PipelineStep(Partition(), weight=2.0)))
    torch.testing.assert_close(
        half(mixed(), requested={"node_energies"})["node_energies"], torch.full((5,), 2.5).double()
    )
    mixed_pipe = pipeline(direct(Partition()), direct(Kernel()))
    assert "node_energies" not in mixed_pipe.active_outputs
    with pytest.raises(LostTermError, match="would not add up"):
        mixed_pipe(mixed(), requested={"node_energies"})


@pytest.mark.parametrize(
    "declare",
    [
        lambda: PipelineGroup([]),
        lambda: PipelineGroup([object()]),
        lambda: PipelineGroup([Gaussians()], derivative_fn=lambda e, d, r: {}),
        lambda: pipeline(),
        lambda: pipeline(Gaussians()),
        lambda: pipeline(direct(Gaussians()), neighbor_adaptation="sometimes"),
        lambda: pipeline(direct(Gaussians()), max_cutoff_ratio=0.5),
        lambda: pipeline(autograd(Gaussians(), derivative_fn=3)),
    ],
)
def test_declarations_that_cannot_be_right_are_refused(declare):
    with pytest.raises(DeclarationError):
        declare()


def test_an_unusable_graph_is_noticed():
    class Detached(Gaussians):
        def compute(self, view, requested):
            return {name: value.detach() for name, value in super().compute(view, requested).items()}

    from alchemi_core.errors import ModelOutputError

    pipe = pipeline(autograd(Detached(), Gaussians()))
    with pytest.raises(ModelOutputError, match="returned it detached"):
        pipe(mixed(), requested={"forces"})
    assert pipe(mixed(), requested={"energy"})["energy"].isfinite().all()


def test_reading_what_was_not_declared_is_refused():
    from alchemi_core.errors import UndeclaredInputError

    curious = with_config(Coulomb(), required_inputs=(), outputs={"energy": OnGraph()})
    with pytest.raises(UndeclaredInputError, match="coulomb: read the input 'charges'"):
        pipeline(autograd(curious))(mixed().with_fields(charges=byhand.charges(mixed())))
