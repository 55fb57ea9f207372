"""Hashed n-grams as the model `simple` was trained on (feature specification 2), for plain ASCII.

Of the rules of normalisation these are here: ASCII to lower case, a run of white space to one space and a space at both
ends, three or more digits to `000`. Left out, in this peer's favour: links, squeezed repetitions, look-alike letters,
punctuated and spaced-out words, signs for letters, and everything outside ASCII.
"""

import re

SHIFT = 64 - 18
MASK = (1 << 64) - 1
# 2^64 divided by the golden ratio, made odd.
MULTIPLIER = 0x9E3779B97F4A7C15
WORD_SEED = 0x5DEECE66D1A4F87D

DIGITS = re.compile(rb"[0-9]{3,}")
WORD = re.compile(rb"[a-z0-9]+")


def ids(text: str) -> list[int]:
    """The distinct ids of `text`, each below 2^18, in no order."""
    words = DIGITS.sub(b"000", text.lower().encode()).split()
    numbers = set()
    for word in words:
        edged, last = b" " + word + b" ", len(word) + 2
        for size in (3, 4, 5):
            for at in range(last - size + 1):
                numbers.add(int.from_bytes(edged[at : at + size], "little"))
    previous = 0
    for word in WORD.findall(b" ".join(words)):
        number = WORD_SEED
        for at in range(0, len(word), 8):
            number = (number ^ int.from_bytes(word[at : at + 8], "little")) * MULTIPLIER & MASK
            number ^= number >> 29
        numbers.add(number)
        if previous:
            turned = (previous << 25 | previous >> 39) & MASK
            numbers.add((turned * MULTIPLIER & MASK) ^ number)
        previous = number
    return list({(number * MULTIPLIER & MASK) >> SHIFT for number in numbers})
