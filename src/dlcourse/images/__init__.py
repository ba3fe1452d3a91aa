"""Images: files, tensors, colours, animations, and labelled tables of them."""
