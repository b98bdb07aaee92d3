"""A generator of documents: eight kinds, five languages, exact words and fields."""
