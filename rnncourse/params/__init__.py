"""The parameters of a recurrent layer: `Params`, how they start, and other people's layouts."""

from rnncourse.params.initialise import (
    SCHEMES,
    AnyParams,
    Params,
    PeepholeParams,
    init_params,
    spectral_radius,
)
from rnncourse.params.layouts import (
    from_cs231n,
    from_keras,
    from_onnx,
    from_separate,
    from_torch,
    to_cs231n,
    to_keras,
    to_onnx,
    to_separate,
    to_torch,
)

__all__ = [
    "SCHEMES",
    "AnyParams",
    "Params",
    "PeepholeParams",
    "from_cs231n",
    "from_keras",
    "from_onnx",
    "from_separate",
    "from_torch",
    "init_params",
    "spectral_radius",
    "to_cs231n",
    "to_keras",
    "to_onnx",
    "to_separate",
    "to_torch",
]
