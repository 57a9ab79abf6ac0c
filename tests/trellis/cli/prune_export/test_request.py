"""What prune-export refuses before it reads anything: each refusal is one sentence that names the flags."""

from pathlib import Path

import pytest
from support.commands import invoke
from support.requests import request

from prune.train.settings import TrainingSettings
from trellis.cli.prune_export.command import COMMAND
from trellis.errors import InputError

L0 = ("--method", "l0", "--train", "t.json")
RETRAIN = ("--train", "t.json", "--retrain", "1")
DISTILL = ("--train", "t.json", "--distill", "1")

REFUSALS: dict[str, tuple[tuple[str, ...], str]] = {
    # how much
    "fraction of 1": (
        ("--prune-heads", "1"),
        "--prune-heads is 1; expected a fraction of at least 0 and below 1, such as 50% or 0.5.",
    ),
    "fraction below 0": (("--prune-ffn", "-0.5"), "--prune-ffn is -0.5; expected a fraction"),
    "negative λ": ((*L0, "--lambda-heads", "-1"), "--lambda-heads is -1.0; expected a number of at least 0."),
    "infinite λ": ((*L0, "--lambda-ffn", "inf"), "--lambda-ffn is inf; expected a number"),
    "λ of gain": (
        ("--lambda-heads", "1"),
        "--lambda-heads is about gates, which gain has none of; add --method l0.",
    ),
    "λ of random": (
        ("--method", "random", "--lambda-ffn", "1"),
        "--lambda-ffn is about gates, which random has none",
    ),
    "two amounts of heads": (
        (*L0, "--prune-heads", "0.5", "--lambda-heads", "1"),
        "--prune-heads and --lambda-heads both say how much to remove; give one of them.",
    ),
    "two amounts of activations": (
        (*L0, "--prune-ffn", "0.5", "--lambda-ffn", "1"),
        "--prune-ffn and --lambda-ffn both say",
    ),
    "absolute nothing": (
        (*L0, "--prune-heads", "0.5", "--lambda-absolute"),
        "--lambda-absolute says how to read --lambda-heads and --lambda-ffn; give one of them.",
    ),
    "plan and shape": (("--plan", "p.json", "--shape", "s.json"), "--shape and --plan both say how much"),
    "plan and fraction": (("--plan", "p.json", "--prune-ffn", "0.1"), "--plan and --prune-ffn both say"),
    "shape and λ": ((*L0, "--shape", "s.json", "--lambda-ffn", "1"), "--shape and --lambda-ffn both say"),
    "a plan and nothing": (("--no-prune", "--plan", "p.json"), "--no-prune and --plan contradict each other"),
    "λ and nothing": ((*L0, "--no-prune", "--lambda-ffn", "1"), "--no-prune and --lambda-ffn contradict"),
    "agreement": (("--min-agreement", "101"), "--min-agreement is 101; expected a percentage from 0 to 100."),
    "agreement as a share": (
        ("--min-agreement", "0.9"),
        "--min-agreement is 0.9, less than any cut comes to; it is in percent: give 90.",
    ),
    "no agreement": (("--min-agreement", "nan"), "--min-agreement is nan; expected a percentage"),
    "multiple of 0": (("--multiple-of", "0"), "--multiple-of is 0; expected a whole number of at least 1."),
    # gates
    "l0 on nothing": (
        ("--method", "l0", "--prune-heads", "0.5"),
        "--method l0 trains gates on annotated questions; name them with --train.",
    ),
    "no share": ((*L0, "--gate-share", "0"), "--gate-share is 0; expected a fraction above 0, at most 1."),
    "too much of a share": ((*L0, "--gate-share", "1.5"), "--gate-share is 1.5; expected a fraction above 0"),
    "a share that is no number": ((*L0, "--gate-share", "nan"), "--gate-share is nan"),
    "a share for gain": (
        ("--gate-share", "0.5"),
        "--gate-share is about gates, which gain has none of; add --method l0.",
    ),
    "joint gain": (("--joint",), "--joint is about gates, which gain has none of"),
    "no gate epochs": ((*L0, "--gate-epochs", "0"), "--gate-epochs is 0.0; expected a number above 0."),
    "gate rate": ((*L0, "--gate-learning-rate", "-1"), "--gate-learning-rate is -1.0; expected a number"),
    # data
    "calibration of nothing": (
        ("--no-prune", "--calibration", "c.json"),
        "--no-prune and --calibration contradict each other",
    ),
    "calibration of an amount": (
        ("--prune-ffn", "0.1", "--calibration", "c.json"),
        "--calibration guides the search for how much to remove, and you said how much",
    ),
    **{
        f"too much of {flag}": ((*more, flag, value), f"{flag} is {shown}; expected at most {most}")
        for flag, value, shown, most, more in (
            ("--retrain", "1e300", r"1e+300", "10000", ("--train", "t.json")),
            ("--distill", "1e5", "100000.0", "10000", ("--train", "t.json")),
            ("--seed", str(2**32), str(2**32), str(2**32 - 1), ()),
            ("--train-questions", str(2**63), str(2**63), str(2**31 - 1), ()),
            ("--train-length", "9" * 30, "9" * 30, str(2**31 - 1), ()),
            ("--int8-windows", str(2**31), str(2**31), str(2**31 - 1), ()),
            ("--multiple-of", str(10**20), str(10**20), str(2**31 - 1), ()),
            ("--temperature", "1e300", r"1e+300", "1000", DISTILL),
            ("--learning-rate", "1e300", r"1e+300", "1000", RETRAIN),
            ("--hidden-weight", "1e300", r"1e+300", "1e+09", DISTILL),
            ("--evaluate-every", "1e300", r"1e+300", "10000", RETRAIN),
            ("--batch-size", "65537", "65537", "65536", RETRAIN),
            ("--patience", str(2**40), str(2**40), str(2**31 - 1), RETRAIN),
            ("--gate-epochs", "1e300", r"1e+300", "10000", L0),
            ("--gate-learning-rate", "1e300", r"1e+300", "1000", L0),
            ("--lambda-heads", "1e300", r"1e+300", "1e+09", L0),
            ("--lambda-ffn", "1e10", "10000000000.0", "1e+09", L0),
        )
    },
    "negative questions": (
        ("--train-questions", "-1"),
        "--train-questions is -1; expected a whole number",
    ),
    "no length": (
        (*RETRAIN, "--train-length", "0"),
        "--train-length is 0; expected a whole number of at least 16.",
    ),
    "a negative length": (
        (*RETRAIN, "--train-length", "-3"),
        "--train-length is -3; expected a whole number of",
    ),
    "nulls below 0": (("--null-share", "-0.1"), "--null-share is -0.1; expected a fraction from 0 to 1."),
    "nulls above 1": (("--null-share", "2"), "--null-share is 2; expected a fraction from 0 to 1."),
    "nulls that are no number": (("--null-share", "nan"), "--null-share is nan; expected a fraction"),
    # training
    "no retraining": (("--train", "t.json", "--retrain", "0"), "--retrain is 0.0; expected a number above 0"),
    "backwards": (("--train", "t.json", "--distill", "-1"), "--distill is -1.0; expected a number above 0"),
    "for ever": (("--train", "t.json", "--retrain", "inf"), "--retrain is inf; expected a number above 0"),
    "both ways": (
        (*RETRAIN, "--distill", "1"),
        "--retrain and --distill are two ways to go on training; give one of them.",
    ),
    "retrained on nothing": (("--retrain", "1"), "--retrain trains on questions; name them with --train."),
    "distilled on nothing": (("--distill", "1"), "--distill trains on questions; name them with --train."),
    "a teacher of nobody": (
        (*RETRAIN, "--teacher", "t"),
        "--teacher is whom --distill learns from; say for how many epochs: --distill 1.",
    ),
    "its own teacher": (
        (*DISTILL, "--no-prune"),
        "An uncut model has nothing to learn from itself; name another --teacher, or use --retrain.",
    ),
    "task weight of what": (
        (*RETRAIN, "--task-weight", "0.5"),
        "--task-weight is a part of the loss of --distill; say for how many epochs: --distill 1.",
    ),
    "hidden weight of what": (("--hidden-weight", "1"), "--hidden-weight is a part of the loss of --distill"),
    "task weight": ((*DISTILL, "--task-weight", "1.5"), "--task-weight is 1.5; expected at most 1."),
    "temperature": ((*DISTILL, "--temperature", "0"), "--temperature is 0.0; expected a number above 0."),
    "rate": (
        (*RETRAIN, "--learning-rate", "nan"),
        "--learning-rate is nan; expected a number of at least 0.",
    ),
    "no batch": (
        (*RETRAIN, "--batch-size", "0"),
        "--batch-size is 0; expected a whole number of at least 1.",
    ),
    "no micro-batch": ((*RETRAIN, "--micro-batch", "0"), "--micro-batch is 0; expected a whole number"),
    "an odd micro-batch": (
        (*RETRAIN, "--micro-batch", "7"),
        "--micro-batch is 7, which does not divide the 24 windows of a batch",
    ),
    "held out": ((*RETRAIN, "--held-out", "0.9"), "--held-out is 0.9; expected at most 0.5."),
    "patience with nothing": (
        (*RETRAIN, "--held-out", "0", "--patience", "2"),
        "--patience needs windows to look at; set --held-out above 0, or leave it out.",
    ),
    "no patience": ((*RETRAIN, "--patience", "0"), "--patience is 0; expected a whole number of at least 1."),
    "looks": ((*RETRAIN, "--evaluate-every", "0"), "--evaluate-every is 0.0; expected a number above 0."),
    "dropout": ((*RETRAIN, "--dropout", "1"), "--dropout is 1.0; expected at most 0.9."),
    # the rest
    "seed": (("--seed", "-1"), "--seed is -1; expected a whole number of at least 0."),
}


