"""A model as the subject of checks."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.errors import PluginError
from alchemi_core.frozenmap import FrozenMap
from alchemi_core.models import BaseModelMixin
from alchemi_core.registry import Registry, create_model
from alchemi_core.testing.checks import Check
from alchemi_core.testing.exemptions import exempted
from alchemi_core.testing.failures import failure
from alchemi_core.testing.guarding import guarded
from alchemi_core.testing.model_suite import MODEL_CHECKS
from alchemi_core.testing.promises import bound
from alchemi_core.testing.specimens import Specimen, specimen_of
from alchemi_core.testing.subject_values import as_mapping, as_options, as_structures, is_accuracy, is_model

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.offers import ModelOffer
    from alchemi_core.testing.structures import Structure


@attrs.frozen(eq=False)
class ModelSubject:
    """A model to be checked.

    Parameters
    ----------
    model : str, BaseModelMixin or callable
        Name under which a plugin offers it, the model itself, or a function without arguments that makes it.
    options : mapping, optional
        Options of a model that is named; by default the offer's example.
    structures : iterable of Structure, str or ase.Atoms, optional
        What to check it on, themselves or by name; by default those of `alchemi_core.testing.STRUCTURES` that suit its
        periodicity, fitted to the elements it was made for.
    inputs : mapping of str to callable, optional
        Further inputs by name, each a function from a batch to a tensor. The kit makes charges, total charges,
        multiplicities and couplings itself.
    accuracy : float
        Relative error that the method itself makes, such as that of an Ewald sum; tolerances are no tighter.
    exempt : mapping of str to str, optional
        Checks that need not pass, with reasons; by default the offer's, where its example is what is checked.
    name : str, optional
        What it is called in reports; by default that of the offer or of the model's config.
    device : str
        Device to check on.
    registry : Registry, optional
        Where the name is looked up; by default the installed plugins.

    Raises
    ------
    OptionError
        If a value is of another kind.

    Examples
    --------
    >>> from alchemi_core import BaseModelMixin, ModelConfig, OnGraph
    >>> class Well(BaseModelMixin):
    ...     model_config = ModelConfig(name="well", outputs={"energy": OnGraph("positions")})
    ...
    ...     def compute(self, view, requested):
    ...         each = 0.5 * view.positions.square().sum(1)
    ...         return {"energy": each.new_zeros(view.num_systems).index_add(0, view.batch_idx, each).unsqueeze(1)}
    >>> checks = {str(check): check for check in ModelSubject(Well()).checks()}
    >>> checks["model/well/forces"]() != ""
    True
    """

    model: str | BaseModelMixin | Callable[[], BaseModelMixin] = attrs.field(validator=is_model)
    options: Mapping[str, Any] | None = attrs.field(default=None, converter=as_options)
    structures: tuple[Structure, ...] | None = attrs.field(default=None, converter=as_structures, kw_only=True)
    inputs: Mapping[str, Callable[[Batch], Tensor]] = attrs.field(factory=FrozenMap, converter=as_mapping, kw_only=True)
    accuracy: float = attrs.field(default=0.0, kw_only=True, validator=is_accuracy)
    exempt: Mapping[str, str] = attrs.field(factory=FrozenMap, converter=as_mapping, kw_only=True)
    name: str = attrs.field(kw_only=True)
    device: str = attrs.field(default="cpu", kw_only=True)
    registry: Registry | None = attrs.field(default=None, kw_only=True)

    @name.default
    def _name(self) -> str:
        if isinstance(self.model, str):
            return self.model
        config = getattr(self.model, "model_config", None)
        return config.name if config is not None else getattr(self.model, "__name__", "model").strip("<>")

    @classmethod
    def of_offer(cls, offer: ModelOffer, registry: Registry) -> ModelSubject:
        """Make the subject of a model on offer: its example, with its exemptions."""
        return cls(offer.name, offer.example, exempt=offer.exempt, registry=registry)

    def make(self) -> BaseModelMixin:
        """Make the model, anew where it is named or a function."""
        if isinstance(self.model, str):
            return create_model(self.model, registry=self.registry, **(self.options or {}))
        made = self.model if isinstance(self.model, BaseModelMixin) else self.model()
        if not isinstance(made, BaseModelMixin):
            raise PluginError(f"{type(made).__name__} was made", expected="a BaseModelMixin", who=self.name)
        return made

    def checks(self) -> list[Check]:
        """Return the checks that belong to what the model declares; the model is made for it, once."""
        try:
            specimen = specimen_of(self)
        except Exception as error:  # noqa: BLE001 - whatever a plugin raises is what the check reports
            return [Check(f"model/{self.name}/can-be-made", partial(_raise, self.name, error), MADE, alone=True)]
        takes = [_takes(specimen, one) for one in (*specimen.structures, *specimen.refused)]
        made = Check(f"model/{self.name}/can-be-made", lambda: specimen.config.name, MADE)
        if (silence := _silence(specimen)) is not None:
            return [made, Check(f"model/{self.name}/answers", silence, "the model answers", alone=True)]
        checks = bound(f"model/{self.name}", MODEL_CHECKS, specimen)
        return exempted([made, *takes, *checks], self.exempt, self.name)


def _silence(specimen: Specimen) -> Callable[[], str | None] | None:
    """Return the check that fails where no structure gets an answer or a refusal: one report in place of fifty."""
    if specimen.refused and not specimen.structures:
        text = next(iter(specimen.refused.values()))
        return guarded(partial(_refuses_all, specimen.name, text), specimen.name)
    run: Callable[[], str | None] | None = None
    for structure in specimen.structures:
        run = guarded(partial(_answer, specimen, structure), f"{specimen.name}, {structure}")
        try:
            run()
        except AssertionError:
            continue
        return None
    return run or guarded(partial(_refuses_all, specimen.name, "there is none"), specimen.name)


def _answer(specimen: Specimen, structure: Structure) -> None:
    specimen.run(specimen.of(structure))


def _refuses_all(name: str, text: str) -> None:
    raise failure(name, f"refuses every structure: {text}", expected="an answer for one at least")


def _takes(specimen: Specimen, structure: Structure) -> Check:
    def run() -> str:
        if structure in specimen.refused:
            text = specimen.refused[structure]
            raise failure(str(structure), f"is refused: {text}", expected=f"an answer, for {structure.reason}")
        return str(specimen.atoms(structure).symbols)

    return Check(f"model/{specimen.name}/takes-{structure}", run, f"it answers for {structure}: {structure.reason}")


MADE = "the model can be made with the options given, and declares a config"


def _raise(name: str, error: Exception) -> str:
    raise failure(
        name,
        f"cannot be made: {type(error).__name__}: {error}",
        expected="a model",
        fix="give options: ModelSubject(name, {...}), or example={...} on its ModelOffer",
    ) from error
