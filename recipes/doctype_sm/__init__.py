"""Makes `pageloom/doctype-sm`: a small LiLT that tells kinds of document apart."""
