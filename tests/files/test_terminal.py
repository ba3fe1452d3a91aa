"""What files say is shown on one line, and a terminal does not obey it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dlcourse.cli import command_line
from dlcourse.files.terminal import aligned, printable, say


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2J\nerror: all is well\r", r"a\x1b[2J\nerror: all is well\r"),
        ("\x00\x07\x08\x7f\x85\x9b", r"\x00\x07\x08\x7f\x85\x9b"),
        ("line\u2028paragraph\u2029", r"line\u2028paragraph\u2029"),
        ("gpj.\u202ecod\u2066\u200e", r"gpj.\u202ecod\u2066\u200e"),  # shown backwards
        ("in\u200bvis\u200d\ufeffible\u00ad", r"in\u200bvis\u200d\ufeffible\xad"),
        ("\udce9.jpg", r"\udce9.jpg"),  # a byte of a file name that is no UTF-8
        ("x1 ≤ x2, Köln é e\u0301 日本\u3000中文 עברית 🙂 a\u00a0b c:\\d", None),
    ],
)
def test_what_steers_a_terminal_is_shown_and_what_is_read_stays(text, shown):
    assert printable(text) == (text if shown is None else shown)
    assert printable(printable(text)) == printable(text)


def test_say_prints_a_line_for_each_argument(capsys):
    say("a\nb", 5, "")
    assert capsys.readouterr().out == "a\\nb\n5\n\n"


def test_a_table_is_aligned_as_it_is_shown():
    assert aligned([["a", "bb"], ["ccc", "d"]]) == ["a    bb", "ccc   d"]
    assert aligned([["a\n", "bb"], ["c", "d"]]) == ["a\\n  bb", "c     d"]


def test_the_message_of_a_mistake_is_one_line(capsys):
    with pytest.raises(SystemExit, match="1"):
        command_line.fail("a\nerror: all is well\x1b[8m")
    assert capsys.readouterr().err == "error: a\\nerror: all is well\\x1b[8m\n"


def test_an_encoding_without_the_letters_is_no_error():
    imports = "from dlcourse.engine import standard_streams; from dlcourse.files.terminal import say"
    program = rf"{imports}; standard_streams.outlive_readers(); say('1 \xb1 2 \u65e5 \udce9')"
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True)
    assert done.stdout == rb"1 \xb1 2 \u65e5 \udce9" + b"\n"


def test_an_empty_path_is_not_the_current_folder(capsys):
    parser = command_line.Parser()
    parser.add_argument("run", type=Path)
    parser.add_argument("--output", type=Path)
    for words, name in ((["", "--output", "a"], "run"), (["a", "--output", ""], "--output")):
        with pytest.raises(SystemExit, match="1"):
            parser.parse_args(words)
        assert capsys.readouterr().err.startswith(f"error: argument {name}: an empty path")
    assert parser.parse_args(["5"]).run == Path("5")


def test_what_the_system_says_is_told_with_the_file(capsys):
    def job(arguments):
        Path("a" * 300).stat()

    with pytest.raises(SystemExit, match="1"):
        command_line.run(job, None)
    assert capsys.readouterr().err == f"error: {'a' * 300}: File name too long\n"
