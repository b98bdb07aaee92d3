"""The recipe of `pageloom/docqa-sm`: questions about documents, answered by words of the page."""
