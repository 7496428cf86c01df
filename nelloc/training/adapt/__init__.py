"""Models fine-tuned on the images to be compressed."""
