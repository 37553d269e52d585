"""The contract bites: each deliberate error in a backward pass makes it fail."""

import importlib.util
import sys

import pytest
from contract import Case, check_finite_differences, check_leaves_arguments_alone

from rnncourse.cells import coupled, gru, lstm, mgu, peephole, vanilla

# (module, code as it stands, code with an error in it)
MUTANTS = [
    (vanilla, "1 - h * h", "1 - h"),
    (vanilla, "dh_prev = da @ cache.params.weight_hh", "dh_prev = da @ cache.params.weight_hh.T"),
    (vanilla, "da.T @ cache.h_prev", "da.T @ cache.h"),
    (vanilla, "db.copy())", "0 * db)"),
    (vanilla, "db.copy())", "np.nan * db)"),  # what is not a number is not right either
    (lstm, "* (1 - tanh_c * tanh_c)", ""),
    (lstm, "dc = dstate.c + dstate.h", "dc = dstate.h"),
    (lstm, "dc * c_prev, dc * g, dc * i", "dc * c_prev, dc * i, dc * g"),
    (lstm, "dc * f)", "dc)"),
    (lstm, "do * o * (1 - o)], axis", "do * (1 - o)], axis"),
    (lstm, "[di * i * (1 - i), df * f * (1 - f),", "[df * f * (1 - f), di * i * (1 - i),"),
    (gru, "dh * (h_prev - n)", "dh * (n - h_prev)"),
    (gru, "dh_prev = dh * z + dh_n", "dh_prev = dh_n"),
    (gru, "da_n * product, da_n * r", "da_n * product, da_n"),
    (gru, "np.concatenate([da_rz.sum(axis=0), dbias_n])", "da_ih.sum(axis=0)"),
    (peephole, "(1 - tanh_c * tanh_c) + da_o * p_o", "(1 - tanh_c * tanh_c)"),
    (peephole, "+ da_i * p_i + da_f * p_f", "+ da_i * p_i"),
    (peephole, "(da_o * c).sum(axis=0)", "(da_o * c_prev).sum(axis=0)"),
    (peephole, "(da_i * c_prev).sum(axis=0), (da_f", "(dc * g * c_prev).sum(axis=0), (da_f"),
    (coupled, "dc * (c_prev - g)", "dc * c_prev"),
    (coupled, "dc * (1 - f)\n", "dc * f\n"),
    (coupled, "dc * f)", "dc)"),
    (mgu, "dh * (n - h_prev) + dkept * h_prev", "dh * (n - h_prev)"),
    (mgu, "dh * (1 - f) + dkept * f", "dh * (1 - f) + dkept"),
    (mgu, "da_n.T @ (f * h_prev)", "da_n.T @ h_prev"),
]


def mutant(module, old, new):
    """The module again, under another name, with one piece of its source exchanged."""
    with open(module.__file__, encoding="utf-8") as file:
        code = file.read()
    assert code.count(old) == 1, f"{old!r} must stand once in {module.__name__}"
    spec = importlib.util.spec_from_loader("mutant", loader=None)
    made = importlib.util.module_from_spec(spec)
    made.__file__ = module.__file__
    sys.modules["mutant"] = made  # jaxtyping looks a function's module up by name
    exec(compile(code.replace(old, new), module.__file__, "exec"), made.__dict__)
    return made


@pytest.mark.parametrize(("module", "old", "new"), MUTANTS, ids=[f"{m.__name__}: {o}" for m, o, _ in MUTANTS])
def test_a_wrong_gradient_fails(module, old, new):
    check_finite_differences(mutant(module, old, old), Case())  # the unchanged copy passes
    with pytest.raises(AssertionError):
        check_finite_differences(mutant(module, old, new), Case())


def test_writing_into_an_argument_fails():
    broken = mutant(
        vanilla, "da = dstate.h * slope(cache.h, cache.activation)",
        "da = dstate.h\n    da *= slope(cache.h, cache.activation)",
    )  # fmt: skip
    with pytest.raises(ValueError, match="read-only"):
        check_leaves_arguments_alone(broken, Case())
