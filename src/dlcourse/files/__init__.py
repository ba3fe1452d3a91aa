"""Untrusted files, read without executing anything in them; and atomic writing."""
