"""A command made from groups of options: cyclopts reads what is typed and shows help, the groups check it."""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any

import cyclopts
from cyclopts.exceptions import CycloptsError, MissingArgumentError, UnusedCliTokensError
from rich.markup import escape

from trellis.cli.options import Group, Option
from trellis.errors import Parameter, UsageError
from trellis.terminal import Terminal

_NAMED = re.compile(r"`([a-z_][a-z_0-9.]*)`")


class Command:
    """What is run when a user types `name`: `act` gets the groups in turn, and returns the exit code.

    Several groups that stand together in `groups` come to it as one tuple.
    """

    def __init__(
        self,
        name: str,
        act: Callable[..., int],
        groups: Sequence[Group | Sequence[Group]],
        *,
        help: Sequence[str],
        examples: Sequence[tuple[str, str]] = (),
        exit_codes: str = "",
    ) -> None:
        """`help` are paragraphs; an example is (what it does, what follows the name)."""
        self.name, self.groups = name, groups
        self._act = act
        self._help, self._examples, self._exit_codes = help, examples, exit_codes

    def __call__(self, arguments: Sequence[str]) -> int:
        """Run it. Raises UsageError where `arguments` are not the command's, InputError where a group refuses them."""
        try:
            code = self._app(
                list(arguments),
                console=Terminal(),
                exit_on_error=False,
                print_error=False,
                verbose=False,
                result_action="return_value",
            )
        except CycloptsError as error:
            raise UsageError(_sentence(error)) from error
        return code or 0

    @cached_property
    def options(self) -> tuple[tuple[Option, ...], ...]:
        """Of each group."""
        alone = [group for each in self.groups for group in ([each] if isinstance(each, Group) else each)]
        return tuple(tuple(group.read()) for group in alone)

    @cached_property
    def flags(self) -> dict[str, str]:
        """What is typed for each parameter that an error may name."""
        return {each.parameter: each.called for group in self.options for each in group}

    def help_of(self, option: Option) -> str:
        """With the other options that it names called as they are typed."""
        return _NAMED.sub(lambda found: self.flags.get(found[1], found[1]), option.help)

    @cached_property
    def _app(self) -> cyclopts.App:
        titles = dict.fromkeys(each.title for group in self.options for each in group)
        panels = {title: cyclopts.Group(title, sort_key=place) for place, title in enumerate(titles)}
        shown = list(panels.values())
        app = cyclopts.App(
            name=self.name,
            usage=f"Usage: {' '.join((self.name, '[OPTIONS]', *map(_usage, self._arguments)))}",
            help="\n\n".join(map(escape, self._help)),
            help_format="rich",
            help_epilogue=self._epilogue(),
            help_flags=["--help"],
            version_flags=[],
            suppress_keyboard_interrupt=False,  # whoever runs it says so
            group_arguments=shown[0],
            group_parameters=shown[-1],
            group_commands=shown[-1],
        )

        def act(*given: str, **typed: Any) -> int:
            return self._act(*self._built(given, typed))

        signature = self._signature(panels)
        act.__signature__ = signature  # type: ignore[attr-defined]
        act.__annotations__ = {each.name: each.annotation for each in signature.parameters.values()}
        app.default(act)
        return app

    @property
    def _arguments(self) -> list[Option]:
        return [each for group in self.options for each in group if each.is_argument]

    def _signature(self, panels: Mapping[str, cyclopts.Group]) -> inspect.Signature:
        """One that has all options side by side, for cyclopts to read."""
        return inspect.Signature(
            [
                inspect.Parameter(
                    _variable(each),
                    _kind(each),
                    default=inspect.Parameter.empty if each.is_required or _is_rest(each) else None,
                    annotation=Annotated[_typed(each), self._shown(each, panels[each.title])],
                )
                for group in self.options
                for each in group
            ]
        )

    def _shown(self, option: Option, panel: cyclopts.Group) -> cyclopts.Parameter:
        return cyclopts.Parameter(
            name=option.called,
            help=escape(self.help_of(option)),
            group=panel,
            metavar=option.metavar,
            show_choices=False,
            show_default=(lambda _: option.default_in_words) if option.default_in_words else False,
            negative=(),
            allow_leading_hyphen=not option.is_argument,
            allow_repeating=True,
        )

    def _built(self, given: Sequence[str], typed: Mapping[str, Any]) -> Iterator[Any]:
        """The groups, each with what was typed of its fields. Raises InputError where it refuses that."""
        left, options = list(given), iter(self.options)
        for each in self.groups:
            if isinstance(each, Group):
                yield each.options(**_values(next(options), left, typed))
            else:
                yield tuple(group.options(**_values(next(options), left, typed)) for group in each)

    def _epilogue(self) -> str:
        examples = [
            f"  [dim]# {escape(what)}[/dim]\n  {self.name} {escape(arguments)}"
            for what, arguments in self._examples
        ]
        parts = ["[bold]Examples[/bold]", *examples] if examples else []
        parts += ["[bold]Exit codes[/bold]", self._exit_codes] if self._exit_codes else []
        return "\n\n".join(parts)


def _values(options: Sequence[Option], left: list[str], typed: Mapping[str, Any]) -> dict[str, Any]:
    """What was typed for them, by field; takes its arguments from those that are `left`."""
    values: dict[str, Any] = {}
    for each in options:
        if _is_rest(each):
            values[each.field] = _value(each, left)
        elif each.is_argument and left:
            values[each.field] = _value(each, left.pop(0))
        elif _variable(each) in typed:
            values[each.field] = _value(each, typed[_variable(each)])
    return values


def _kind(option: Option) -> Any:
    if _is_rest(option):
        return inspect.Parameter.VAR_POSITIONAL
    return inspect.Parameter.POSITIONAL_ONLY if option.is_argument else inspect.Parameter.KEYWORD_ONLY


def _is_rest(option: Option) -> bool:
    """Whether it takes all arguments that are left."""
    return option.is_argument and option.is_list


def _usage(argument: Option) -> str:
    shown = f"{argument.called} ..." if argument.is_list else argument.called
    return shown if argument.is_required else f"[{shown}]"


def _variable(option: Option) -> str:
    return option.parameter.replace(".", "_of_")


def _typed(option: Option) -> Any:
    """What cyclopts is told of it: numbers and paths are texts to it, for it would round 1.5 to a whole number."""
    several: Any = tuple
    kind: Any = str if option.read else option.kind
    if option.is_list and not option.is_argument:
        kind = several[kind, ...]
    # where pydantic is loaded, cyclopts has it look at the default as well, which is None
    return kind if option.is_required or _is_rest(option) else kind | None


def _value(option: Option, typed: Any) -> Any:
    """Of the field, from what was typed. Raises InputError."""
    if not option.read:
        return typed
    name = Parameter(option.parameter)
    return tuple(option.read(name, each) for each in typed) if option.is_list else option.read(name, typed)


def _sentence(error: CycloptsError) -> str:
    """What is wrong with what was typed, in one sentence."""
    if isinstance(error, UnusedCliTokensError):
        return f"There is no place for {' '.join(error.unused_tokens or ())}."
    if isinstance(error, MissingArgumentError) and error.argument:
        is_option = error.argument.name.startswith("-")
        return (
            f"{error.argument.name} needs a value."
            if is_option
            else f"Missing argument {error.argument.name}."
        )
    return str(error)