@pytest.mark.parametrize(("arguments", "sentence"), REFUSALS.values(), ids=REFUSALS)
def test_what_contradicts_itself_is_one_sentence(
    arguments: tuple[str, ...], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke(COMMAND, ["model", "o.onnx", *arguments])
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert sentence in result.stderr
    assert result.stderr.startswith("prune-export: ")
    assert not any(tmp_path.iterdir())


FITTING: dict[str, dict[str, object]] = {
    "l0 that keeps all": {"method": "l0", "no_prune": True},
    "a plan of l0": {"method": "l0", "plan": Path("p.json")},
    "λ of one kind, a fraction of the other": {
        "method": "l0",
        "train": "t",
        "lambda_heads": 2.0,
        "prune_ffn": 0.5,
    },
    "no penalty at all": {"method": "l0", "train": "t", "lambda_heads": 0.0},
    "a shape by gates": {"method": "l0", "train": "t", "shape": Path("s.json")},
    "a search by gates": {"method": "l0", "train": "t", "calibration": "c"},
    "another teacher of the uncut": {"no_prune": True, "train": "t", "distill": 1.0, "teacher": "m"},
    "the uncut, trained on": {"no_prune": True, "train": "t", "retrain": 0.5},
    "micro-batches of gates alone": {
        "method": "l0",
        "train": "t",
        "settings": TrainingSettings(micro_batch_size=7),
    },
    "patience": {"train": "t", "retrain": 3.0, "settings": TrainingSettings(patience=1)},
    "no nulls": {"null_share": 0.0},
    "all nulls": {"null_share": 1.0},
}


@pytest.mark.parametrize("wishes", FITTING.values(), ids=FITTING)
def test_what_fits_together_is_taken(wishes: dict[str, object]) -> None:
    request("model", Path("o.onnx"), **wishes)


@pytest.mark.parametrize(
    ("wishes", "keeps"),
    [
        ({}, False),
        ({"train": "t"}, False),
        ({"no_prune": True}, False),
        ({"model": "demo"}, True),
        ({"train": "t", "retrain": 1.0}, True),
        ({"train": "t", "distill": 1.0}, True),
        ({"train": "t", "method": "l0"}, True),
        ({"work": Path("w")}, True),
    ],
)
def test_work_is_kept_where_there_is_much_of_it(wishes: dict[str, object], keeps: bool) -> None:
    asked = request(**({"model": "model", "out": Path("o/m.onnx")} | wishes))
    assert asked.keeps_work is keeps
    assert asked.work_directory == wishes.get("work", Path("o/m.onnx.work"))


def test_a_file_in_the_way_of_the_work_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.onnx.work").write_text("")
    kept = request("model", tmp_path / "m.onnx", train="t", retrain=1.0)
    with pytest.raises(InputError, match=r"--work .*m\.onnx\.work is a file; name a directory\."):
        kept.check_paths()
    request("model", tmp_path / "m.onnx").check_paths()  # has no use for it
