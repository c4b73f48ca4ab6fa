"""What is fused: pairs of infrared and visible images, with labels where they exist."""
