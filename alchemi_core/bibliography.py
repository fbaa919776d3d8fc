"""Citations as BibTeX: entries that packages bring in a file ``references.bib``, and plain ones for all else.

A plugin's file stands inside its import package and holds an entry with a ``doi`` for each DOI that its models cite.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import attrs

from alchemi_core.errors import InputFileError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

FILE = "references.bib"
"""Name of the file inside a package."""

_PREFIX = r"(?:https?://(?:dx\.)?doi\.org/|doi:\s*)?"
_DOI = re.compile(_PREFIX + r"(10\.\d{4,9}/[^\s{}\"\\]+)", re.IGNORECASE)
_HEAD = re.compile(r"@(\w+)\s*\{\s*([^\s,{}]+)\s*,")
_FIELD = re.compile(r"\bdoi\s*=\s*[{\"]\s*" + _PREFIX + r"([^}\"]+?)\s*[}\"]", re.IGNORECASE)
_SPECIAL = str.maketrans(
    {
        **{character: f"\\{character}" for character in "&%$#_"},
        "{": r"\textbraceleft{}",
        "}": r"\textbraceright{}",
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
    }
)


@attrs.frozen
class Entry:
    """One BibTeX entry.

    Parameters
    ----------
    key : str
        What documents cite it by.
    doi : str
        Its DOI, empty where it has none.
    text : str
        The whole entry, from ``@`` to the last brace.
    """

    key: str
    doi: str
    text: str

    def renamed(self, key: str) -> Entry:
        """Return the entry under another key."""
        head = _HEAD.match(self.text)
        assert head is not None
        return attrs.evolve(self, key=key, text=self.text[: head.start(2)] + key + self.text[head.end(2) :])


def entries(citations: Iterable[str], packages: Iterable[str]) -> dict[str, str]:
    """Return a BibTeX entry for each citation, in their order.

    Parameters
    ----------
    citations : iterable of str
        DOIs, with ``doi:`` or ``https://doi.org/`` before them or not, or any text.
    packages : iterable of str
        Import packages, such as ``"alchemi_mace"``, whose files are searched, the first that has an entry decides. None
        is imported, and one that is not installed or has no file brings nothing.

    Returns
    -------
    dict of str to str
        By DOI, as bare as can be, or text. No two entries have the same key.

    Raises
    ------
    InputFileError
        If a file cannot be read.

    Examples
    --------
    >>> print(entries(["doi:10.1000/182"], [])["10.1000/182"])
    @misc{doi-10.1000-182,
      doi = {10.1000/182},
      url = {https://doi.org/10.1000/182},
    }
    """
    known = _known(packages)
    wanted = {doi.casefold() or text: (doi, text) for text in map(_one_line, citations) for doi in [_bare(text)]}
    found = {doi or text: known.get(doi.casefold()) or _plain(doi, text) for doi, text in wanted.values()}
    return {citation: entry.text for citation, entry in _told_apart(found).items()}


def read_entries(path: Path) -> tuple[Entry, ...]:
    """Read a BibTeX file.

    Raises
    ------
    InputFileError
        If it is not text in UTF-8, or the braces of an entry do not close.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise InputFileError(f"cannot be read: {error}", expected="BibTeX in UTF-8", who=str(path)) from error
    return tuple(_split(text, str(path)))


def _split(text: str, who: str) -> Iterator[Entry]:
    head = _HEAD.search(text)
    while head is not None:
        end = _end(text, head.start())
        if end is None:
            raise InputFileError(f"the braces of entry {head[2]!r} do not close", expected="as many } as {", who=who)
        whole = text[head.start() : end]
        doi = _FIELD.search(whole)
        yield Entry(head[2], doi[1] if doi else "", whole)
        head = _HEAD.search(text, end)


def _end(text: str, start: int) -> int | None:
    """Return where the braces that open after `start` have all closed."""
    depth = 0
    for brace in re.compile(r"[{}]").finditer(text, start):
        depth += 1 if brace[0] == "{" else -1
        if not depth:
            return brace.end()
    return None


def _known(packages: Iterable[str]) -> dict[str, Entry]:
    """Return entries by DOI in small letters: DOIs do not tell letters by case."""
    files = [path for package in packages if (path := _file(package)) is not None]
    read = [entry for path in files for entry in read_entries(path)]
    return {entry.doi.casefold(): entry for entry in reversed(read) if entry.doi}


def _file(package: str) -> Path | None:
    # Of a module inside a package, finding its spec would import the package.
    try:
        spec = find_spec(package.partition(".")[0])
    except ValueError:
        return None  # a module that was made by hand has no place
    places = (spec.submodule_search_locations or ()) if spec is not None else ()
    return next((path for place in places if (path := Path(place) / FILE).is_file()), None)


def _plain(doi: str, text: str) -> Entry:
    """Make an entry of nothing but the citation itself."""
    if not doi:
        key, fields = _key_of(text), {"note": text.translate(_SPECIAL)}
    else:
        key, fields = f"doi-{_letters(doi)}", {"doi": doi, "url": f"https://doi.org/{quote(doi, safe='/:;()._-')}"}
    lines = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items())
    return Entry(key, doi, f"@misc{{{key},\n{lines}}}")


def _key_of(text: str) -> str:
    """Make a key of the first word and the year."""
    word, year = re.search(r"[A-Za-z]{2,}", text), re.search(r"\b1[5-9]\d\d\b|\b20\d\d\b", text)
    return (word[0] if word else "reference") + (year[0] if year else "")


def _told_apart(found: Mapping[str, Entry]) -> dict[str, Entry]:
    """Add a letter to each key that is taken already; BibTeX does not tell keys by case."""
    taken: set[str] = set()
    apart = {}
    for citation, entry in found.items():
        keys = (entry.key, *(f"{entry.key}{_suffix(n)}" for n in range(len(found))))
        key = next(key for key in keys if key.casefold() not in taken)
        taken.add(key.casefold())
        apart[citation] = entry if key == entry.key else entry.renamed(key)
    return apart


def _suffix(n: int) -> str:
    """Count a, b, ..., z, aa, ab, ..."""
    first, last = divmod(n, 26)
    return (_suffix(first - 1) if first else "") + chr(ord("a") + last)


def _bare(text: str) -> str:
    """Return a DOI without what may stand before it; empty for other text."""
    match = _DOI.fullmatch(text)
    return match[1] if match else ""


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _letters(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-")
