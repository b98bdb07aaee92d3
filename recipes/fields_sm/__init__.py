"""Makes `pageloom/fields-sm`: a small LayoutLMv2 that reads company, date, address and total."""
