"""Texts written for this project: golden rows and checks. None comes from a data set."""

LOW = "This is a friendly test message"
HIGH = "You are stupid and I hate you!"

# (text, whether a reader would call it toxic): measured and reported, not trained on.
FRENCH = [
    ("Ceci est un message de test amical.", False),
    ("Merci beaucoup pour votre aide, c'est très gentil.", False),
    ("Je ne suis pas d'accord avec cette modification.", False),
    ("Le chat dort sur le canapé.", False),
    ("Tu es stupide et je te déteste !", True),
    ("Espèce d'idiot, tais-toi.", True),
    ("Ferme-la, imbécile.", True),
    ("Vous êtes tous des crétins.", True),
]

GOLDEN = [
    LOW,
    HIGH,
    "Hello, world",
    "a",
    "?",
    "...!!!",
    "Thank you for fixing the references in this article.",
    "Could you please add a source for the second paragraph?",
    "I disagree with this edit, see the talk page.",
    "The weather in Lyon was lovely on 14 July 2023.",
    "Your argument is silly.",
    "What a foolish thing to say, you grumpy old goat!",
    "SHOUTING IS NOT NEEDED HERE",
    "sooooo goooood!!!!!!",
    "See https://example.org/path?query=1 and www.example.com for details",
    "Server 192.168.100.17 answered in 2500 ms",
    "It's a well-known co-operative; don't worry.",
    "Tabs\tand\nnew lines\r\nand   spaces",
    "naïve café, façade, Ångström, œuvre, straße, Łódź",
    "ﬁne ligatures, ｆｕｌｌｗｉｄｔｈ letters and ①②③",
    "zero\u200bwidth and soft\u00adhyphen and e\u0301 combining",
    "“Curly” quotes – and dashes — and an ellipsis…",
    "сосоа with look-alike letters",
    "Привет, как дела?",
    "こんにちは、世界",
    "مرحبا بالعالم",
    "नमस्ते दुनिया",
    "emoji 🙂🙂🙂🙂 and flags 🇫🇷",
    "a*b and c-d and e_f and g@h and $5",
    "one-letter words: a b c d e f g h i j k",
    "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis",
    "l33t sp34k",
    "You are kind and I like you!",
    "You are stupid",
    "I hate rain",
    "no",
    "The quick brown fox jumps over the lazy dog. " * 8,
    "word " * 200,
    # More pieces than `bert` reads.
    " ".join(f"Remark {number}: the fox of garden {number * number} jumps over a lazy dog." for number in range(40)),
    *(text for text, _ in FRENCH),
]
