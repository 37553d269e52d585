"""Interactive views of the cells: computed here over a grid of knobs, drawn in the browser.

    from rnncourse.widgets import gradient_explorer, highway_explorer

A cell of your own: ``gradient_explorer({"mine": Spec(cell, make_params)})``. The widget libraries are
imported when a name is first asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnncourse.widgets.gradients import GradientExplorer, Spec, gradient_explorer
    from rnncourse.widgets.highway import HighwayExplorer, highway_explorer
    from rnncourse.widgets.shapes import ProblemShapes, problem_shapes
    from rnncourse.widgets.temperature import TemperatureExplorer, temperature_explorer
    from rnncourse.widgets.truncation import BpttWindow, bptt_window

__all__ = [
    "BpttWindow",
    "GradientExplorer",
    "HighwayExplorer",
    "ProblemShapes",
    "Spec",
    "TemperatureExplorer",
    "bptt_window",
    "gradient_explorer",
    "highway_explorer",
    "problem_shapes",
    "temperature_explorer",
]

_HOMES = {
    "gradient_explorer": "gradients",
    "GradientExplorer": "gradients",
    "Spec": "gradients",
    "highway_explorer": "highway",
    "HighwayExplorer": "highway",
    "problem_shapes": "shapes",
    "ProblemShapes": "shapes",
    "bptt_window": "truncation",
    "BpttWindow": "truncation",
    "temperature_explorer": "temperature",
    "TemperatureExplorer": "temperature",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    try:
        return getattr(import_module(f"rnncourse.widgets.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name not in ("anywidget", "traitlets"):
            raise
        raise ModuleNotFoundError(
            f"rnncourse.widgets needs {error.name}: pip install 'rnncourse[widgets]'", name=error.name
        ) from error


def __dir__() -> list[str]:
    return __all__
