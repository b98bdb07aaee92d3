"""LayoutLMv2's image processor, tokenizer and processor."""
