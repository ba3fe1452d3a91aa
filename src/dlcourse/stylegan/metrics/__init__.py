"""How good generated images are, and what the styles do."""
