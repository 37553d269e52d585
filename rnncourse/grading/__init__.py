"""Graded exercises: specs, the student's check, the sandbox, the worker, a class of submissions.

The student's side (`Checker`) needs NumPy alone; the grader needs the extra `grade`.
"""

from rnncourse.grading.checker import Checker

__all__ = ["Checker"]
