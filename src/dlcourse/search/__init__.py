"""Hyper-parameter search: a study of trials, by one or several processes."""
