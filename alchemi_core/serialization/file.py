"""The pipeline file: a safetensors file whose head carries the document. Written whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from alchemi_core.atomic_write import replacing
from alchemi_core.errors import SerializationError
from alchemi_core.serialization.digests import check_tensors
from alchemi_core.serialization.header import KEY, MAX_LENGTH, Header, document_text, seal, unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor


def write_file(path: Path, document: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Write a document and its tensors; an interrupted write leaves the old file, or none.

    Parameters
    ----------
    path : Path
        Replaced when it exists.
    document : mapping
        JSON values; the digests of the tensors are added to it.
    tensors : mapping of str to Tensor
        On the CPU, contiguous, no two on the same memory.

    Raises
    ------
    SerializationError
        If a tensor has a type that the format does not hold, or the file cannot be written.
    """
    digests = {name: found.digest for name, found in check_tensors(tensors).items()}
    try:
        text = _text({**document, "tensors": digests})
        with replacing(path) as draft:
            draft.touch()
            mode = draft.stat().st_mode  # that of any new file; safetensors has a stricter one of its own
            save_file(dict(tensors), draft, metadata={KEY: text})
            draft.chmod(mode)
            seal(draft)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, SerializationError):
            raise
        raise SerializationError(
            f"cannot be written: {type(error).__name__}: {error}",
            expected="a folder that can be written to, values that JSON and tensors that safetensors has a form for",
            who=str(path),
        ) from error


def _text(document: Mapping[str, Any]) -> str:
    text = document_text(document)
    if len(text) > MAX_LENGTH // 2:  # where tensors lie, which stands beside it, takes less than their digests in it
        raise ValueError(
            f"its document is {len(text)} bytes long, more than can be read; give large options as tensors"
        )
    return text


def read_tensors(path: Path, header: Header, digests: Mapping[str, str], *, allow_nan: bool) -> dict[str, Tensor]:
    """Return the tensors of a file, mapped into memory, after a look at every byte.

    Parameters
    ----------
    path : Path
        The file.
    header : Header
        Of the same file.
    digests : mapping of str to str
        Of each tensor; not looked at in files without a seal, those of format 1.
    allow_nan : bool
        Whether numbers may be NaN.

    Raises
    ------
    SerializationError
        If bytes were changed, tensors are missing, or there are NaN.
    """
    try:
        with safe_open(path, framework="pt") as opened:
            tensors = {name: opened.get_tensor(name) for name in header.tensors}
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise unreadable(path, f"{type(error).__name__}: {error}") from error
    checked = check_tensors(tensors)
    if header.seal and {name: one.digest for name, one in checked.items()} != dict(digests):
        raise unreadable(path, "it was changed after it was written, or is damaged: its checksums do not agree")
    if not allow_nan and (bad := sorted(name for name, one in checked.items() if one.has_nan)):
        raise SerializationError(
            f"{len(bad)} tensors hold numbers that are NaN, the first being {bad[0]!r}",
            expected="weights that are numbers",
            who=str(path),
            fix="load_pipeline(path, allow={'nan'}), if they are meant to be",
        )
    return tensors
