"""The page as a whole: what is in it, where it is written, and the command line."""

import html
import json
import shutil

import pytest

from learning_to_draw.analysis.report.options import add_report_options
from learning_to_draw.analysis.report.report import report
from learning_to_draw.errors import UsageError
from learning_to_draw.trials.tool import Tool


def test_text_of_users_cannot_end_the_content(training, small_log, make_report, nasty):
    content = make_report(training, logs=[small_log])
    assert content["logs"][0]["classes"]["lexicon"][1]["name"] == nasty
    config = json.loads((training / "config.json").read_text())
    config["options"]["dataset"] = nasty
    (training / "config.json").write_text(json.dumps(config))
    assert make_report(training)["title"] == f"{nasty}, original game"
    page = (training / "report.html").read_text()
    assert nasty not in page
    assert f"<title>{html.escape(nasty)}, original game</title>" in page
    assert page.count("</script>") == 2


def test_only_reports_are_replaced(training, tmp_path, make_report):
    make_report(training)
    (training / "result.json").unlink()
    assert make_report(training)["status"].startswith("3 of 3")
    mine = tmp_path / "mine.html"
    mine.write_text("mine")
    (tmp_path / "link.html").symlink_to(training / "report.html")
    for output in (mine, tmp_path / "link.html", tmp_path):
        with pytest.raises(UsageError, match="not replaced"):
            report(training, (), output, 200, 1)
    assert mine.read_text() == "mine"
    report(training, (), tmp_path / "missing" / "folders" / "page.html", 200, 1)
    assert (tmp_path / "missing" / "folders" / "page.html").is_file()


def test_a_report_that_was_annotated_or_is_on_another_run_is_kept(training, tmp_path, make_report):
    page = tmp_path / "page.html"
    other = shutil.copytree(training, tmp_path / "other")
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | {"started": "2031-05-06T07:08:09+0000"}))
    make_report(training, page)
    make_report(training, page)
    with pytest.raises(UsageError, match="it is not a report on this run, or was changed after it was written"):
        report(other, (), page, 200, 1)
    text = page.read_text().replace("<body", "<!-- a note of mine --><body", 1)
    for changed in (text, page.read_text() + "a note at the end"):
        page.write_text(changed)
        for run in (training, other):
            with pytest.raises(UsageError, match="was changed after it was written"):
                report(run, (), page, 200, 1)
        assert page.read_text() == changed


def test_the_command_line(training, small_log, tmp_path, read_report):
    tool = Tool("analysis.report.report:report", "", "", add_report_options)
    output = tmp_path / "page.html"
    arguments = [str(training), "--logs", str(small_log), "--output", str(output), "--max-games", "2", "--seed", "3"]
    assert "MB, written to" in tool.run("report", arguments)
    assert len(read_report(output)["logs"][0]["games"]) == 2
    with pytest.raises(UsageError, match="whole number from 1 to"):
        tool.run("report", [str(training), "--max-games", "0"])
