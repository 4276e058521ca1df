"""The official OpenAI SDK for Python, as it comes: asks everything an agent asks, and prints what it saw as JSON.

Usage: openai_client.py BASE_URL BROKEN_MODEL SOUND_MODEL
"""

import json
import sys

import openai

TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
SCHEMA = {
    "name": "place",
    "strict": True,
    "schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
}


def say(text: str) -> list:
    return [{"role": "user", "content": text}]


def read(stream) -> dict:
    """What was said before the stream ended, and the code of the error if it ended with one."""
    seen = {"text": "", "models": [], "finish": None, "usage": None, "error": None}
    try:
        for chunk in stream:
            if chunk.model not in seen["models"]:
                seen["models"].append(chunk.model)
            if chunk.usage:
                seen["usage"] = chunk.usage.total_tokens
            for choice in chunk.choices:
                seen["text"] += choice.delta.content or ""
                seen["finish"] = choice.finish_reason or seen["finish"]
    except openai.APIError as error:
        seen["error"] = error.code
    return seen


def failure(ask) -> dict:
    try:
        ask()
    except openai.APIStatusError as error:
        return {"kind": type(error).__name__, "status": error.status_code, "code": error.code, "param": error.param}
    return {"kind": "none"}


def main() -> None:
    base_url, broken, sound = sys.argv[1:4]
    client = openai.OpenAI(base_url=base_url, api_key="any")
    create = client.chat.completions.create

    raw = client.chat.completions.with_raw_response.create(
        model="auto", messages=say("Say hello"), metadata={"agent_id": "python"}
    )
    whole = raw.parse()
    tools = create(model=sound, messages=say("Weather? [calls=2]"), tools=[TOOL], tool_choice="required")
    calls = tools.choices[0].message.tool_calls
    answered = create(
        model=sound,
        messages=say("Weather?")
        + [tools.choices[0].message]
        + [{"role": "tool", "tool_call_id": call.id, "content": "4 °C"} for call in calls],
        tools=[TOOL],
    )
    structured = create(
        model=sound,
        messages=say("Name a city"),
        response_format={"type": "json_schema", "json_schema": SCHEMA},
    )
    with client.chat.completions.stream(
        model=sound, messages=say("Weather? [calls=2]"), tools=[TOOL], tool_choice="required"
    ) as stream:
        streamed_calls = stream.get_final_completion().choices[0].message.tool_calls
    cut = {"messages": say("Talk [tokens=60]"), "model": broken, "stream": True, "extra_body": {"models": [sound]}}
    print(
        json.dumps(
            {
                "model": whole.model,
                "text": whole.choices[0].message.content,
                "executionId": raw.headers["x-modeltier-execution-id"],
                "toolNames": [call.function.name for call in calls],
                "toolArguments": [json.loads(call.function.arguments) for call in calls],
                "streamedArguments": [json.loads(call.function.arguments) for call in streamed_calls],
                "answered": answered.choices[0].finish_reason,
                "structured": json.loads(structured.choices[0].message.content),
                "streamed": read(
                    create(
                        model=sound,
                        messages=say("Talk [tokens=9]"),
                        stream=True,
                        stream_options={"include_usage": True},
                    )
                ),
                "live": read(create(**cut)),
                "assured": read(create(**cut, extra_headers={"x-modeltier-delivery": "assured"})),
                "unknown": failure(lambda: create(model="gpt-none", messages=say("x"))),
                "unsupported": failure(lambda: create(model="auto", messages=say("x"), n=2)),
                "models": [model.id for model in client.models.list()][:4],
                "retrieved": client.models.retrieve("gamma/plain").id,
            }
        )
    )


if __name__ == "__main__":
    main()
