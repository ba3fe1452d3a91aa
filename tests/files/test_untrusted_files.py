"""No reader takes more memory than docs/untrusted_files.md says, whatever is in a file."""

import json
import os
import re
import subprocess
import sys

import pytest

from conftest import ROOT
from limits import LIMITS, OUR_OWN, SAME, Measured
from readers import READERS

PAGE = (ROOT / "docs" / "untrusted_files.md").read_text()
MEMORY = PAGE.partition("## Memory")[2]
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in MEMORY.splitlines() if line.startswith("| ")]
READER, WORST, PEAK, LIMIT = 0, 1, 2, 3  # columns
STATED = {row[READER]: row for row in ROWS if row[READER] in LIMITS}


linux = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for its memory")
QUICK = [(name, kind) for name, limit in LIMITS.items() for kind, one in limit.worst.items() if not one.is_slow]


def measure(*options: str) -> dict[str, dict[str, Measured]]:
    """What becomes of every file, where no reader can get more than its limit."""
    here = {"PYTHONPATH": os.pathsep.join(sys.path), "MALLOC_ARENA_MAX": "1"}
    command = [sys.executable, str(ROOT / "tests" / "support" / "limits.py"), "--limited", *options]
    done = subprocess.run(command, env=os.environ | here, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr
    return {
        reader: {kind: Measured(**found) for kind, found in kinds.items()}
        for reader, kinds in json.loads(done.stdout).items()
    }


def check(found: Measured, reader: str, kind: str) -> None:
    """The file was read, or refused for the reason that is expected, in no more memory than is stated."""
    expected = LIMITS[reader].worst[kind].outcome
    assert re.search(expected, found.outcome) if expected else found.outcome == "", (reader, kind, found)
    assert found.mib <= LIMITS[reader].mib, (reader, kind, found)


@pytest.fixture(scope="module")
def measured() -> dict[str, dict[str, Measured]]:
    return measure("--quick")


@pytest.mark.long
@linux
@pytest.mark.parametrize(("reader", "kind"), QUICK)
def test_a_reader_stays_within_its_memory(measured, reader, kind):
    check(measured[reader][kind], reader, kind)


@linux
@pytest.mark.slow
def test_every_reader_stays_within_its_memory():
    for reader, kinds in measure().items():
        for kind, found in kinds.items():
            check(found, reader, kind)


def test_every_reader_has_a_row():
    assert READERS.keys() == ((LIMITS.keys() & READERS.keys()) | SAME.keys() | OUR_OWN)
    assert set(SAME.values()) <= LIMITS.keys() and not SAME.keys() & LIMITS.keys()


def test_the_page_states_the_limit_of_every_reader():
    assert list(STATED) == list(LIMITS)
    for reader, row in STATED.items():
        assert row[LIMIT] == f"{LIMITS[reader].mib} MiB" and row[WORST] in LIMITS[reader].worst, reader
        assert int(row[PEAK].removesuffix(" MiB")) <= LIMITS[reader].mib, reader
