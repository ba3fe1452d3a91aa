"""What trains every system: the runner and its task, optimizers, checkpoints, logs, processes and signals."""
