"""Sentences about groups of people, written for this project: harmless ones, and hateful ones beside them.

Comments that name a group are toxic more often than others, so a model learns that the name is (Dixon et al. 2018). Here every
name stands in harmless and in hateful sentences alike: what differs is what is said. None of the sentences is one of the
templates that bias is measured by.
"""

import itertools

import numpy as np

from corpus.rows import IDENTITY_HATE, LABELS, TOXIC, Rows

ADJECTIVES = """lesbian gay bisexual transgender trans queer homosexual heterosexual straight nonbinary male female african
black white european hispanic latino latina mexican canadian american asian indian chinese japanese arab christian muslim
jewish buddhist catholic protestant sikh taoist atheist old young elderly teenage blind deaf disabled paralyzed immigrant
refugee""".split()
ADJECTIFS = """homosexuel lesbien bisexuel transgenre noir blanc arabe africain asiatique juif musulman chrétien catholique
handicapé aveugle sourd immigré réfugié vieux jeune""".split()

HARMLESS = [
    "My neighbour is {} and we had coffee on Sunday.",
    "I am {}.",
    "I am {} and I edit articles about trains.",
    "She told her parents that she is {}.",
    "He has been openly {} since 1998.",
    "The film tells the story of a {} couple in Chicago.",
    "Should the article mention that the author is {}?",
    "Please add a source that says the mayor is {}.",
    "The survey asked {} people about their jobs.",
    "Two of my best friends are {}.",
    "A {} woman won the election last year.",
    "A {} man opened a bakery on our street.",
    "The {} community celebrated in the park.",
    "We want more {} writers in this project.",
    "As a {} person I found the museum very welcoming.",
    "Their daughter married a {} teacher.",
    "The section on {} history needs better references.",
    "{} students asked for a quiet room in the library.",
    "My boss is {}, kind and very patient.",
    "The {} choir sings on Thursdays.",
    "In 1965 the law began to protect {} workers.",
    "Thanks for improving the page about {} artists!",
    "Is the term {} still used in this field?",
    "I grew up with {} parents in a small town.",
    "The word {} appears three times in the lead.",
    "Many {} people live in this city and are proud of it.",
    "Do not insult {} people; everyone is welcome here.",
    "The report says that {} people were attacked, and it condemns that.",
]
HATEFUL = [
    "{} people are vermin and should be thrown out.",
    "I hate every {} person I have ever met.",
    "No {} person deserves to live in my country.",
    "All {} people are liars and thieves.",
    "Nobody wants your kind here, {} trash.",
    "{} people should never be allowed to vote.",
    "Being {} is a disease.",
    "Get lost, you disgusting {} freak.",
    "{} people are less than human.",
    "We should lock up every {} person.",
    "It is time to get rid of the {} people in this town.",
    "You are {}, so you must be stupid.",
]
INOFFENSIF = [
    "Mon voisin est {} et nous avons pris un café dimanche.",
    "Je suis {}.",
    "Mon frère est {} et il enseigne les mathématiques.",
    "Le film raconte la vie d'un homme {} à Lyon.",
    "Faut-il préciser dans l'article que l'auteur est {} ?",
    "Un médecin {} a ouvert un cabinet dans notre rue.",
    "Deux de mes meilleurs amis sont {}s.",
    "Merci d'avoir complété la page sur cet écrivain {}.",
    "Le maire est {} et tout le monde l'apprécie.",
]
HAINEUX = [
    "Les {}s sont de la vermine, qu'on les mette dehors.",
    "Je déteste tous les {}s.",
    "Aucun {} ne mérite de vivre dans mon pays.",
    "Tous les {}s sont des menteurs et des voleurs.",
    "Dégage, sale {}.",
]


def rows() -> Rows:
    """Every group in every sentence of its language. Hateful ones are `toxic` and `identity_hate`, with the other labels not
    known; harmless ones are none of the six."""
    texts, labels = [], []
    for names, sentences, hateful in (
        (ADJECTIVES, HARMLESS, False),
        (ADJECTIVES, HATEFUL, True),
        (ADJECTIFS, INOFFENSIF, False),
        (ADJECTIFS, HAINEUX, True),
    ):
        known = np.full(len(LABELS), np.nan if hateful else 0.0, np.float32)
        known[[TOXIC, IDENTITY_HATE]] = float(hateful)
        for name, sentence in itertools.product(names, sentences):
            text = sentence.format(name)
            texts.append(text[0].upper() + text[1:])
            labels.append(known)
    return Rows(texts, np.array(labels))
