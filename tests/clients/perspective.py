"""Perspective's documented Python client, google-api-python-client, against the daemon: URL KEY.

Nothing of the client is changed but the address of its discovery document.
"""

import sys

from googleapiclient import discovery
from googleapiclient.errors import HttpError

ATTRIBUTES = ["TOXICITY", "SEVERE_TOXICITY", "PROFANITY", "THREAT", "INSULT", "IDENTITY_ATTACK"]


def client(url: str, key: str, path: str = "/$discovery/rest?version=v1alpha1"):
    return discovery.build(
        "commentanalyzer",
        "v1alpha1",
        developerKey=key,
        discoveryServiceUrl=url + path,
        static_discovery=False,
    )


def refusal(request) -> HttpError:
    try:
        request.execute()
    except HttpError as error:
        return error
    raise AssertionError("it was not refused")


def analyze(comments, text: str, attributes=("TOXICITY",), **more) -> dict:
    body = {"comment": {"text": text}, "requestedAttributes": {name: {} for name in attributes}, **more}
    return comments.analyze(body=body).execute()


def main(url: str, key: str):
    comments = client(url, key).comments()
    kind = analyze(comments, "You are kind.", ATTRIBUTES, clientToken="one", doNotStore=True, languages=["en"])
    assert list(kind["attributeScores"]) == ATTRIBUTES, kind
    assert kind["clientToken"] == "one" and kind["languages"] == ["en"], kind
    rude = analyze(comments, "You stupid idiot!", ATTRIBUTES)
    for name in ("TOXICITY", "INSULT"):
        scores = [answer["attributeScores"][name]["summaryScore"] for answer in (kind, rude)]
        assert all(score["type"] == "PROBABILITY" for score in scores), scores
        assert scores[0]["value"] < 0.5 < scores[1]["value"], scores

    # As many scripts do: the first span of a comment is the whole of it.
    whole = rude["attributeScores"]["TOXICITY"]["spanScores"][0]
    assert (whole["begin"], whole["end"]) == (0, 17), whole

    text = "👍 Good morning. You stupid idiot! naïve?"
    units = text.encode("utf-16-le")
    spans = analyze(comments, text, spanAnnotations=True)["attributeScores"]["TOXICITY"]["spanScores"]
    parts = [units[2 * span["begin"] : 2 * span["end"]].decode("utf-16-le") for span in spans]
    assert parts == ["👍 Good morning.", "You stupid idiot!", "naïve?"], parts
    assert max(spans, key=lambda span: span["score"]["value"]) == spans[1], spans

    # The older address of the document too.
    old = client(url, key, "/discovery/v1/apis/{api}/{apiVersion}/rest").comments()
    suggested = {"comment": {"text": "Hi."}, "attributeScores": {"TOXICITY": {"summaryScore": {"value": 0}}}}
    assert old.suggestscore(body=suggested | {"clientToken": "two"}).execute() == {"clientToken": "two"}

    empty = refusal(comments.analyze(body={"comment": {"text": ""}, "requestedAttributes": {"TOXICITY": {}}}))
    assert empty.status_code == 400 and empty.reason == "Comment must be non-empty.", empty
    assert empty.error_details[0]["errorType"] == "COMMENT_EMPTY", empty.error_details
    japanese = {"comment": {"text": "Hi."}, "languages": ["ja"], "requestedAttributes": {"TOXICITY": {}}}
    assert "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE" in str(refusal(comments.analyze(body=japanese)))
    wrong = client(url, "wrong").comments().analyze(body={})
    assert refusal(wrong).status_code == 401


if __name__ == "__main__":
    main(*sys.argv[1:])
