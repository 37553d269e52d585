"""The page for instructors: its commands are understood, its private spec works."""

import argparse
import re
from pathlib import Path

import numpy as np
import sheet

from rnncourse import cli_grade
from rnncourse.grading import shelf
from rnncourse.grading.judge import examine
from rnncourse.grading.local import LocalPlayer

PAGE = (Path(__file__).resolve().parents[2] / "book" / "for_instructors.md").read_text(encoding="utf-8")


def test_every_command_on_the_page_is_understood():
    parser = argparse.ArgumentParser()
    cli_grade.add_arguments(parser)
    lines = re.sub(r"\\\n\s*", "", PAGE).splitlines()
    commands = [line.split()[2:] for line in lines if line.startswith("rnncourse grade ")]
    assert len(commands) >= 4
    for words in commands:
        parser.parse_args(words)


def test_every_option_on_the_page_exists():
    parser = argparse.ArgumentParser()
    cli_grade.add_arguments(parser)
    prose = re.sub(r"^```.*?^```", "", PAGE, flags=re.MULTILINE | re.DOTALL)
    named = set(re.findall(r"`(--[a-z-]+)", prose))
    assert len(named) >= 5
    assert named <= set(parser._option_string_actions)


def test_the_private_spec_on_the_page_goes_before_the_public_one(tmp_path):
    (source,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "06_lstm.py").write_text(source, encoding="utf-8")
    exercise = shelf.load("06", tmp_path)
    part = exercise.by_id["06.1"]
    player = LocalPlayer(sheet.namespace("06", part, sheet.code_cells("06")))
    verdict = examine(part, player, np.random.default_rng(0))
    assert verdict.right
    assert "for a batch of seven" in verdict.kinds
    assert exercise.points == shelf.load("06").points
