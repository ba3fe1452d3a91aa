"""The style-transfer tab."""
