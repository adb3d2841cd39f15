"""The curves of a training, as its log.csv has them."""


def test_curves_are_the_columns_of_the_log(training, make_report):
    curves = make_report(training)["curves"]
    charts = {chart["title"]: chart for chart in curves["charts"]}
    assert list(charts) == ["Communication rate", "Loss", "game loss", "perceptual loss", "games per second"]
    rate, loss = charts["Communication rate"], charts["Loss"]
    assert [one["values"] for one in rate["series"]] == [[0.25, 0.5, 0.75], [0.5, 0.25, 0.75]]
    assert (rate["percent"], rate["chance"], rate["log"]) == (True, 0.25, False)
    assert [one["values"] for one in loss["series"]] == [[40, 4, 2], [50, 5, None]]  # NaN is a gap
    assert (loss["log"], loss["chance"]) == (True, None)  # 50 / 2 is more than 20
    assert [one["values"] for one in charts["game loss"]["series"]] == [[1, 1, 1], [2, 2, 2]]
    assert [one["name"] for one in charts["perceptual loss"]["series"]] == ["training"]
    assert [one["values"] for one in charts["games per second"]["series"]] == [[100, 110, 120]]  # of metrics.jsonl
    assert curves["constants"] == [
        {"name": "learning rate", "value": 0.1},
        {"name": "sigma2 (squared stroke width)", "value": 0.01},
    ]
    assert curves["epochs"] == [1, 2, 3]
    assert curves["rows"][1] == [1, 0.1, 4, 0.5, 5, 0.25, 1, 3, 2, 0.01, 110, 90]
    (training / "metrics.jsonl").write_text('{"epoch": 1, "games_per_second": 7, "seconds": 1}\n["cut", \n{"epoch"')
    assert make_report(training)["curves"]["charts"][-1]["series"][0]["values"] == [None, 7, None]
