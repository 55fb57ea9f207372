"""The rows: where they come from, how they are cleaned and split, and how a training mixture is made of them."""
