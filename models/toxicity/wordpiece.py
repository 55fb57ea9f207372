"""Golden rows for WordPiece: what Hugging Face tokenizers make of the daemon's normalised texts.

    python models/toxicity/wordpiece.py --tamis target/debug/tamis [--check]

Writes `wordpiece.golden.json`. With `--check` it writes nothing and holds the daemon to the tokenizers on every character
of Unicode instead, alone, within a word and beside a space.
"""

import argparse
import json
import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

from sentences import GOLDEN

HERE = Path(__file__).parent
VOCABULARY = HERE / "bert.vocab.txt"
MAX = 128

MORE = [
    "unaffable, unbelievably uncharacteristic embeddings!",
    "Don't stop; it's O'Neil's café.",
    "(round) [square] {curly} <angle> \"double\" 'single' `back`",
    "1 22 333 4444 3.14 1,000,000 50% $5 £6 €7 ¥8 +9 -10 =11 ~12 ^13 |14",
    "snake_case kebab-case CamelCase path/to/file C++ C# F#",
    "supercalifragilisticexpialidocious",
    "x" * 99 + "y",
    "ab" * 50,
    "ab" * 51,
    "é" * 40 + "ab" * 31,
    "日本語のテキスト、漢字とかな。",
    "中文字符：你好，世界！",
    "한국어 문장입니다.",
    "ภาษาไทย हिन्दी বাংলা தமிழ்",
    "Ελληνικά κείμενα· και «εισαγωγικά»",
    "Русский текст — с тире… и «кавычками»",
    "עברית וערבית العربية، نص؟",
    "ქართული հայերեն አማርኛ",
    "e\u0301 n\u0303 o\u0308 a\u030a",
    "zero\u200bwidth \u2060joiner\u200d and \ufeffmark",
    "private \ue000use\uf8ff and \U000f0000planes",
    "soft\u00adhyphen \u0600number sign",
    "🙂👍🏽 👨‍👩‍👧 🇫🇷 ♠ ★ → ∑ ∞ ½ ² ™ ©",
    "¿Qué? ¡Sí! « oui » „ja“ ‚so‘ ‹x› … ‰ † • §",
    "[CLS] [SEP] [UNK] [PAD] [MASK] ##ing",
    "tabs\tand\u3000wide\u00a0spaces\u2028lines",
    "s.i.l.l.y s-i-l-l-y s i l l y and stup1d",
    "the quick brown fox " * 60,
    "a" * 3 + "!" * 9 + "?" * 2,
    "𝒻𝒶𝓃𝒸𝓎 𝔩𝔢𝔱𝔱𝔢𝔯𝔰 and Ⓒircled ⑴",
    "\U00020000 \U0002a6df \U0002b740 \U0002ceaf \u3400 \uf900",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tamis", type=Path, required=True, help="the daemon's binary")
    parser.add_argument("--check", action="store_true", help="every character instead of the golden rows")
    arguments = parser.parse_args()
    tamis, tokenizer = arguments.tamis.resolve(strict=True), reference()
    if arguments.check:
        check(tamis, tokenizer)
        return
    texts = [*GOLDEN, *MORE]
    rows = []
    for text, normalized in zip(texts, normalize(tamis, texts), strict=True):
        ids = tokenizer.encode(normalized).ids if normalized else []
        rows.append({"text": text, "normalized": normalized, "ids": ids})
    lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
    (HERE / "wordpiece.golden.json").write_text(f"[\n{lines}\n]\n")


def reference() -> Tokenizer:
    """BERT's tokenizer, cut to `MAX` pieces as training cuts."""
    tokenizer = Tokenizer(WordPiece.from_file(str(VOCABULARY), unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    special = [(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=special)
    tokenizer.enable_truncation(MAX)
    return tokenizer


def normalize(tamis: Path, texts: list[str]) -> list[str]:
    """What `tamis normalize` leaves of each text."""
    output = subprocess.run([tamis, "normalize"], input=_lines(texts), stdout=subprocess.PIPE, check=True).stdout
    return [json.loads(line) for line in output.splitlines()]


def pieces(tamis: Path, texts: list[str]) -> list[list[int]]:
    """The ids of `tamis pieces` for each text."""
    command = [tamis, "pieces", "--vocabulary", VOCABULARY, "--max", str(MAX)]
    output = subprocess.run(command, input=_lines(texts), stdout=subprocess.PIPE, check=True).stdout
    stream, rows, at = np.frombuffer(output, dtype="<u4"), [], 0
    for _ in texts:
        count = int(stream[at])
        rows.append(stream[at + 1 : at + 1 + count].tolist())
        at += 1 + count
    return rows


def check(tamis: Path, tokenizer: Tokenizer) -> None:
    """Prints each character on which the daemon and the tokenizers differ; fails if there is one."""
    characters = [chr(code) for code in range(1, 0x110000) if not 0xD800 <= code < 0xE000]
    texts = [f"{character} so{character}me {character}day" for character in characters]
    wrong = 0
    for character, normalized, found in zip(characters, normalize(tamis, texts), pieces(tamis, texts), strict=True):
        expected = tokenizer.encode(normalized).ids if normalized else []
        if found != expected:
            wrong += 1
            print(f"U+{ord(character):04X} {unicodedata.category(character)}: {found} instead of {expected}")
    print(f"{len(characters)} characters, {wrong} differ", file=sys.stderr)
    sys.exit(wrong > 0)


def _lines(texts: list[str]) -> bytes:
    return "".join(json.dumps(text) + "\n" for text in texts).encode()


if __name__ == "__main__":
    main()
