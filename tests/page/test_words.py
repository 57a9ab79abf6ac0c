import pytest

from page.words import digits, fit, mebibytes, milliseconds, short_names


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
