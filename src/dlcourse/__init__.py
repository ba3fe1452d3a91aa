"""Classic deep-learning papers as code to read, run and use. Importing this package loads nothing heavy."""
