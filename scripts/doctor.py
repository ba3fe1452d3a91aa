"""What does this machine offer, and does it compute? dlcourse doctor [--json]"""

from dlcourse.cli.start import run

run("dlcourse.cli.doctor", __name__)
