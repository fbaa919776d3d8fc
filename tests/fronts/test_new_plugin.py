"""``alchemi new-plugin``: what is written, what is printed, and what is refused with nothing left behind."""

import ast
import re
import tomllib
from importlib.metadata import requires
from pathlib import Path

import pytest

from alchemi_core.errors import OptionError
from alchemi_core.offers import KINDS as OFFERS
from alchemi_core.offers import ROLES as OFFERED_ROLES
from alchemi_core.scaffold.author import Author, author_of
from alchemi_core.scaffold.kinds import KINDS, ROLES, kind_of
from alchemi_core.scaffold.names import LONGEST, PluginName
from alchemi_core.scaffold.rendering import TEMPLATES
from alchemi_core.scaffold.requirement import core_requirement

EVERY = [(kind, role.folder) for kind, roles in KINDS.items() for role in roles]
SAID = {kind: ("--kind", kind) for kind in KINDS} | {role: ("--kind", "neighbors", "--role", role) for role in ROLES}
LEFT = re.compile(r"MY-[A-Z]|[Mm]y[-_]?[Pp]lugin")
AUTHOR = ("--author", "P. M. Morse")


@pytest.fixture(params=[folder for _, folder in EVERY])
def written(alchemi, request):
    """A plugin of each kind, and what was printed."""
    answer = alchemi("new-plugin", "Morse_Like", *SAID[request.param], *AUTHOR)
    assert (answer.code, answer.err) == (0, "")
    return Path("alchemi-morse-like"), answer.out


