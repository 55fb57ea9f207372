"""`simple`: hashed n-grams, an int8 table of weights."""
