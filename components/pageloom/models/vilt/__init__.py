"""ViLT (Kim et al. 2021, arXiv:2102.03334): config, embeddings, encoder, heads."""
