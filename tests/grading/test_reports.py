"""What is handed on: CSV that no spreadsheet computes, pages that hold no value and run no script."""

import csv
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest
from classroom import Engine, grade, hand_in

from rnncourse.grading import feedback, report_csv, reports, shelf
from rnncourse.grading.grade import Outcome
from rnncourse.grading.judge import Verdict
from rnncourse.grading.spec import Failure

POINTS = shelf.load("02").points
HOSTILE = "<script>alert(1)</script>"


def table(path, encoding="utf-8"):
    with open(path, newline="", encoding=encoding) as file:
        return list(csv.reader(file))


@pytest.fixture
def course(tmp_path):
    """A class with every outcome, graded; returns the folder of results."""
    root = tmp_path / "submissions"
    hand_in(root, "doejane_4217_90031_exercise.ipynb", "all")
    hand_in(root, "Jo Li_88123_assignsubmission_file_/x.ipynb")
    hand_in(root, "ada/x.ipynb")
    hand_in(root, "bob/x.ipynb", "fault")
    hand_in(root, "cleo/x.ipynb", "retry")
    hand_in(root, "dora/old.ipynb", b"{")
    grade(root, tmp_path / "results")
    return tmp_path / "results"


# CSV


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("Ada", "Ada"),
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "' =1"),
        ("\r=1", "' =1"),
        (" \n=1", "'  =1"),
        ("＝1", "'＝1"),
        ("Ada\nLove\u2028lace", "Ada Love lace"),
        ("Anne-Marie = X", "Anne-Marie = X"),
    ],
)
def test_no_cell_is_a_formula_or_two_lines(text, cell):
    assert report_csv.harmless(text) == cell


def test_hostile_names_reach_no_file_as_they_are(tmp_path):
    root = tmp_path / "submissions"
    for n, name in enumerate(["=HYPERLINK(1)", "a,b", 'a"b', "Points Possible"]):
        hand_in(root, f"{name}_{n}_assignsubmission_file_/x.ipynb")
    grade(root, tmp_path / "results")
    for path in (tmp_path / "results").glob("*.csv"):
        rows = table(path, "utf-8-sig")
        assert len({len(row) for row in rows}) == 1
        assert not [c for row in rows for c in row if re.match(r"\s*[=+@-]", c)]
    names = [row[0] for row in table(tmp_path / "results" / "canvas_02.csv")]
    assert names == ["Student", "    Points Possible", "'=HYPERLINK(1)", "Points-Possible", 'a"b', "a,b"]


def test_canvas_gets_its_columns_and_only_who_has_a_grade(course):
    header, possible, *students = table(course / "canvas_02.csv")
    assert header[:5] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
    assert header[5].startswith("Exercise 02: ") and len(header) == 6
    assert possible[0].strip() == "Points Possible" and possible[5] == str(POINTS)
    by_name = {row[0]: row[1:] for row in students}
    assert by_name["doejane"] == ["4217", "", "", "", str(POINTS)]
    assert by_name["ada"] == ["", "", "ada", "", "2"]
    assert by_name["bob"][4] == by_name["dora"][4] == "0"
    assert "cleo" not in by_name  # an empty cell would delete a grade that is there


def test_moodle_gets_its_columns(course):
    header, *students = table(course / "moodle_02.csv")
    assert {"Identifier", "Grade", "Last modified (grade)", "Feedback comments"} <= set(header)
    rows = {row[1]: dict(zip(header, row, strict=True)) for row in students}
    jo = rows["Jo Li"]
    assert jo["Identifier"] == "Participant 88123" and jo["Grade"] == "2"
    assert jo["Maximum grade"] == str(POINTS)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", jo["Last modified (grade)"])
    assert "02.1 One step forward: right, 2 of 2." in jo["Feedback comments"]
    assert "wrong, 0 of 3 (value of h)." in jo["Feedback comments"]
    assert rows["bob"]["Feedback comments"] == "too &lt;b&gt;wrong&lt;/b&gt;"  # Moodle shows it as HTML
    assert rows["ada"]["ID number"] == "ada" and "cleo" not in rows


def test_all_outcomes_are_in_one_file(course):
    header, *lines = table(course / "outcomes.csv", "utf-8-sig")
    rows = {line[0]: dict(zip(header, line, strict=True)) for line in lines}
    assert len(rows) == 6
    assert {name: row["status"] for name, row in rows.items() if row["status"] != "graded"} == {
        "bob": "fault", "cleo": "retry", "dora": "fault",
    }  # fmt: skip
    assert rows["cleo"]["points"] == "" and rows["bob"]["points"] == "0"
    for row in rows.values():
        assert (course / row["feedback"]).is_file()


# Pages


