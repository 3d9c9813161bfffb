import math

from util.evaluation.calibration import calibrate
from util.plots.wording import between, percent, protocol, remarks, sentences


def test_shares_and_intervals():
    assert [percent(share) for share in (None, math.nan, 0.0, 1.0, 0.123, 0.9999)] == [
        "–",
        "–",
        "0 %",
        "100 %",
        "12.3 %",
        "100.0 %",
    ]
    assert between((math.nan, math.nan)) == "–"


def test_sentences_say_the_numbers(evaluation):
    """Four items, three queries each; two photos of each of the last two items are mixed up, so 8 of 12 are right."""
    spoken = " ".join(sentences(evaluation))
    assert evaluation.retrieval.top1 == 8 / 12
    assert "for 8 of 12 photos, 66.7 %" in spoken and "among the first ten for 100 %" in spoken
    assert "12 photos of known items: 8 named rightly, 4 wrongly, 0 called new, 0 left open" in spoken
    assert "3 photos of unknown items: 3 recognised as new" in spoken
    assert protocol(evaluation.open_set) == "3 photos of items that the gallery does not show"


def test_remarks_say_what_did_not_count(evaluation, without):
    assert remarks(evaluation)[0].startswith("Queries of items that the gallery does not show")
    few = calibrate([0.9], [0.1] * 30, far=0.01)
    assert any(
        "calibrated on 30 scores" in remark and "up to 11.6 %" in remark for remark in remarks(without(calibration=few))
    )


def test_cut_rankings_and_other_protocol(tmp_path, build_evaluation):
    evaluation = build_evaluation(tmp_path, ["a", "b"])
    assert "own item left out" in protocol(evaluation.open_set)
    assert remarks(evaluation) == []
    assert len(sentences(evaluation)) == 3


def test_nothing_to_be_found(tmp_path, build_evaluation):
    evaluation = build_evaluation(tmp_path, ["a", "b"], unknown=["c"])
    unknown_only = evaluation.retrieval.__class__(
        **{name: getattr(evaluation.retrieval, name) for name in evaluation.retrieval.__slots__} | {"n": 0}
    )
    replaced = evaluation.__class__(
        **{name: getattr(evaluation, name) for name in evaluation.__slots__}
        | {"retrieval": unknown_only, "open_set": None}
    )
    assert sentences(replaced) == ["No query shows an item of the gallery, so there was nothing to be found."]
