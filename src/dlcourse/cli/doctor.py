"""Describe this machine, and test some arithmetic on each of its devices."""

import argparse
import json

from dlcourse.cli import command_line
from dlcourse.files.terminal import say


def print_findings(arguments: argparse.Namespace) -> None:
    """Print the findings; a device that fails is an error."""
    try:
        from dlcourse.reports import doctor
    except (ImportError, OSError) as error:
        command_line.fail(f"torch cannot be loaded: {error}")
    findings = doctor.examine()
    say(*(json.dumps(findings, indent=2).splitlines() if arguments.json else doctor.describe_findings(findings)))
    broken = [f"{check['device']}: {check['problem']}" for check in findings["devices"] if check["problem"]]
    if broken:
        command_line.fail("; ".join(broken))


def main() -> None:
    parser = command_line.Parser(
        description="Versions, NVIDIA driver, GPUs; some arithmetic on every device. Status 1 if a device fails.",
        example="--json",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    command_line.run(print_findings, parser.parse_args())