class Links(HTMLParser):
    """Every tag and attribute of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes


def pages(course):
    return [course / "class.html", *(course / "feedback").iterdir()]


def test_pages_run_nothing_and_load_nothing(course):
    for path in pages(course):
        text = path.read_text(encoding="utf-8")
        page = Links(text)
        assert not {"script", "iframe", "object", "link", "img"} & set(page.tags)
        assert not [name for name, _ in page.attributes if name.startswith("on")]
        assert "default-src 'none'" in text
        hrefs = [value for name, value in page.attributes if name == "href"]
        assert all(value.startswith(("feedback/", "#")) for value in hrefs)


def test_hostile_texts_are_only_texts(tmp_path):
    root = tmp_path / "submissions"
    hand_in(root, "eve/x.ipynb", "all")
    hand_in(root, f"{HOSTILE.replace('/', '')}.ipynb")

    class Evil(Engine):
        def outcome(self, job):
            failure = Failure(HOSTILE, HOSTILE, HOSTILE)
            if job.work.student == "eve":
                return Outcome("graded", "", (Verdict("02.1", 2, (failure,), (HOSTILE, "x")),), 0.1)
            return Outcome("fault", HOSTILE)

    grade(root, tmp_path / "results", Evil())
    for path in pages(tmp_path / "results"):
        text = path.read_text(encoding="utf-8")
        assert "<script" not in text
        if path.name != "class.html":
            assert "&lt;script&gt;" in text


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "..", "a/b\\c", "CON", "x" * 300, "\n", "", "Ä" * 99, "a\0b", "http://x", "-rf"],
)
def test_a_page_s_name_leads_nowhere(name):
    found = feedback.file_name(name)
    assert re.fullmatch(r"([a-z0-9-]+-)?[0-9a-f]{12}\.html", found) and len(found) < 80
    assert not found.startswith("-")


def test_no_two_students_share_a_page():
    names = ["ada", "Ada", "ada ", "a-da", "ädä", "ada\n"]
    assert len({feedback.file_name(n).lower() for n in names}) == len(names)


def test_feedback_names_properties_and_no_values(tmp_path):
    root = tmp_path / "submissions"
    hand_in(root, "ada/x.ipynb")
    hand_in(root, "bob/x.ipynb")
    hidden = 123456.789

    class Leaky(Engine):
        def outcome(self, job):
            values = {
                "expected": np.full(3, hidden),
                "got": np.full(3, hidden),
                "inputs": {"x": np.full(3, hidden)},
            }
            cases = ("at T = 1", "at T > 1")
            failures = (
                Failure("value of h", "it differs", "at T > 1", **values),
                *(Failure("shape of c", "expected (2, 3); got (3, 2)", kind, **values) for kind in cases),
            )
            missing = Failure("defined", "rnn_forward is not defined")
            verdicts = (
                Verdict("02.1", 2),
                Verdict("02.2", 3, failures, cases),
                Verdict("02.3", 2, (missing,), written=False),
            )
            return Outcome("graded", "", verdicts, 0.1)

    grade(root, tmp_path / "results", Leaky())
    text = (tmp_path / "results" / "feedback" / feedback.file_name("ada")).read_text(encoding="utf-8")
    said = " ".join(re.sub("<[^>]*>", "", text).split())
    assert f"2 of {POINTS} points" in said
    assert "value of h: it differs (at T &gt; 1)" in said
    assert "shape of c: expected (2, 3); got (3, 2) (in every case)" in said
    assert "02.3 Forward over time … not written, 0 of 2" in said
    assert "bob" not in text
    for path in (tmp_path / "results").rglob("*"):
        assert path.suffix in (".lock", "") or b"123456" not in path.read_bytes()


def test_a_page_says_what_was_not_graded_and_what_counts(course, tmp_path):
    def page(student):
        text = (course / "feedback" / feedback.file_name(student)).read_text(encoding="utf-8")
        return " ".join(re.sub("<[^>]*>", "", text).split())

    assert "Not graded yet. This costs no points." in page("cleo")
    assert "the machine is ill" not in page("cleo")
    assert f"0 of {POINTS} points. The file could not be graded: too" in page("bob")
    assert "counts" in page("ada")


def test_the_class_page_counts_and_describes_its_plots(course):
    text = (course / "class.html").read_text(encoding="utf-8")
    said = " ".join(re.sub("<[^>]*>", "", text).split())
    assert "3 graded, 2 that could not be graded (0 points), 1 not graded yet" in said
    svgs = re.findall(r"<svg .*?</svg>", text, re.DOTALL)
    assert len(svgs) == 3
    labels = [ElementTree.fromstring(svg).get("aria-label") for svg in svgs]  # well-formed XML
    assert (
        labels[0]
        == f"Bar chart of points of {POINTS}: 3 submissions, median 2, 1 with all points, 0 with none."
    )
    assert "02.1 100 %, 02.2 33 %" in labels[1]
    assert "median 0.25" in labels[2]
    for svg in svgs:
        assert 'role="img"' in svg and "currentColor" in svg and "var(--mark)" in svg
        assert "#000000" not in svg and "#0072b2" not in svg.lower()  # colours are the page's
    identifiers = re.findall(r' id="([^"]*)"', text)
    assert len(identifiers) == len(set(identifiers))
    assert "value of h (2)" in said
    assert f'href="feedback/{feedback.file_name("bob")}"' in text


def test_reports_are_the_same_bytes_when_nothing_changed(course, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in pages(course)}
    grade(tmp_path / "submissions", course, Engine())
    after = {path: path.stat().st_mtime_ns for path in pages(course)}
    same = [path for path in before if before[path] == after[path]]
    assert len(same) == len(before)


def test_results_that_cannot_be_written_say_so(course, monkeypatch):
    def full(path, data):
        raise OSError(28, "could not save", str(path))

    monkeypatch.setattr(reports, "write_atomically", full)
    with pytest.raises(OSError, match="could not save"):
        reports._put(course / "class.html", b"new")
