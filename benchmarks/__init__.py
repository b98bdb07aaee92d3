"""Side-by-side timings against the public library; `make bench` runs them."""
