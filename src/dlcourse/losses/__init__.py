"""Losses as pure functions that return the unweighted term; tasks weigh them."""
