"""Makes `pageloom/fields-multi-sm`: a small LiLT for the fields of invoices and receipts."""
