"""`regobs completion`: what a shell runs to complete commands, options and names, PromQL between quotes included."""

from __future__ import annotations

import os
import re

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    add_completion_class,
    get_completion_class,
)

from regobs.errors import MachineError

_INSTALL = {
    "bash": 'eval "$(regobs completion bash)"  # in ~/.bashrc',
    "zsh": 'eval "$(regobs completion zsh)"  # in ~/.zshrc, after compinit',
    "fish": "regobs completion fish | source  # in ~/.config/fish/config.fish",
}
_UNFINISHED = "unfinished"  # the type of an item behind which more is to be typed: PromQL
# click's own script puts each value into the line as it is and closes the quote behind it.
_BASH = """%(complete_func)s() {
    local IFS=$'\\n' answer kind=
    while IFS= read -r answer; do  # not as words, which bash takes for patterns of file names
        kind=${answer%%%%,*}
        case $answer in
        dir,*) COMPREPLY=(); compopt -o dirnames ;;
        file,*) COMPREPLY=(); compopt -o default ;;
        plain,*) COMPREPLY+=("${answer#*,}") ;;
        unfinished,*) COMPREPLY+=("${answer#*,}"); compopt -o nospace 2>/dev/null ;;
        esac
    done < <(env COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD %(complete_var)s=bash_complete $1)
    # Of two, bash leaves the quote open.
    [[ $kind == unfinished && ${#COMPREPLY[@]} == 1 ]] && COMPREPLY+=("${COMPREPLY[0]} ")
    return 0
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""
# click's own script ends a value at a comma.
_FISH = """function %(complete_func)s
    set -lx %(complete_var)s fish_complete
    set -lx COMP_WORDS (commandline -cp)
    set -lx COMP_CWORD (commandline -t)
    for completion in (%(prog_name)s)
        set -l parts (string split -m 1 "," -- $completion)
        switch $parts[1]
            case dir
                __fish_complete_directories $parts[2]
            case file
                __fish_complete_path $parts[2]
            case plain
                echo $parts[2]
        end
    end
end

complete --no-files --command %(prog_name)s --arguments "(%(complete_func)s)"
"""
_SPECIAL = re.compile(r"""[^\w@%+=:,./~-]""", re.ASCII)


class QuotingBash(BashComplete):
    """bash, with values such that they can stand where the cursor is: outside of quotes, or behind an open one."""

    source_template = _BASH
    _quote = ""

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the cursor, and the begun one without its quote."""
        found = super().get_completion_args()
        words, place = os.environ["COMP_WORDS"].split("\n"), int(os.environ["COMP_CWORD"])
        begun = words[place] if place < len(words) else ""
        self._quote = begun[0] if begun[:1] in {"'", '"'} else ""
        return found

    def format_completion(self, item: CompletionItem) -> str:
        """Type and quoted value."""
        kind = _UNFINISHED if item.unfinished else item.type
        return f"{kind},{_quoted(str(item.value), self._quote)}"


class WholeFish(FishComplete):
    """fish, with values that have commas."""

    source_template = _FISH


def _quoted(value: str, quote: str) -> str:
    if quote == "'":
        return value.replace("'", "'\\''")
    return re.sub(r'["\\$`]', r"\\\g<0>", value) if quote else _SPECIAL.sub(r"\\\g<0>", value)


def register() -> None:
    """Let click complete with these scripts."""
    add_completion_class(QuotingBash, "bash")
    add_completion_class(WholeFish, "fish")


@click.command(epilog="\b\n" + "\n".join(_INSTALL.values()))
@click.argument("shell", type=click.Choice(list(_INSTALL)))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what completes commands, options and names in a shell."""
    register()
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - click knows these three
    try:
        script = kind(context.find_root().command, {}, "regobs", "_REGOBS_COMPLETE").source()
    except RuntimeError as error:  # click looks for the version of bash
        raise MachineError(
            f"{shell} cannot be completed here", value=str(error), expected="bash 4.4 or later, zsh or fish"
        ) from None
    click.echo(script)
