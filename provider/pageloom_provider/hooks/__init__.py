"""The hook of the connection type `pageloom`."""
