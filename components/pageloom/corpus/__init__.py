"""Gold documents: corpora in the formats that people have, read as `Doc`s to train on.

Importing this package costs nothing; a format's own module comes with its first document.
"""
