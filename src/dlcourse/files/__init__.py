"""Files of strangers, read without executing anything in them; and files that are written whole or not at all."""
