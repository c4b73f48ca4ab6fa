"""What fused images are good for: pedestrian detection and tracking."""
