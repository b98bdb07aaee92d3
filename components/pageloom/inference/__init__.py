"""Running models over many documents: device, number type, batches by tokens, one row a word."""
