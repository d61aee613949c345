"""Commands that take PromQL: an expression may begin with a minus, as no option does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import click

from regobs.errors import InputError

# A minus and more than one letter, which no option of these commands is written as: `-sum(up)`, `-1`, `-(up)`.
_EXPRESSION = re.compile(r"-(?:[^-A-Za-z]|[A-Za-z][^=])", re.DOTALL)


class ExpressionCommand(click.Command):
    """A command for which `-sum(up)` is an argument, where click takes it for the options -s, -u and so on."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The arguments; an expression goes through the parser behind a space, which PromQL ignores."""
        marked = list(self._marked(args))
        try:
            rest = super().parse_args(ctx, marked)
        except click.NoSuchOption as error:
            if re.fullmatch(r"-{1,2}[\w-]+", error.option_name):
                raise
            raise InputError(
                "an expression that begins with two minuses is taken for an option",
                value=error.option_name,
                next_step="put -- before it, behind all options",
            ) from None
        known = {f" {one}": one for one in args}
        for name, value in ctx.params.items():
            if isinstance(value, str):
                ctx.params[name] = known.get(value, value)
            elif isinstance(value, tuple):
                ctx.params[name] = tuple(known.get(one, one) for one in value)
        return rest

    def _marked(self, args: Sequence[str]) -> Iterator[str]:
        options = [one for one in self.params if isinstance(one, click.Option)]
        taking = {name for one in options if not one.is_flag and not one.count for name in one.opts}
        before = ""
        for place, one in enumerate(args):
            if one == "--":
                yield from args[place:]
                return
            yield f" {one}" if _EXPRESSION.match(one) and before not in taking else one
            before = one
