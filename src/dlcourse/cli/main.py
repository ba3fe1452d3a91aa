"""`dlcourse NAME ...`: all commands as one, also as `python -P -m dlcourse.cli.main NAME ...`."""

import difflib
import importlib
import sys
from pathlib import Path

from dlcourse.cli.start import begin
from dlcourse.files.terminal import say

begin()  # on import, as in scripts/*.py: the processes of `devices=N` import their main module

GROUPS = {  # modules of this folder, in the order of --help
    "Start here": ("explore", "train", "stylize", "sample", "predict"),
    "Look at runs": ("report", "compare", "sheet", "animate"),
    "Tune and check a classifier": ("find_lr", "search", "check_gradients"),
    "StyleGAN": ("prepare_dataset", "evaluate", "import_checkpoint", "export_checkpoint"),
    "Style transfer": ("blend", "style_frames"),
    "More": ("demonstrate", "submit", "doctor"),
}
COMMANDS = tuple(name for names in GROUPS.values() for name in names)
HELP = ("-h", "--help", "help")
UNLISTED = ("bundle_checkpoint",)  # made the checkpoints that come with the project


def main() -> None:
    """Run the command that the first word names, with the words after it."""
    word = sys.argv[1] if len(sys.argv) > 1 else "--help"
    rest = sys.argv[2:]
    if word in HELP and rest and rest[0] not in HELP:  # dlcourse help train
        word, rest = rest[0], ["--help", *rest[1:]]
    name = word.replace("-", "_")
    if word in HELP:
        say("usage: dlcourse COMMAND ...")
        for title, names in GROUPS.items():
            say("", f"{title}:", *(f"  {name:<19}{summary(name)}" for name in names))
        say("", "dlcourse COMMAND --help tells more.")
    elif name in (*COMMANDS, *UNLISTED):
        is_help = rest == ["help"] and not Path("help").exists()
        sys.argv = [f"dlcourse {name}", *(["--help"] if is_help else rest)]
        importlib.import_module(f"dlcourse.cli.{name}").main()
    else:
        say(f"error: {unknown(word)}", file=sys.stderr)
        sys.exit(1)


def summary(name: str) -> str:
    """The first line of a command's docstring, read from its file: importing it would take longer."""
    return Path(__file__).with_name(f"{name}.py").read_text("utf-8").partition("\n")[0].strip('"')


def unknown(word: str) -> str:
    """The error message for a first word that is not a command."""
    if "=" in word or word.startswith("-"):
        return f"{word}: the command comes first, as in dlcourse train seed=1; dlcourse --help lists the commands"
    close = difflib.get_close_matches(word.replace("-", "_"), COMMANDS, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    return f"{word or 'an empty word'}: no such command; {hint}dlcourse --help lists them"


if __name__ == "__main__":
    main()
