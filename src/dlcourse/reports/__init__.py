"""What one learns from finished runs and from small demonstrations."""
