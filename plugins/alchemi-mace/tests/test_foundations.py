"""Names of foundation models, their files, theories and licences, and what is fetched."""

import io
import shutil
import urllib.request
import warnings
from pathlib import Path

import pytest
import torch
from alchemi_mace.foundations import ACADEMIC, FOUNDATIONS, HEADS, MIT, canonical
from hypothesis import given
from hypothesis import strategies as st

from alchemi_core import Batch, create_model
from alchemi_core.errors import OptionError


def energy(model, atoms, pipeline):
    return pipeline(model)(Batch.from_ase(atoms), {"energy"})["energy"]


def test_names_and_addresses_are_those_of_mace_torch():
    from mace.calculators import foundations_models as upstream

    for name, url in upstream.mace_mp_urls.items():
        assert FOUNDATIONS[name].url == url
        assert FOUNDATIONS[name].family == "mp"
    for size, url in upstream.mace_off_urls.items():
        assert FOUNDATIONS[f"{size}_off"].url == url
    others = [f"{size}_off" for size in upstream.mace_off_urls] + ["mace_omol", "mace_anicc"]
    assert FOUNDATIONS.keys() == upstream.mace_mp_urls.keys() | set(others)
    source = Path(upstream.__file__).read_text()
    assert all(FOUNDATIONS[name].url in source for name in ("mace_omol", "mace_anicc"))


@given(st.sampled_from(sorted(FOUNDATIONS)), st.data())
def test_case_and_dashes_do_not_matter(name, data):
    mixed = (data.draw(st.sampled_from((letter.lower(), letter.upper()))) for letter in name)
    dashed = (data.draw(st.sampled_from("-_")) if letter in "-_" else letter for letter in mixed)
    assert canonical("".join(dashed)) == name


@pytest.mark.parametrize("name", ["medium-mpa-0", "large", "mh-1"])
def test_name_whose_file_is_where_mace_torch_keeps_it(
    name, saved, cache, no_network, monkeypatch, structures, pipeline
):
    """mace-torch's own function finds the file there as well, and asks for nothing."""
    from mace.calculators import foundations_models as upstream

    cache.mkdir(parents=True)
    kind = "default head" if name == "mh-1" else "scaled"
    shutil.copy(saved(kind), FOUNDATIONS[name].path)
    assert FOUNDATIONS[name].path.parent == cache
    assert upstream.download_mace_mp_checkpoint(name) == str(FOUNDATIONS[name].path)
    model = create_model("mace", checkpoint=name)
    again = create_model("mace", checkpoint=str(saved(kind)))
    atoms = structures["rock salt"]
    assert torch.equal(energy(model, atoms, pipeline), energy(again, atoms, pipeline))
    assert no_network == []


@pytest.mark.parametrize("name", ["medium_off", "mace_omol"])
def test_cached_files_of_other_families(name, saved, cache, no_network):
    """Again mace-torch's own functions find the file there."""
    from mace.calculators import foundations_models as upstream

    cache.mkdir(parents=True)
    shutil.copy(saved(), FOUNDATIONS[name].path)
    function = {"medium_off": upstream.mace_off, "mace_omol": upstream.mace_omol}[name]
    size = {"medium_off": "medium", "mace_omol": "extra_large"}[name]
    with warnings.catch_warnings(action="ignore"):
        assert function(model=size, device="cpu", return_raw_model=True) is not None
    config = create_model("mace", checkpoint=name).model_config
    assert config.contains == {"dispersion": {"medium_off": "D3(BJ)", "mace_omol": "VV10"}[name]}
    assert config.level_of_theory == {"medium_off": "wB97M-D3(BJ)", "mace_omol": "wB97M-V"}[name]
    assert no_network == []


def test_level_of_theory(saved, cache):
    cache.mkdir(parents=True)
    shutil.copy(saved("zbl"), FOUNDATIONS["medium-0b3"].path)
    config = create_model("mace", checkpoint="medium-0b3").model_config
    assert config.level_of_theory == "PBE / PBE+U"
    assert config.contains == {"repulsion": "ZBL"}


