"""Training for all systems: the runner and its tasks, optimizers, checkpoints, logs, processes and signals."""
