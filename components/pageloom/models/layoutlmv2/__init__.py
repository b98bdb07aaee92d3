"""LayoutLMv2 and LayoutXLM (Xu et al. 2021): config, visual backbone, encoder, heads."""