def files_in(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_kinds_are_those_of_offers():
    assert set(KINDS) == set(OFFERS)
    assert set(ROLES) <= set(OFFERED_ROLES)


def test_it_is_a_distribution(written):
    folder, _ = written
    found = {path.relative_to(folder).as_posix() for path in files_in(folder)}
    package = "src/alchemi_morse_like"
    assert found >= {"pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "tox.ini", ".gitignore"}
    assert found >= {
        f"{package}/__init__.py",
        f"{package}/hooks.py",
        f"{package}/py.typed",
        "tests/test_conformance.py",
    }
    assert sum(name.startswith("tests/test_") for name in found) >= 2
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["name"] == "alchemi-morse-like"
    assert project["entry-points"]["alchemi"] == {"morse-like": "alchemi_morse_like.hooks"}
    assert project["authors"] == [{"name": "P. M. Morse"}]
    assert (folder / "LICENSE").read_text("utf-8").startswith("MIT License")


def test_no_placeholder_is_left(written):
    folder, _ = written
    for path in files_in(folder):
        assert not LEFT.search(path.as_posix())
        assert not LEFT.search(path.read_text("utf-8")), path


def test_python_reads_it_and_everything_public_is_documented(written):
    folder, _ = written
    for path in sorted((folder / "src").rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        assert ast.get_docstring(tree), path
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                assert ast.get_docstring(node), (path, node.name)


def test_every_place_to_fill_in_is_printed_and_no_other(written):
    folder, printed = written
    listed = re.findall(r"^  (\S+):(\d+)  +(\S.*)$", printed, re.MULTILINE)
    marked = [
        (str(path), str(number))
        for path in files_in(folder)
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if "FILL IN:" in line
    ]
    assert sorted((path, number) for path, number, _ in listed) == sorted(marked)
    assert len(marked) >= 5
    for path, number, text in listed:
        assert text in Path(path).read_text("utf-8").splitlines()[int(number) - 1]


def test_what_to_type_next_is_printed(written):
    _, printed = written
    for words in ("cd alchemi-morse-like", "python -m pytest", "alchemi check --plugin alchemi-morse-like"):
        assert words in printed


def test_a_dry_run_prints_the_same_files_and_writes_nothing(alchemi):
    answer = alchemi("new-plugin", "morse-like", "--dry-run")
    assert answer.code == 0
    assert not Path("alchemi-morse-like").exists()
    assert alchemi("new-plugin", "morse-like").code == 0
    assert sorted(answer.out.splitlines()) == sorted(map(str, files_in(Path("alchemi-morse-like"))))
    assert alchemi("new-plugin", "morse-like", "--dry-run").code == 2


def test_every_template_is_of_some_kind():
    own = {path.name for path in TEMPLATES.iterdir() if not path.name.startswith(".")}
    common = {"pyproject.toml", "README.md", "CHANGELOG.md", "tox.ini", "gitignore", "licences"}
    assert own == common | {folder for _, folder in EVERY}


def test_requirements_are_those_of_the_core(written):
    folder, _ = written
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    core = {re.split("[>=]", line)[0]: line for line in requires("alchemi-core")}
    first, *others = project["dependencies"]
    assert first.startswith("alchemi-core>=")
    assert others == [core[re.split("[>=]", one)[0]] for one in others]


@pytest.mark.parametrize(
    ("version", "bounds"),
    [("0.1.0", ">=0.1,<0.2"), ("0.12.3", ">=0.12,<0.13"), ("1.4.2", ">=1.4,<2"), ("1.5.dev3+g1", ">=1.5.dev3,<2")],
)
def test_the_core_is_bounded_where_it_may_break_a_plugin(version, bounds):
    assert core_requirement(version) == f"alchemi-core{bounds}"


@pytest.mark.parametrize(
    "text", ["stillinger-weber", "Stillinger_Weber", "alchemi-stillinger-weber", "stillinger.weber"]
)
def test_spellings_of_one_name_are_one_name(text):
    names = PluginName.read(text)
    assert names.distribution == "alchemi-stillinger-weber"
    assert (names.package, names.class_name) == ("alchemi_stillinger_weber", "StillingerWeber")


REFUSED = {
    "": "no name",
    "a b": "no name",
    "a/b": "no name",
    "../up": "no name",
    "a\\b": "no name",
    "größe": "no name",
    "name-": "no name",
    "a\nb": "no name",
    "alchemi-": "no name",
    "2body": "begins with a digit",
    "alchemi-2body": "begins with a digit",
    "a" * (LONGEST + 1): "letters",
    "class": "Python has a meaning",
    "none": "Python has a meaning",
    "Runtime-Error": "Python has a meaning",
    "core": "the core itself",
    "alchemi_core": "the core itself",
    "alchemi": "the project itself",
    "springs": "alchemi-springs 1.2.3",
    "alchemi-springs": "alchemi-springs 1.2.3",
    "slow-springs": "alchemi-springs 1.2.3",
    "autograd": "derivative strategy of alchemi-core",
    "brute_force": "neighbor backend of alchemi-core",
    "on-graph": "uses 'OnGraph' itself",
}


@pytest.mark.parametrize("name", REFUSED, ids=repr)
def test_names_that_cannot_be_are_refused_in_one_message(alchemi, name):
    answer = alchemi("new-plugin", name)
    assert (answer.code, answer.out) == (2, "")
    assert REFUSED[name] in answer.err
    assert answer.err.startswith("alchemi: new-plugin: ")
    assert answer.err.count("expected:") == 1
    assert list(Path().iterdir()) == []


def test_a_fix_is_a_name_that_would_do(alchemi):
    answer = alchemi("new-plugin", "Tersoff (1988)")
    assert "likely fix: alchemi new-plugin tersoff-1988\n" in answer.err
    assert alchemi("new-plugin", "tersoff-1988").code == 0


def test_a_derivative_cannot_have_the_name_of_a_quantity(alchemi):
    answer = alchemi("new-plugin", "charges", "--kind", "derivative")
    assert answer.code == 2
    assert "'charges' is a quantity" in answer.err
    assert alchemi("new-plugin", "charges").code == 0


def test_a_plugin_that_is_kept_out_has_its_name_all_the_same(alchemi, monkeypatch):
    monkeypatch.setenv("ALCHEMI_PLUGINS", "")
    assert "alchemi-springs 1.2.3" in alchemi("new-plugin", "springs").err


@pytest.mark.parametrize("there", ["folder", "empty", "file", "link"])
def test_what_is_there_is_left_alone(alchemi, there):
    place = Path("alchemi-morse-like")
    if there == "file":
        place.write_text("mine")
    elif there == "link":
        place.symlink_to("nowhere")
    else:
        place.mkdir()
    if there == "folder":
        (place / "mine").write_text("mine")
    answer = alchemi("new-plugin", "morse-like")
    assert answer.code == 2
    assert "alchemi-morse-like exists" in answer.err
    assert "--out" in answer.err
    assert sorted(Path().rglob("*")) == ([place, place / "mine"] if there == "folder" else [place])
    assert alchemi("new-plugin", "morse-like", "--out", "another").code == 0
    assert (Path("another") / "pyproject.toml").is_file()


def test_a_folder_in_no_folder_is_refused_with_the_command_that_makes_it(alchemi):
    answer = alchemi("new-plugin", "morse-like", "--out", "a/b")
    assert answer.code == 2
    assert "there is no folder a" in answer.err
    assert "mkdir -p a" in answer.err


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_writing_that_fails_leaves_nothing(alchemi, monkeypatch, error):
    write, calls = Path.write_text, []

    def failing(path, *given, **options):
        calls.append(path)
        if len(calls) == 5:
            raise error
        return write(path, *given, **options)

    monkeypatch.setattr(Path, "write_text", failing)
    answer = alchemi("new-plugin", "morse-like")
    assert answer.code == (2 if isinstance(error, OSError) else 130)
    assert len(calls) == 5
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("words", [("--role", "builder"), ("--kind", "model", "--role", "convert")])
def test_a_role_is_of_neighbors(alchemi, words):
    answer = alchemi("new-plugin", "morse-like", *words)
    assert answer.code == 2
    assert "--kind neighbors" in answer.err


def test_unknown_kinds_and_roles_are_refused(alchemi):
    assert alchemi("new-plugin", "morse-like", "--kind", "potential").code == 2
    assert alchemi("new-plugin", "morse-like", "--kind", "neighbors", "--role", "filter").code == 2
    for given in (("potential", None), ("neighbors", "filter")):
        with pytest.raises(OptionError, match="expected: one of"):
            kind_of(*given)


@pytest.mark.parametrize(
    ("said", "name", "text"),
    [
        ("mit", "MIT", "Copyright (c) 20\\d\\d P. M. Morse"),
        ("BSD-3-clause", "BSD-3-Clause", "Copyright (c) 20\\d\\d, P. M. Morse"),
        ("apache-2.0", "Apache-2.0", "Version 2.0, January 2004"),
        ("GPL-3.0-or-later", "GPL-3.0-or-later", "FILL IN: the text of GPL-3.0-or-later"),
        ("LicenseRef-Ours", "LicenseRef-Ours", "FILL IN: the text of LicenseRef-Ours"),
    ],
)
def test_licences_by_their_spdx_names(alchemi, said, name, text):
    assert alchemi("new-plugin", "morse-like", "--licence", said, *AUTHOR).code == 0
    folder = Path("alchemi-morse-like")
    assert re.search(text.replace("(c)", r"\(c\)"), (folder / "LICENSE").read_text("utf-8"))
    assert tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]["license"] == name
    assert f'licence="{name}"' in (folder / "src/alchemi_morse_like/hooks.py").read_text("utf-8")


def test_a_licence_that_nobody_knows_is_refused_with_the_nearest(alchemi):
    answer = alchemi("new-plugin", "morse-like", "--licence", "GPL-3.0")
    assert answer.code == 2
    assert "--licence GPL-3.0" in answer.err.partition("likely fix:")[2]
    assert list(Path().iterdir()) == []


def test_authors_stand_in_the_project_file_as_they_are(alchemi):
    assert alchemi("new-plugin", "morse-like", "--author", 'Åsa "my-plugin" O\\Hara <asa@example.org>').code == 0
    project = tomllib.loads((Path("alchemi-morse-like") / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["authors"] == [{"name": 'Åsa "my-plugin" O\\Hara', "email": "asa@example.org"}]


@pytest.mark.parametrize("text", ["", "  ", "<a@b.c>", "A <nobody>", "A <a@b.c", "A\nB", "A\x00"])
def test_authors_that_are_none_are_refused(text):
    with pytest.raises(OptionError, match="--author"):
        author_of(text)


def test_the_author_is_who_git_knows(monkeypatch, tmp_path):
    program = tmp_path / "git"
    program.write_text("#!/bin/sh\necho 'P. M. Morse'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert author_of(None) == Author("P. M. Morse")
    program.write_text("#!/bin/sh\nexit 1\n")
    assert "FILL IN" in author_of(None).name
    program.unlink()
    assert "FILL IN" in author_of(None).name


def test_without_an_author_the_places_are_listed(alchemi, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    printed = alchemi("new-plugin", "morse-like").out
    assert re.search(r"pyproject.toml:\d+ +your name\n", printed)
    assert re.search(r"LICENSE:\d+ +your name\n", printed)
