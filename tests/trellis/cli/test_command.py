"""A command made from groups: what is typed reaches the fields, what is not its to take is one sentence."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from support.commands import invoke

from trellis.cli.command import Command
from trellis.cli.options import Group
from trellis.errors import InputError, Parameter
from trellis.options import File, Share, Unset, Value


@dataclass(frozen=True)
class Trees:
    """Arguments."""

    tree: Annotated[str, Value("TREE")]
    """The tree [of any kind] to train."""
    others: Annotated[tuple[str, ...], Value("OTHER")] = ()
    """Its neighbours."""


@dataclass(frozen=True)
class Cut:
    """How it is cut.

    Raises InputError where all would go.
    """

    share: Share | None = None
    """Remove this share of the branches, or see `tool`."""
    tool: Literal["saw", "shears"] = "saw"
    """Cut with it."""
    times: int = 1
    """Cut so often."""
    rate: float = 2.5
    """Cut so fast."""
    length: Annotated[int | None, Unset("as long as the wall")] = None
    """Leave so much."""
    burn: bool = False
    """Burn what was cut."""

    def __post_init__(self) -> None:
        if self.share is not None and self.share >= 1:
            raise InputError("{} is {:g}; expected less.", Parameter("share"), self.share)


@dataclass(frozen=True)
class Care:
    """What comes after."""

    times: int = 2
    """Water so often."""
    notes: Annotated[tuple[str, ...], Value("FILE|ID")] = ()
    """Read these; may be given several times."""
    json_file: File | None = None
    """Write what was found."""

    def __post_init__(self) -> None:
        if self.times < 0:
            raise InputError(
                "{} is {}; give {}.", Parameter("care.times"), self.times, Parameter("tool", "saw")
            )


def act(*groups: object) -> int:
    """Print the groups, and end with the number of times."""
    print(*groups, sep="\n")
    (cut,) = (group for group in groups if isinstance(group, Cut))
    if cut.times == 99:
        raise InputError("{} is {}, which no tree survives.", Parameter("times"), cut.times)
    return cut.times if cut.burn else 0


COMMAND = Command(
    "probe",
    act,
    (
        Group(Trees, positional=True),
        Group(Cut),
        Group(Care, "care", flags={"times": "--care-times", "json_file": "--json"}),
    ),
    help=("Train a tree flat.", "Against [any] wall."),
    examples=(("a pear", "pear --share 50%"),),
    exit_codes="0 trained.",
)


@pytest.fixture(params=[False, True], ids=["", "pydantic is loaded"], autouse=True)
def _cyclopts_looks_for_it(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param:
        pytest.importorskip("pydantic")
    else:
        monkeypatch.delitem(sys.modules, "pydantic", raising=False)


TAKEN: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "nothing but what it needs": (("pear",), {"tree": "pear", "others": (), "cut": Cut(), "care": Care()}),
    "a percentage": (("pear", "--share", "50%"), {"cut": Cut(share=0.5)}),
    "a negative percentage": (("pear", "--share", "-50%"), {"cut": Cut(share=-0.5)}),
    "with an equals sign": (("pear", "--tool=shears", "--json=-"), {
        "cut": Cut(tool="shears"), "care": Care(json_file=Path("-")),
    }),
    "the last of two": (("pear", "--times", "1", "--times", "3"), {"cut": Cut(times=3)}),
    "several of a list": (("pear", "--notes", "a", "--notes", "b"), {"care": Care(notes=("a", "b"))}),
    "the same name in two groups": (("pear", "--times", "3", "--care-times", "4"), {
        "cut": Cut(times=3), "care": Care(times=4),
    }),
    "arguments among options": (("a", "--notes", "n", "b", "--burn", "c", "--times", "0", "d"), {
        "tree": "a", "others": ("b", "c", "d"), "cut": Cut(burn=True, times=0), "care": Care(notes=("n",)),
    }),
    "options before arguments": (("--burn", "--times", "0", "a", "b"), {"tree": "a", "others": ("b",)}),
    "what begins with a hyphen": (("pear", "--", "-x", "--burn"), {"others": ("-x", "--burn")}),
    "a word that is None elsewhere": (("pear", "--notes", "None"), {"care": Care(notes=("None",))}),
}  # fmt: skip


@pytest.mark.parametrize(("typed", "found"), TAKEN.values(), ids=TAKEN)
def test_what_is_typed_reaches_the_fields(typed: tuple[str, ...], found: dict[str, Any]) -> None:
    got: dict[str, Any] = {}

    def keep(trees: Trees, cut: Cut, care: Care) -> int:
        got.update(tree=trees.tree, others=trees.others, cut=cut, care=care)
        return 0

    command = Command("probe", keep, COMMAND.groups, help=("",))
    assert command(typed) == 0
    assert {name: got[name] for name in found} == found


REFUSED = {
    "no argument": ((), "Missing argument TREE; see probe --help."),
    "no value": (("pear", "--times"), "--times needs a value; see probe --help."),
    "no such option": (
        ("pear", "--tims", "3"),
        "Unknown option: --tims. Did you mean --times?; see probe --help.",
    ),
    "no twin of a switch": (("pear", "--no-burn"), "Unknown option: --no-burn."),
    "no beginnings of names": (("pear", "--car", "3"), "Unknown option: --car."),
    "none of the words": (
        ("pear", "--tool", "axe"),
        'Invalid value "axe" for --tool. Choose from: "saw", "shears"',
    ),
    "no whole number": (("pear", "--times", "1.7"), "--times is '1.7'; expected a whole number."),
    "no number": (("pear", "--rate", "fast"), "--rate is 'fast'; expected a number."),
    "no share": (("pear", "--share", "50x"), "--share is '50x'; give a share like 2% or 0.02."),
    "what a group refuses": (("pear", "--share", "2"), "--share is 2; expected less."),
    "what a group of that name refuses": (
        ("pear", "--care-times", "-1"),
        "--care-times is -1; give --tool saw.",
    ),
    "what the command refuses": (("pear", "--times", "99"), "--times is 99, which no tree survives."),
}


@pytest.mark.parametrize(("typed", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_it_does_not_take_is_one_sentence_by_the_names_that_are_typed(
    typed: tuple[str, ...], sentence: str
) -> None:
    ended = invoke(COMMAND, typed)
    (line,) = ended.stderr.splitlines()
    assert ended.exit_code == 2
    assert line.startswith(f"probe: {sentence}")


def test_groups_that_stand_together_come_as_one() -> None:
    got: list[tuple[Cut, Care]] = []

    def keep(trees: Trees, both: tuple[Cut, Care]) -> int:
        got.append(both)
        return 0

    arguments, *others = COMMAND.groups
    command = Command("probe", keep, (arguments, others), help=("",))
    assert command(["pear", "--burn", "--care-times", "3"]) == 0
    assert got == [(Cut(burn=True), Care(times=3))]


def test_too_many_arguments_are_named() -> None:
    command = Command("probe", lambda cut: 0, (Group(Cut),), help=("",))
    assert (
        invoke(command, ["pear", "plum"]).stderr
        == "probe: There is no place for pear plum; see probe --help.\n"
    )


def test_what_the_act_returns_is_the_exit_code() -> None:
    assert invoke(COMMAND, ["pear", "--burn", "--times", "7"]).exit_code == 7


def test_the_help_says_it_all() -> None:
    ended = invoke(COMMAND, ["--help"], columns=100)
    assert (ended.exit_code, ended.stderr) == (0, "")
    lines = [" ".join(line.strip("│ ").split()) for line in ended.stdout.splitlines()]
    assert lines[0] == "Usage: probe [OPTIONS] TREE [OTHER ...]"
    titles = [line.strip("╭─╮ ") for line in ended.stdout.splitlines() if line.startswith("╭")]
    assert titles == ["Arguments", "How it is cut", "What comes after"]
    for line in (
        "Against [any] wall.",
        "* TREE The tree [of any kind] to train. [required]",
        "--share SHARE Remove this share of the branches, or see --tool.",
        "--tool saw|shears Cut with it. [default: saw]",
        "--rate X Cut so fast. [default: 2.5]",
        "--length N Leave so much. [default: as long as the wall]",
        "--burn Burn what was cut.",
        "--notes FILE|ID Read these; may be given several times.",
        "--json FILE Write what was found.",
        "# a pear",
        "probe pear --share 50%",
        "0 trained.",
    ):
        assert line in lines


def test_python_is_told_the_names_of_parameters() -> None:
    with pytest.raises(InputError, match=r"^care\.times is -1; give tool='saw'\.$"):
        Care(times=-1)