def test_theory_by_head():
    assert FOUNDATIONS["mh-1"].theory_of("omol").dispersion == "VV10"
    assert FOUNDATIONS["mh-1"].theory_of("matpes_r2scan").level == "r2SCAN"
    assert FOUNDATIONS["mh-1"].theory_of("of my own").level == ""
    assert {name for name, theory in HEADS.items() if theory.dispersion} == {"omol", "spice_wB97M", "rgd1_b3lyp"}


def test_name_without_file_or_network(cache, no_network, capsys):
    with pytest.raises(OptionError) as caught:
        create_model("mace", checkpoint="small-0b")
    assert no_network == [FOUNDATIONS["small-0b"].url]
    path = cache / "mace_agnesi_smallmodel"
    assert str(path) in caught.value.found
    assert "no network" in caught.value.found
    assert FOUNDATIONS["small-0b"].url in caught.value.expected
    assert f"copy the file to {path}" in caught.value.fix
    assert "checkpoint='path/to/file'" in caught.value.fix
    assert not path.exists()
    said = capsys.readouterr()
    assert said.out == ""
    assert FOUNDATIONS["small-0b"].url in said.err


class Answer(io.BytesIO):
    """What a server sends."""

    @property
    def headers(self):
        return {"Content-Length": str(len(self.getvalue()))}

    def info(self):
        return "Content-Type: application/octet-stream"


def test_name_whose_file_is_fetched(saved, cache, monkeypatch, capsys):
    """What mace-torch prints about it is none of the output of a program."""
    asked, content = [], saved("zbl").read_bytes()
    monkeypatch.setattr(urllib.request, "urlopen", lambda url, *_, **__: asked.append(url) or Answer(content))
    assert create_model("mace", checkpoint="medium-0b3").model_config.contains == {"repulsion": "ZBL"}
    assert asked == [FOUNDATIONS["medium-0b3"].url]
    assert FOUNDATIONS["medium-0b3"].path.read_bytes() == content
    said = capsys.readouterr()
    assert said.out == ""
    assert "Downloading" in said.err
    create_model("mace", checkpoint="medium-0b3")
    assert capsys.readouterr() == ("", "")
    assert len(asked) == 1


COMMANDS = {
    "small-omat-0": "mace_mp('small-omat-0')",
    "medium-omat-0": "mace_mp('medium-omat-0')",
    "mace-matpes-pbe-0": "mace_mp('mace-matpes-pbe-0')",
    "mace-matpes-r2scan-0": "mace_mp('mace-matpes-r2scan-0')",
    "mh-0": "mace_mp('mh-0')",
    "mh-1": "mace_mp('mh-1')",
    "small_off": "mace_off('small')",
    "medium_off": "mace_off('medium')",
    "large_off": "mace_off('large')",
    "mace_omol": "mace_omol()",
    "mace_anicc": "mace_anicc('cpu')",
}
"""Of files that are left to the user, by name."""


@pytest.mark.parametrize("name", COMMANDS)
def test_licence_is_for_the_user_to_accept(name, cache, no_network, capsys):
    with pytest.raises(OptionError, match="not on this machine") as caught:
        create_model("mace", checkpoint=name)
    licence = "MIT" if name == "mace_anicc" else "ASL"
    assert f"its licence, {licence}, suits you" in caught.value.fix
    assert COMMANDS[name] in caught.value.fix
    assert f"copy the file to {FOUNDATIONS[name].path}" in caught.value.fix
    assert no_network == []
    assert capsys.readouterr() == ("", "")


def test_licences():
    """All others are under MIT, by the table of models at mace-foundations."""
    assert {name for name, known in FOUNDATIONS.items() if not known.is_fetched} == COMMANDS.keys()
    assert {name for name, known in FOUNDATIONS.items() if known.licence == ACADEMIC} == COMMANDS.keys() - {
        "mace_anicc"
    }
    assert all(known.licence in (MIT, ACADEMIC) for known in FOUNDATIONS.values())


@pytest.mark.parametrize("name", sorted(name for name, function in COMMANDS.items() if "mace_mp" in function))
def test_commands_of_the_materials_family_know_the_name(name):
    from mace.calculators import foundations_models as upstream

    assert name in upstream.mace_mp_names
