"""What people do to words that would be found: one rule at a time, applied to the words that carry the label.

Which words these are comes from the data (log-odds of a word in toxic rows), so none stands here.
"""

import random
import re
from collections import Counter
from collections.abc import Callable

import numpy as np

WORD = re.compile(r"[^\W\d_]{3,}")
ZERO_WIDTH = ["\u200b", "\u200c", "\u2060", "\u00ad"]
# Latin letters and their look-alikes in Cyrillic (Unicode TR 39, confusables).
LOOK_ALIKES = dict(zip("aceiopsxy", "асеіорѕху", strict=True))
LEET = dict(zip("aeiost", "431057", strict=True))
VOWELS = set("aeiouy")


def marked_words(texts: list[str], positive: np.ndarray, least: int = 5, odds: float = 2.0) -> set[str]:
    """Words that stand in at least `least` rows and whose smoothed log-odds of a positive row exceed the base by `odds`."""
    inside, outside = Counter(), Counter()
    for text, toxic in zip(texts, positive, strict=True):
        (inside if toxic else outside).update({word.casefold() for word in WORD.findall(text)})
    base = np.log((positive.sum() + 1) / ((~positive).sum() + 1))
    return {
        word
        for word, count in inside.items()
        if count + outside[word] >= least and np.log((count + 0.5) / (outside[word] + 0.5)) - base > odds
    }


def apply(rule: str, text: str, words: set[str], seed: int) -> str:
    """`text` with the rule applied to each of its words that is in `words`; the same seed gives the same text."""
    change, source = RULES[rule], random.Random(seed)
    return WORD.sub(lambda found: change(found[0], source) if found[0].casefold() in words else found[0], text)


def zero_width(word: str, source: random.Random) -> str:
    """An invisible character somewhere inside."""
    at = source.randrange(1, len(word))
    return word[:at] + source.choice(ZERO_WIDTH) + word[at:]


def confusables(word: str, source: random.Random) -> str:
    """One letter, or two, in a look-alike of another script."""
    return _replace(word, LOOK_ALIKES, source, 2)


def leetspeak(word: str, source: random.Random) -> str:
    """Up to two letters as digits."""
    return _replace(word, LEET, source, 2)


def stretched(word: str, source: random.Random) -> str:
    """A vowel, or else the last letter, three to six times."""
    at = [place for place, letter in enumerate(word) if letter.casefold() in VOWELS] or [len(word) - 1]
    place = source.choice(at)
    return word[:place] + word[place] * source.randint(3, 6) + word[place + 1 :]


def spaced_out(word: str, source: random.Random) -> str:
    """Spaces between all letters."""
    return " ".join(word)


def punctuated(word: str, source: random.Random) -> str:
    """The same mark between all letters."""
    return source.choice(".-*_").join(word)


def _replace(word: str, table: dict[str, str], source: random.Random, most: int) -> str:
    places = [at for at, letter in enumerate(word) if letter.casefold() in table]
    letters = list(word)
    for at in source.sample(places, min(most, len(places))):
        letters[at] = table[letters[at].casefold()]
    return "".join(letters)


RULES: dict[str, Callable[[str, random.Random], str]] = {
    "zero_width": zero_width,
    "confusables": confusables,
    "leetspeak": leetspeak,
    "stretched": stretched,
    "spaced_out": spaced_out,
    "punctuated": punctuated,
}
