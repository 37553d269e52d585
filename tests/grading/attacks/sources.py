"""The text of the cell itself is the attack: on the parser, on the filter of imports, on the clean-up."""

from attacks import WRONG

VALUE = "value of h_new"

ATTACKS = {
    "no Python": ("runs", "def rnn_step(:\n"),
    "nothing": ("defined", ""),
    "a null byte": ("runs", WRONG + "\0"),
    "half a surrogate pair": ("runs", "\ud800 = 1\n" + WRONG),
    "half a surrogate pair in a text": (VALUE, "_ = '\ud800'\n" + WRONG),
    "45 000 parentheses": ("runs|ended", "(" * 45_000 + ")" * 45_000),
    "90 000 signs": ("runs|ended", "_ = " + "-" * 90_000 + "1\n" + WRONG),
    "a hundred levels of blocks": (
        "runs",
        "".join(" " * i + "if 1:\n" for i in range(400)) + " " * 400 + "pass\n" + WRONG,
    ),
    "90 000 empty lines and a slip": ("time|runs", "\n" * 90_000 + "(\n"),
    "a large constant": ("time|runs|ended|memory", "_ = (1 << 10**9) ** 99\n" + WRONG),
    "an import that is not allowed": ("imports", "import os\n" + WRONG),
    "an import from beside": ("imports", "from . import worker\n" + WRONG),
    "an import of the package": ("imports", "from rnncourse.cells import vanilla\n" + WRONG),
    "an import whose name is hostile": ("imports", "import LEAK\u0430\u0455\n" + WRONG),
    "numpy's compiler": (
        "runs|imports|ended",
        "from numpy.f2py import compile\n_ = compile('', 'a')\n" + WRONG,
    ),
    "magics": (
        VALUE,
        "%run /etc/passwd\n!rm -rf /\n%system ls\n" + WRONG + "%bash\n!curl example.org\n",
    ),
    "a shell through IPython": ("runs", "_ = get_ipython().system('sleep 600 &')\n" + WRONG),
    "an unknown encoding": (VALUE + "|runs", "# -*- coding: rot13 -*-\n" + WRONG),
    "code in a decorator": ("ended", "@lambda f: os._exit(0)\n" + WRONG),
    "code in a default": ("ended", "def _other(a=os._exit(0)): pass\n" + WRONG),
    "code in a class": ("ended", "class A:\n    os._exit(0)\n" + WRONG),
    "the grader's own words": (
        VALUE,
        "check = lambda *a: True\nEXERCISE = None\nearned = points = 2\n__name__ = '__main__'\n" + WRONG,
    ),
    "deletes its own name": ("defined|runs", WRONG + "globals_ = globals()\n_ = globals_.pop('rnn_step')\n"),
}
