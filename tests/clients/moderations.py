"""OpenAI's own Python client against the daemon: URL KEY. Nothing of it is changed but `base_url`."""

import sys

import openai

JUDGED = {"harassment", "harassment/threatening", "hate"}


def main(url: str, key: str):
    client = openai.OpenAI(base_url=url + "/v1", api_key=key, max_retries=0)
    answer = client.moderations.create(input="You stupid idiot!")
    assert answer.id.startswith("modr-") and answer.model == "auto", answer
    [result] = answer.results
    assert result.flagged and result.categories.harassment, result
    assert result.category_scores.harassment > 0.5 > result.category_scores.hate, result
    for part in (result.categories, result.category_scores):
        named = part.model_dump(by_alias=True)
        assert len(named) == 13 and {name for name, value in named.items() if value is not None} == JUDGED, named
    assert result.categories.violence is None and result.category_scores.self_harm is None, result
    types = result.category_applied_input_types
    assert types.hate == ["text"] and types.sexual == [], types

    texts = ["You are kind.", "I will kill you.", "naïve 👍"]
    answer = client.moderations.create(model="omni-moderation-latest", input=texts)
    assert [result.flagged for result in answer.results] == [False, True, False], answer
    parts = [{"type": "text", "text": text} for text in texts]
    [whole] = client.moderations.create(model="omni-moderation-latest", input=parts).results
    assert whole.flagged and whole.category_scores.harassment_threatening > 0.5, whole

    try:
        client.moderations.create(input=[{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}])
        raise AssertionError("an image was taken")
    except openai.BadRequestError as error:
        assert (error.code, error.param, error.type) == ("unsupported_input", "input[0]", "invalid_request_error"), error
        assert "images" in error.message, error.message
    try:
        openai.OpenAI(base_url=url + "/v1", api_key="wrong", max_retries=0).moderations.create(input="Hi.")
        raise AssertionError("a wrong key was taken")
    except openai.AuthenticationError as error:
        assert error.code == "invalid_api_key", error
    assert len(client.with_options(timeout=20).moderations.create(input=["Hi."] * 256).results) == 256


if __name__ == "__main__":
    main(*sys.argv[1:])
