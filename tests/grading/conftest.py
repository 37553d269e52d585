"""A sandbox for the tests; where there must be one (CI) and there is none, they fail instead of skipping."""

import os

import pytest

from rnncourse.grading import boxes


@pytest.fixture(scope="session")
def sandbox_works():
    """Skips where this machine has no bubblewrap, with the reason."""
    try:
        boxes.open_box("bubblewrap").close()
    except boxes.NoSandbox as error:
        if os.environ.get("RNNCOURSE_REQUIRE_SANDBOX"):
            pytest.fail(f"RNNCOURSE_REQUIRE_SANDBOX is set, and {error}")
        if "does not hold" in str(error):  # it is there, and broken
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture
def box(sandbox_works):
    with boxes.open_box("bubblewrap") as found:
        yield found
