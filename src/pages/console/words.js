"use strict";
// All that the page says, in each of its languages; what depends on a number or a name is a function of it.

const WORDS = {
  en: {
    own: "English",
    skip: "Skip to the text",
    tagline: "Toxicity scores and iris classes, answered while you type.",
    dark: "Dark colours",
    toxicity: "Toxicity",
    model: "Model",
    text: "Text to score",
    hint: "Type or paste a text…",
    shadeNote: "Shaded words weigh most.",
    shadeMissing: "This model cannot say which words weigh.",
    examples: "Examples",
    score: "Toxicity",
    low: "low", medium: "medium", high: "high",
    toxic: "toxic", severe_toxic: "severely toxic", obscene: "obscene", threat: "threat", insult: "insult", identity_hate: "identity hate",
    time: (model, server, browser) => `${model} took ${server}; with the way here and back ${browser}.`,
    told: (score, level) => `Toxicity ${score} of 100, ${level}.`,
    toldWords: (words) => ` What weighs most: ${words}.`,
    presets: "Typical flowers",
    sepal_length: "Sepal length", sepal_width: "Sepal width", petal_length: "Petal length", petal_width: "Petal width",
    flower: "A flower of these measures",
    centimetres: (length) => `${length} cm`,
    confidence: (share) => `${share} of the trees agree`,
    irisTold: (name, share) => `Iris ${name}, ${share}.`,
    forest: "The forest",
    key: "API key or token",
    useKey: "Use it",
    keyNote: "Kept until this tab is closed, sent to this daemon alone, never in an address.",
    forget: "Forget the key",
    links: "More",
    caution: "Do not let a score alone decide about a person.",
    lost: "The daemon does not answer. Trying again…",
    unauthorized: "This daemon answers those who have a key.",
    wrongKey: "This key or token is not accepted, or has expired.",
    forbidden: (scope) => `This key may not ask that: it lacks the scope “${scope}”.`,
    absent: "No model answers at this address: it is for operators.",
    tooLong: "This text is longer than the daemon takes.",
    emptyText: "There is nothing to score in this text.",
    busy: (seconds) => `The model has no room at the moment. Trying again in ${seconds} s…`,
    loading: (seconds) => `The model is not loaded. Trying again in ${seconds} s…`,
    late: (seconds) => `The model took too long. Trying again in ${seconds} s…`,
    tooMany: (seconds) => `Too many requests. Trying again in ${seconds} s…`,
    refused: (status, detail) => `The daemon refuses: ${detail} (${status}).`,
  },
  fr: {
    own: "Français",
    skip: "Aller au texte",
    tagline: "Toxicité des textes et classe des iris, pendant que vous tapez.",
    dark: "Couleurs sombres",
    toxicity: "Toxicité",
    model: "Modèle",
    text: "Texte à évaluer",
    hint: "Tapez ou collez un texte…",
    shadeNote: "Les mots teintés pèsent le plus.",
    shadeMissing: "Ce modèle ne sait pas dire quels mots pèsent.",
    examples: "Exemples",
    score: "Toxicité",
    low: "faible", medium: "moyenne", high: "élevée",
    toxic: "toxique", severe_toxic: "très toxique", obscene: "obscène", threat: "menace", insult: "insulte", identity_hate: "haine identitaire",
    time: (model, server, browser) => `${model} a mis ${server}\u00a0; aller-retour compris, ${browser}.`,
    told: (score, level) => `Toxicité ${score} sur 100, ${level}.`,
    toldWords: (words) => ` Ce qui pèse le plus\u00a0: ${words}.`,
    presets: "Fleurs typiques",
    sepal_length: "Longueur du sépale", sepal_width: "Largeur du sépale", petal_length: "Longueur du pétale", petal_width: "Largeur du pétale",
    flower: "Une fleur de ces mesures",
    centimetres: (length) => `${length} cm`,
    confidence: (share) => `${share} des arbres sont d’accord`,
    irisTold: (name, share) => `Iris ${name}, ${share}.`,
    forest: "La forêt",
    key: "Clé d’API ou jeton",
    useKey: "Utiliser",
    keyNote: "Gardée jusqu’à la fermeture de cet onglet, envoyée à ce seul serveur, jamais dans une adresse.",
    forget: "Oublier la clé",
    links: "Plus",
    caution: "Qu’un score ne décide jamais seul du sort d’une personne.",
    lost: "Le serveur ne répond pas. Nouvel essai…",
    unauthorized: "Ce serveur répond à qui possède une clé.",
    wrongKey: "Cette clé ou ce jeton n’est pas accepté, ou a expiré.",
    forbidden: (scope) => `Cette clé n’y donne pas droit\u00a0: il lui manque la portée «\u00a0${scope}\u00a0».`,
    absent: "Aucun modèle ne répond à cette adresse, réservée à l’exploitation.",
    tooLong: "Ce texte est plus long que ce que le serveur accepte.",
    emptyText: "Il n’y a rien à évaluer dans ce texte.",
    busy: (seconds) => `Le modèle n’a plus de place pour l’instant. Nouvel essai dans ${seconds} s…`,
    loading: (seconds) => `Le modèle n’est pas chargé. Nouvel essai dans ${seconds} s…`,
    late: (seconds) => `Le modèle a mis trop de temps. Nouvel essai dans ${seconds} s…`,
    tooMany: (seconds) => `Trop de requêtes. Nouvel essai dans ${seconds} s…`,
    refused: (status, detail) => `Le serveur refuse\u00a0: ${detail} (${status}).`,
  },
};

/** Texts to try, each in its language. */
const EXAMPLES = [
  ["en", "Thank you, that was very kind of you."],
  ["en", "What a stupid idea. Nobody asked you!"],
  ["fr", "Merci, c’est vraiment très gentil."],
  ["fr", "Quelle idée stupide, tais-toi donc !"],
];

/** The language spoken, its words, and its numbers. */
let language = "en", words = WORDS.en, plain, percent;

function speak(name) {
  language = name;
  words = WORDS[name];
  plain = new Intl.NumberFormat(name, { maximumSignificantDigits: 3 });
  percent = new Intl.NumberFormat(name, { style: "percent", maximumFractionDigits: 1 });
}

/** Milliseconds, in the unit that suits them. */
function time(milliseconds) {
  if (!(milliseconds >= 0)) return "–";
  const [scale, unit] = milliseconds < 0.9995 ? [1000, "µs"] : milliseconds < 999.5 ? [1, "ms"] : [0.001, "s"];
  return `${plain.format(milliseconds * scale)}\u00a0${unit}`;
}

/** What the page says under this name, or the name itself, as of a label of a user's model. */
const say = (name) => (typeof words[name] === "string" ? words[name] : name);
