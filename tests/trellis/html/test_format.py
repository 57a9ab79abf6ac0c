import pytest

from trellis.html.format import (
    as_fast,
    digits,
    fit,
    mebibytes,
    milliseconds,
    short_names,
    times,
    without_common_end,
)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0"),
        (1, "1"),
        (0.35274, "0.353"),
        (1234.5, "1234"),
        (99.95, "100"),
        (0.00001234, "0.000012"),
        (-2.5, "-2.5"),
    ],
)
def test_three_digits_and_no_exponent(value: float, written: str) -> None:
    assert digits(value) == written


def test_units() -> None:
    assert mebibytes(3 * 2**20) == "3"
    assert mebibytes(None) == milliseconds(None) == ""
    assert milliseconds(0.0025) == "2.5"


def test_what_does_not_fit_loses_its_middle() -> None:
    assert fit("abcdefghij", 10) == "abcdefghij"
    assert fit("abcdefghijk", 10) == "abcd…ghijk"
    assert len(fit("x" * 500, 61)) == 61


def test_names_are_cut_to_what_tells_them_apart() -> None:
    names = [
        "/work/a/model.onnx",
        "/work/b/model.onnx",
        "unpruned twin of /work/a/model.onnx in fp32",
        "bert",
    ]
    assert short_names(names) == {
        "/work/a/model.onnx": "a/model.onnx",
        "/work/b/model.onnx": "b/model.onnx",
        "unpruned twin of /work/a/model.onnx in fp32": "unpruned twin of a/model.onnx in fp32",
        "bert": "bert",
    }
    assert short_names(["out/model.onnx", "out/model.onnx"]) == {"out/model.onnx": "model.onnx"}
    assert short_names(["model.onnx", "/x/model.onnx"]) == {
        "model.onnx": "model.onnx",
        "/x/model.onnx": "x/model.onnx",
    }
    assert short_names(["models/", "/"]) == {"models/": "models", "/": "/"}
    assert short_names(["unpruned twin of out/a.onnx"]) == {
        "unpruned twin of out/a.onnx": "unpruned twin of out/a.onnx"
    }
    assert short_names(["BERT-base, unpruned", "BERT-base, paper's shape"]) == {
        "BERT-base, unpruned": "BERT-base, unpruned",
        "BERT-base, paper's shape": "BERT-base, paper's shape",
    }


@pytest.mark.parametrize(
    ("estimate", "low", "high", "said"),
    [
        (1.62, 1.58, 1.66, "1.62× as fast (95 % interval 1.58 to 1.66)"),
        (1 / 1.12, 0.84, 0.94, "0.89× as fast (95 % interval 0.84 to 0.94)"),
        (0.985, 0.9712, 1.004, "0.985× as fast (95 % interval 0.971 to 1.004)"),
        (1.0, 1.0, 1.0, "1.000× as fast (95 % interval 1.000 to 1.000)"),
        (0.0123, 0.0112, 0.0134, "0.012× as fast (95 % interval 0.011 to 0.013)"),
        (412.0, 3.0, 5000.0, "412.00× as fast (95 % interval 3.00 to 5000.00)"),
    ],
)
def test_a_ratio_of_speeds_has_one_unit_and_its_interval_lies_around_it(
    estimate: float, low: float, high: float, said: str
) -> None:
    assert as_fast(estimate, low, high) == said
    assert times(estimate) == said.split(" ")[0]


def test_what_all_names_end_with_tells_none_from_another() -> None:
    names = ["minilm", "light/m.onnx", "half/m.onnx (int8)"]
    assert without_common_end(names) == ["minilm", "light", "half (int8)"]
    assert without_common_end(["a/m.onnx", "b/n.onnx"]) == ["a/m.onnx", "b/n.onnx"]
    assert without_common_end(["minilm", "light/m.onnx"]) == ["minilm", "light/m.onnx"]
