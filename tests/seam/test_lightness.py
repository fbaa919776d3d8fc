"""Looking at plugins imports neither torch nor what their offers point to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Site

HEAVY = ("torch", "ase", "matplotlib", "scipy", "vesin", "alchemi_good_model")


@pytest.mark.parametrize(
    "code",
    [
        "import alchemi_core",
        "import alchemi_core; dir(alchemi_core); alchemi_core.__version__",
        "from alchemi_core import Registry; assert Registry.discover().names('model') == ('good',)",
        "from alchemi_core import Registry; Registry.discover().find('model', 'good')",
        "from alchemi_core import create_model, ModelOffer, hookimpl, BaseModelMixin, ModelConfig",
    ],
)
def test_nothing_heavy_is_imported(good: Site, code: str) -> None:
    (good.folder / "alchemi_good_model.py").write_text("import torch\n\n\nclass Good:\n    pass\n")
    found = good.run(f"{code}\nimport sys\nprint([name for name in {HEAVY!r} if name in sys.modules])")
    assert found.strip() == "[]"


def test_loading_the_target_is_what_imports_it(good: Site) -> None:
    (good.folder / "alchemi_good_model.py").write_text("class Good:\n    pass\n")
    code = """
        import sys
        from alchemi_core import Registry
        registry = Registry.discover()
        registry.load(registry.find("model", "good"))
        print("alchemi_good_model" in sys.modules)
    """
    assert good.run(code).strip() == "True"


def test_inspecting_a_pipeline_file_imports_nothing_heavy(good: Site) -> None:
    (good.folder / "alchemi_good_model.py").write_text("import torch\n\n\nclass Good:\n    pass\n")
    file = Path(__file__).parents[1] / "unit/serialization/formats/format-1.alchemi"
    code = f"""
        import sys
        from alchemi_core.cli.main import main
        assert main(["inspect", {str(file)!r}]) == 0
        print([name for name in {HEAVY!r} if name in sys.modules])
    """
    assert good.run(code).splitlines()[-1] == "[]"
