"""Citations as BibTeX."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alchemi_core.bibliography import entries, read_entries
from alchemi_core.errors import InputFileError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SURELY = r"""Anything outside of entries is a comment, {even braces}.
@Article{Ewald1921,
  title = {Die {Berechnung} {\"o}rtlicher {{Potentiale}}},
  DOI = "https://doi.org/10.1002/ANDP.19213690304",
}
@book{NoDOI1985, title = {A book}}
% @comment
@misc{ Spaced2020 ,title={x}, doi={10.1000/spaced} }
"""

Install: TypeAlias = "Callable[[str, str], str]"


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Make a package that must not be imported, with a file of references."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(name: str, text: str) -> str:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('imported')\n")
        (tmp_path / name / "references.bib").write_text(text, encoding="utf-8")
        return name

    return make


def keys(found: dict[str, str]) -> list[str]:
    return [re.match(r"@\w+\{\s*([^\s,]+)", text)[1] for text in found.values()]  # type: ignore[index]


def test_a_doi_gets_the_entry_of_the_package_whole_and_without_importing_it(install: Install) -> None:
    package = install("references_of_one", SURELY)
    found = entries(["10.1002/andp.19213690304"], [package])
    start = SURELY.index("@Article")
    assert found == {"10.1002/andp.19213690304": SURELY[start : SURELY.index("@book") - 1]}
    assert package not in sys.modules


@pytest.mark.parametrize("before", ["", "doi:", "DOI: ", "https://doi.org/", "http://dx.doi.org/"])
def test_what_stands_before_a_doi_does_not_matter(install: Install, before: str) -> None:
    package = install("references_of_two", SURELY)
    found = entries([f"{before}10.1000/SPACED"], [package])
    assert list(found) == ["10.1000/SPACED"]
    assert keys(found) == ["Spaced2020"]


def test_one_paper_named_twice_is_one_entry(install: Install) -> None:
    package = install("references_of_three", SURELY)
    assert keys(entries(["10.1000/spaced", "doi:10.1000/Spaced"], [package])) == ["Spaced2020"]


def test_the_first_package_that_has_an_entry_decides(install: Install) -> None:
    first = install("references_first", "@misc{First, doi = {10.1000/1}}")
    second = install("references_second", "@misc{Second, doi = {10.1000/1}}\n@misc{Other, doi = {10.1000/2}}")
    assert keys(entries(["10.1000/2", "10.1000/1"], [first, second])) == ["Other", "First"]


def test_a_module_inside_a_package_stands_for_it(install: Install) -> None:
    package = install("references_inside", "@misc{Inside, doi = {10.1000/1}}")
    assert keys(entries(["10.1000/1"], [f"{package}.model"])) == ["Inside"]


@pytest.mark.parametrize("package", ["no_such_package", "json", "sys", "re"])
def test_packages_without_a_file_bring_nothing(package: str) -> None:
    assert keys(entries(["10.1000/1"], [package])) == ["doi-10.1000-1"]


def test_a_doi_that_nobody_describes_stands_for_itself() -> None:
    doi = "10.1002/(SICI)1096-987X(199709)18:12<1463::AID-JCC4>3.0.CO;2-H"
    assert entries([doi], [])[doi].splitlines() == [
        "@misc{doi-10.1002-SICI-1096-987X-199709-18-12-1463-AID-JCC4-3.0.CO-2-H,",
        f"  doi = {{{doi}}},",
        "  url = {https://doi.org/10.1002/(SICI)1096-987X(199709)18:12%3C1463::AID-JCC4%3E3.0.CO;2-H},",
        "}",
    ]


def test_other_text_is_a_note() -> None:
    found = entries(["R. Hooke, De potentia\n  restitutiva (1678)"], [])
    assert found == {
        "R. Hooke, De potentia restitutiva (1678)": "@misc{Hooke1678,\n"
        "  note = {R. Hooke, De potentia restitutiva (1678)},\n}"
    }


def test_special_characters_of_a_note_are_escaped() -> None:
    (text,) = entries([r"A & B, 5 % of {x_1}, ~$ #2 \ ^"], []).values()
    expected = (
        r"A \& B, 5 \% of \textbraceleft{}x\_1\textbraceright{}, \textasciitilde{}\$ \#2 \textbackslash{} "
        r"\textasciicircum{}"
    )
    assert f"note = {{{expected}}}" in text


def test_keys_that_clash_get_a_letter(install: Install) -> None:
    first = install("references_clash", "@misc{Same2020, doi = {10.1000/1}}")
    second = install("references_clash_too", "@misc{same2020,title = {Same2020}, doi = {10.1000/2}}")
    found = entries(["10.1000/1", "10.1000/2", "Same (2020)", "Same, 2020"], [first, second])
    assert keys(found) == ["Same2020", "same2020a", "Same2020b", "Same2020c"]
    assert found["10.1000/2"] == "@misc{same2020a,title = {Same2020}, doi = {10.1000/2}}"


@given(st.lists(st.text(max_size=30), max_size=40))
def test_any_texts_become_entries_that_can_be_read_again(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    found = entries(texts, [])
    assert len({key.casefold() for key in keys(found)}) == len(found)
    path = tmp_path_factory.mktemp("any") / "all.bib"
    path.write_text("\n".join(found.values()), encoding="utf-8")
    assert [entry.text for entry in read_entries(path)] == list(found.values())


def test_more_clashes_than_letters() -> None:
    found = entries([f"Same 2020, page {n}" for n in range(1000, 1060)], [])
    assert keys(found)[25:29] == ["Same2020y", "Same2020z", "Same2020aa", "Same2020ab"]
    assert len(set(keys(found))) == 60


def test_entries_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "one.bib").write_text(SURELY, encoding="utf-8")
    read = read_entries(tmp_path / "one.bib")
    assert [(entry.key, entry.doi) for entry in read] == [
        ("Ewald1921", "10.1002/ANDP.19213690304"),
        ("NoDOI1985", ""),
        ("Spaced2020", "10.1000/spaced"),
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"@misc{Open, title = {x}\n", "the braces of entry 'Open' do not close"),
        (b"@misc{Latin, title = {\xe9}}", "cannot be read"),
    ],
)
def test_files_that_cannot_be_read_are_named(install: Install, tmp_path: Path, content: bytes, says: str) -> None:
    package = install("references_broken", "")
    path = tmp_path / package / "references.bib"
    path.write_bytes(content)
    with pytest.raises(InputFileError, match=says) as caught:
        entries(["10.1000/1"], [package])
    assert caught.value.who == str(path)
