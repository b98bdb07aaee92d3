"""ViLT's inputs: resized and padded images with their masks, and running text."""
