"""The sample documents and the generator that made them (`python -m samples.make`)."""
