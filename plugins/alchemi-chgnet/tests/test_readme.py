"""The example of the README runs and gives what it says."""

import re
from pathlib import Path

import torch

README = Path(__file__).parent.parent / "README.md"


def test_example():
    example = re.search(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    namespace: dict[str, object] = {}
    exec(example[1], namespace)  # noqa: S102 - our own file
    out = namespace["out"]
    assert out["energy"].shape == (1, 1)
    assert out["stress"].shape == (1, 3, 3)
    assert torch.isfinite(out["forces"]).all()
    assert out["magmoms"][0] > 4.0
