"""Classification: multi-layer perceptrons and convolutional networks, their data, and tools to examine them."""
