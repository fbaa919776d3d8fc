"""What tells one pipeline from another: models, options, tensors by checksum, topology. Not when it was written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.serialization.digests import check_tensors
from alchemi_core.serialization.document import entries_of
from alchemi_core.serialization.entries import field
from alchemi_core.serialization.migrations import read_document
from alchemi_core.serialization.saving import describe_pipeline

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from alchemi_core.pipeline import PipelineModelWrapper
    from alchemi_core.registry import Registry


@attrs.frozen(eq=False)
class Description:
    """A pipeline, to be compared.

    Parameters
    ----------
    models : tuple of dict
        By number: name, plugin and version, every option, what it declares, and tensors by checksum.
    topology : dict
        As `alchemi_core.serialization.document` describes it.
    """

    models: tuple[dict[str, Any], ...]
    topology: dict[str, Any]

    @classmethod
    def of_file(cls, path: Path) -> Description:
        """Read it off the head of a file.

        Raises
        ------
        SerializationError
            If it is no pipeline file.
        """
        _, document = read_document(path)
        return cls._of(document, field(document, "tensors", dict))

    @classmethod
    def of_pipeline(cls, pipeline: PipelineModelWrapper, registry: Registry) -> Description:
        """Describe a pipeline as its file would."""
        written = describe_pipeline(pipeline, registry)
        return cls._of(written.document, {name: one.digest for name, one in check_tensors(written.tensors).items()})

    @classmethod
    def _of(cls, document: Mapping[str, Any], digests: Mapping[str, str]) -> Description:
        entries = entries_of(document)
        topology = _by_content(field(document, "topology", dict), digests)
        return cls(tuple(_facts(entry, digests) for entry in entries), topology)

    @property
    def names(self) -> list[str]:
        """Names of the models."""
        return [str(one["name"]) for one in self.models]

    def model(self, number: int) -> dict[str, Any] | None:
        """Return what is said of a model, None where there is none of that number."""
        return self.models[number] if number < len(self.models) else None


def _facts(entry: Mapping[str, Any], digests: Mapping[str, str]) -> dict[str, Any]:
    reference = entry.get("reference") or {}
    referred = {name: one.get("sha256") for name, one in reference.items() if isinstance(one, dict)}
    held = {name: digests.get(str(key), "") for name, key in [*entry["weights"].items(), *entry["buffers"].items()]}
    about = {"name": entry["name"], "plugin": f"{entry.get('plugin')} {entry.get('version')}"}
    return {
        **about,
        "options": _by_content(entry.get("options"), digests),
        **({"spec": spec} if (spec := _by_content(entry.get("spec"), digests)) else {}),
        "contract": entry.get("contract"),
        "frozen": entry.get("frozen") or [],
        "tensors": {**held, **referred},
    }


def _by_content(value: Any, digests: Mapping[str, str]) -> Any:
    """Return an encoded value in which tensors are named by what is in them."""
    if isinstance(value, list):
        return [_by_content(item, digests) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() & {"$tensor", "$array"}:
        return {tag: digests.get(str(name), "") for tag, name in value.items()}
    return {key: _by_content(item, digests) for key, item in value.items()}
