"""Recurrent neural networks from scratch, in NumPy and in PyTorch.

Import the submodules by name (``from rnncourse.cells import lstm``): the package itself imports
nothing, so that ``import rnncourse`` costs next to nothing and never needs PyTorch.
"""

__version__ = "0.1.0"
