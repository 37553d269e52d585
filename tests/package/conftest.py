"""Shapes in signatures are checked in every test, save those that test our own error messages."""

import jaxtyping
import pytest


@pytest.fixture
def own_errors():
    """Switch the shape checker off: what a reader without it sees are our own errors."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture
def ax():
    """Empty axes in the book's look."""
    plt = pytest.importorskip("matplotlib.pyplot")
    from rnncourse.figures import style

    fig, ax = style.subplots()
    yield ax
    plt.close(fig)
