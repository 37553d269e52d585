"""What the learning curves show is what the records say."""

import json

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="the figures' library is not installed here")

from matplotlib.colors import to_hex

from rnncourse.figures import style, training
from rnncourse.training.records import Records, read

RECORDS = [
    {"step": k, "bits": 6.0 / k} | ({"valid_bits": 7.0 / k} if k % 2 == 0 else {}) for k in range(1, 6)
]


def lines(ax):
    return {line.get_label(): line for line in ax.lines}


def test_the_curve_shows_the_records(ax):
    assert training.learning_curve(RECORDS, baselines={"trigram": 2.5}, ax=ax) is ax
    found = lines(ax)
    assert np.allclose(found["training"].get_xydata(), [(k, 6 / k) for k in range(1, 6)])
    assert np.allclose(found["validation"].get_xydata(), [(2, 3.5), (4, 1.75)])
    (level,) = [line for line in ax.lines if line.get_linestyle() == ":"]
    assert set(level.get_ydata()) == {2.5}
    (text,) = ax.texts
    assert text.get_text() == "trigram" and text.xy == (1, 2.5)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step", "bits per character")


def test_it_reads_what_a_training_wrote(ax, tmp_path):
    file = Records(tmp_path / "records.jsonl")
    for record in RECORDS:
        file.append(**record)
    training.learning_curve(read(tmp_path / "records.jsonl"), ax=ax)
    assert np.allclose(
        lines(ax)["training"].get_ydata(), [json.loads(json.dumps(r))["bits"] for r in RECORDS]
    )


def test_without_validation_and_baselines_there_is_one_line(ax):
    training.learning_curve([{"step": 1, "bits": 2.0, "valid_bits": None}], ax=ax)
    assert [line.get_label() for line in ax.lines] == ["training"] and not ax.texts


def test_training_and_validation_differ_in_colour_and_in_dashes(ax):
    training.learning_curve(RECORDS, ax=ax)
    first, second = lines(ax)["training"], lines(ax)["validation"]
    assert to_hex(first.get_color()) != to_hex(second.get_color())
    assert first.get_linestyle() != second.get_linestyle()
    assert to_hex(first.get_color()) == style.COLOURS[0].lower()


@pytest.mark.parametrize("width", [1, 2, 3, 7, 100])
def test_the_moving_mean_is_the_mean_of_the_last(width):
    values = np.random.default_rng(width).uniform(1, 7, 20)
    expected = [values[max(0, k + 1 - width) : k + 1].mean() for k in range(20)]
    assert np.allclose(training.moving_mean(values, width), expected, rtol=1e-13)


def test_smoothing_reaches_the_picture(ax):
    training.learning_curve(RECORDS, smooth=2, ax=ax)
    assert lines(ax)["training"].get_ydata()[1] == pytest.approx((6 + 3) / 2)


@pytest.mark.parametrize("records", [[], [{"step": 1}], [{"bits": 2.0}]])
def test_records_without_bits_are_refused(own_errors, ax, records):
    with pytest.raises(
        ValueError, match="learning_curve: records must be at least one, each with a step and"
    ):
        training.learning_curve(records, ax=ax)
