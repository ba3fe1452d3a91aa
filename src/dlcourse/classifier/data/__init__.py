"""What a classifier learns from: points in the plane, and images in classes."""
