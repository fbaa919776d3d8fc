"""What the tests of pipeline files share."""

import pytest
from support.structures import batch_of, salt


@pytest.fixture
def crystal():
    return batch_of(salt(seed=3))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "p.alchemi"
