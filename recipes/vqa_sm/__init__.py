"""Trains `pageloom/vqa-sm`: answers to simple questions about a page, by a look at its picture."""
