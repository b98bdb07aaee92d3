"""The resident server, `pageloom serve`: pipelines stay loaded, documents come in over HTTP.

A job is one document and what is to be done with it, and its name is the hash of both: asking for
it again finds it, and nothing is done twice. What the server has accepted lies on its disk until
it is answered.
"""
