"""Train on a cluster with SLURM: dlcourse submit --partition gpu --gpus 4 experiment=NAME key=value ..."""

from dlcourse.cli.start import run

run("dlcourse.cli.submit", __name__)
