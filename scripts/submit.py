"""Train on a cluster with SLURM: python scripts/submit.py --partition gpu --gpus 4 experiment=NAME key=value ...

When the job is preempted or out of time, it finishes the step, writes a checkpoint, and is queued again to go on there.
"""

from dlcourse.cli.start import begin

begin()
if __name__ == "__main__":
    from dlcourse.cli.submit import main

    main()
